"""The console's pages of bulk actions: preview, confirmation, progress, what became of each account, the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from api.console.exports import csv_answer
from api.console.forms import Form
from api.console.listing import Choice, Listing
from api.console.posted import AgentForm
from api.console.visit import ViewerVisit, Visit
from api.console.work_list_words import ACTION_WORDS
from api.container import Container
from api.dependencies import ContainerDep
from api.routers.bulk_actions import SAMPLE, results_file
from billing.domain.bulk_actions import KINDS, BulkKind, BulkOrder, BulkState
from billing.domain.errors import InvalidValue
from billing.domain.work_list import WorkFilter
from billing.ports.bulk_actions import BULK_ORDERS

router = APIRouter(prefix="/console/bulk-actions", include_in_schema=False)
PAGE_SIZE = 50
ROWS_AT_ONCE = 1000
STATUSES = ("chosen", "done", "unchanged", "refused", "skipped", "failed", "left")
STATES = tuple(state.value for state in BulkState)
ACTIONS = Listing("bulk actions", filters=(Choice("state", STATES),), sorts=BULK_ORDERS)
COLUMNS = ("action", "what", "accounts", "state", "by", "previewed at", "begun at", "ended at", "undoes", "reason")
RESULTS = Listing("results", filters=(Choice("status", STATUSES),))
SAID = {"pause": "It stands still.", "resume": "It goes on.", "cancel": "It is called off; what was done stays done."}


@router.get("")
async def actions(container: ContainerDep, visit: ViewerVisit) -> Response:
    """The newest first."""
    asked = ACTIONS.read(visit.request)
    state = asked.text("state")
    if asked.as_csv:
        return csv_answer("bulk-actions", COLUMNS, _every(container, state))
    page = (asked.page - 1) * PAGE_SIZE
    found = await container.bulk_actions.all("", PAGE_SIZE + 1, state, asked.order, page)
    return visit.page(
        "bulk_actions.html",
        title="Bulk actions",
        asked=asked,
        actions=[(one, BulkOrder.from_dict(one.definition).in_words) for one in found[:PAGE_SIZE]],
        pages=asked.page + (len(found) > PAGE_SIZE),
        states=[(one, one) for one in STATES],
    )


async def _every(container: Container, state: str) -> AsyncIterator[Sequence[object]]:
    last = ""
    while found := await container.bulk_actions.all(last, ROWS_AT_ONCE, state):
        for one in found:
            what = BulkOrder.from_dict(one.definition).in_words
            at = (one.previewed_at, one.confirmed_at, one.finished_at)
            yield (one.bulk_id, what, one.accounts, one.state, one.author, *at, one.undoes, one.reason)
        last = found[-1].bulk_id


@router.get("/{bulk_id}")
async def action(bulk_id: str, visit: ViewerVisit) -> Response:
    """A preview with its confirmation, or how far the action is."""
    return await _show(visit, bulk_id, Form())


async def _show(visit: Visit, bulk_id: str, form: Form) -> Response:
    desk = visit.container.bulk_actions
    asked = replace(RESULTS.read(visit.request), path=f"/console/bulk-actions/{bulk_id}")
    shown = await desk.get(bulk_id)
    if asked.as_csv:
        return await results_file(visit.container, bulk_id, asked.text("status"))
    is_preview = shown.confirmed_at is None
    limit = SAMPLE if is_preview else PAGE_SIZE
    rows = await desk.accounts(bulk_id, asked.text("status"), asked.after, limit + 1)
    return visit.page(
        "bulk_preview.html" if is_preview else "bulk_action.html",
        title=f"{BulkOrder.from_dict(shown.definition).in_words} – {bulk_id}",
        form=form,
        asked=asked,
        action=shown,
        kind=KINDS[shown.kind],
        what=BulkOrder.from_dict(shown.definition).in_words,
        chosen="" if shown.undoes else WorkFilter.from_dict(shown.chosen_by).in_words,
        report=await desk.report(bulk_id),
        rows=rows[:limit],
        refused=await desk.accounts(bulk_id, limit=SAMPLE, foreseen=True) if is_preview else (),
        next_after=rows[limit - 1].account_id if len(rows) > limit else "",
        undone_by=await desk.undone_by(bulk_id),
        statuses=STATUSES,
        names=ACTION_WORDS,
        may_undo=shown.finished_at is not None and KINDS[shown.kind].undoable and shown.kind != BulkKind.UNDO,
    )


@router.post("/{bulk_id}/confirm")
async def confirm(bulk_id: str, posted: AgentForm) -> Response:
    """Begin what was previewed, by the count that was typed."""

    async def act() -> Response:
        typed = posted.needed("count", "Type the number of accounts that is shown.", 20).replace(",", "")
        if not typed.isascii() or not typed.isdigit():
            raise InvalidValue("This is no number.", field="count", value=typed, remedy="Type the number shown.")
        await posted.container.bulk_actions.confirm(bulk_id, int(typed), posted.reason, posted.visit.caller)
        return posted.visit.to(f"/console/bulk-actions/{bulk_id}", "It has begun.")

    return await posted.carry_out(act, lambda form: _show(posted.visit, bulk_id, form))


@router.post("/{bulk_id}/undo")
async def undo(bulk_id: str, posted: AgentForm) -> Response:
    """The preview of the way back."""

    async def act() -> Response:
        made = await posted.container.bulk_actions.preview_undo(bulk_id, posted.author)
        return posted.visit.to(f"/console/bulk-actions/{made.bulk_id}")

    return await posted.carry_out(act, lambda form: _show(posted.visit, bulk_id, form))


@router.post("/{bulk_id}/{command}")
async def change(bulk_id: str, command: Literal["pause", "resume", "cancel"], posted: AgentForm) -> Response:
    """Pause, resume or cancel, with a reason."""

    async def act() -> Response:
        desk = posted.container.bulk_actions
        await desk.command(bulk_id, command, posted.command_id, posted.author, posted.reason)
        return posted.visit.to(f"/console/bulk-actions/{bulk_id}", SAID[command])

    return await posted.carry_out(act, lambda form: _show(posted.visit, bulk_id, form))
