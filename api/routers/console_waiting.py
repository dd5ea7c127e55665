"""The console's page of numbers that nobody has yet: counted at a look, tried on a button, guided with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import Response

from api.console.exports import csv_answer
from api.console.forms import Form
from api.console.listing import Listing, Text
from api.console.posted import AgentForm
from api.console.visit import ViewerVisit, Visit
from api.routers.console_usage import ROOT, TABS
from billing.ports.usage_waiting import WAITING_ORDERS, WaitingFilter, WaitingLine
from billing.services.usage_outlook import Waiting

router = APIRouter(prefix="/console/usage/waiting", include_in_schema=False)
PAGE_SIZE = 50
WAITING = Listing("waiting lines", filters=(Text("identifier", 200),), sorts=WAITING_ORDERS)
COLUMNS = ("line", "field", "reason", "records", "kept since")


@router.get("")
async def waiting(visit: ViewerVisit) -> Response:
    """What waits, counted by line and reason; nothing is tried."""
    asked = WAITING.read(visit.request)
    if asked.as_csv:
        wanted = WaitingFilter(asked.text("identifier"), asked.order)
        return csv_answer("waiting", COLUMNS, map(_cells, await visit.container.usage.outlook.waiting_lines(wanted)))
    return await _show(visit, Form())


async def _show(visit: Visit, form: Form, tried: Waiting | None = None) -> Response:
    asked = replace(WAITING.read(visit.request), path=f"{ROOT}/waiting")
    if form.values:  # a form keeps the filter of the list that it was sent from
        asked = replace(asked, filters={"identifier": form.value("identifier")})
    wanted = WaitingFilter(asked.text("identifier"), asked.order, (asked.page - 1) * PAGE_SIZE, PAGE_SIZE)
    outlook = visit.container.usage.outlook
    totals = await outlook.waiting_totals(wanted)
    return visit.page(
        "usage_waiting.html",
        title="Unknown numbers",
        tabs=TABS,
        asked=asked,
        lines=await outlook.waiting_lines(wanted),
        totals=totals,
        pages=-(-totals.rows // PAGE_SIZE),
        tried=tried,
        form=form,
    )


def _cells(one: WaitingLine) -> Sequence[object]:
    return (one.identifier, one.field, one.reason, one.records, one.first_kept_at)


@router.post("/preview")
async def preview(posted: AgentForm) -> Response:
    """Which records would be counted now; they are tried, and nothing of it is kept."""

    async def act() -> Response:
        tried = await posted.container.usage.outlook.waiting(posted.text("identifier", 200))
        return await _show(posted.visit, Form(posted.values), tried)

    return await posted.carry_out(act, lambda form: _show(posted.visit, form))


@router.post("/reguide")
async def reguide(posted: AgentForm) -> Response:
    """Guide the records of one number, or of all, again."""

    async def act() -> Response:
        posted.need_reason()
        done = await posted.container.usage.reguide(posted.text("identifier", 200))
        left = done.tried - done.resolved
        said = f"{done.resolved} of {done.tried} records are counted now."
        return posted.visit.to(f"{ROOT}/waiting", f"{said} {left} wait on." if left else said)

    return await posted.carry_out(act, lambda form: _show(posted.visit, form))
