"""The console's work list of collections, and where an action on all that is chosen begins."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from api.console.forms import Form
from api.console.posted import AgentForm
from api.console.visit import AgentVisit, ViewerVisit, Visit
from api.console.work_list_words import (
    METHOD_WORDS,
    WORK_LIST,
    filter_of,
    in_force,
    kind_notes,
    kind_options,
    options_of,
    step_words,
)
from api.dependencies import ContainerDep
from api.routers.collections import work_list_file
from api.schemas.bulk_actions import BulkOrderIn
from api.schemas.work_list import failure_in_words

router = APIRouter(prefix="/console", include_in_schema=False)
PAGE_SIZE = 50
HOME = "/console/collections"
ALWAYS_SHOWN = ("text", "segment", "least", "least_days", "failure", "arrangement")


@router.get("/collections")
async def work_list(container: ContainerDep, visit: ViewerVisit) -> Response:
    """One page of accounts with overdue money, with the totals of all that is chosen; or all of it as a file."""
    asked = WORK_LIST.read(visit.request)
    wanted, now = filter_of(asked), container.clock.now()
    if asked.as_csv:
        return work_list_file(container, wanted)
    page = await container.work_list.page(wanted, now, asked.order, asked.after, PAGE_SIZE)
    totals = await container.work_list.totals(wanted, now)
    return visit.page(
        "collections.html",
        title="Collections",
        asked=asked,
        items=page.items,
        next_after=page.next_after,
        totals=totals,
        today=await container.work_list.day_numbers(now),
        options=options_of(await container.work_list.choices()),
        more_is_asked=any(value for name, value in asked.filters.items() if name not in ALWAYS_SHOWN),
        methods=METHOD_WORDS,
        act_on=f"{HOME}/act?{urlencode({name: value for name, value in asked.filters.items() if value})}",
        now=now,
        step_words=step_words,
        failure_in_words=failure_in_words,
        in_force=in_force,
    )


@router.get("/collections/act")
async def choose_action(visit: AgentVisit) -> Response:
    """What to do with everything that the filter chooses."""
    return await _choose(visit, Form())


@router.post("/collections/act")
async def preview(posted: AgentForm) -> Response:
    """Take down what is chosen; the preview is a page of its own."""

    async def act() -> Response:
        wanted = filter_of(WORK_LIST.read(posted.visit.request))
        order = posted.read(BulkOrderIn, **_numbers(posted.values)).as_order()
        action = await posted.container.bulk_actions.preview(order, wanted, posted.author)
        return posted.visit.to(f"/console/bulk-actions/{action.bulk_id}")

    return await posted.carry_out(act, lambda form: _choose(posted.visit, form))


def _numbers(values: Any) -> dict[str, Any]:
    """What a strict model does not take from text; a local time of the form is UTC."""
    found: dict[str, Any] = {}
    for name in ("policy_version", "cycle_day"):
        if values.get(name, "").isascii() and values.get(name, "").isdigit():
            found[name] = int(values[name])
    if values.get("until"):
        found["until"] = f"{values['until']}:00+00:00" if len(values["until"]) == 16 else values["until"]
    return found


async def _choose(visit: Visit, form: Form) -> Response:
    asked = WORK_LIST.read(visit.request)
    wanted, now = filter_of(asked), visit.container.clock.now()
    choices = await visit.container.work_list.choices()
    return visit.page(
        "collections_act.html",
        title="Act on what is chosen",
        form=form,
        asked=asked,
        chosen=wanted.in_words,
        totals=await visit.container.work_list.totals(wanted, now),
        kinds=kind_options(),
        notes=kind_notes(),
        policies=[("", "–"), *((code, code) for code in choices.policies)],
        back=f"{HOME}?{urlencode({name: value for name, value in asked.filters.items() if value})}",
        now=now,
    )
