"""The console's pages of records that could not be taken: read, corrected, sent again, guided again, dismissed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from api.console.exports import csv_answer
from api.console.forms import Form
from api.console.listing import Choice, Listing, Text
from api.console.posted import AgentForm, Posted
from api.console.visit import ViewerVisit, Visit
from api.container import Container
from api.routers.console_usage import ROOT, TABS
from billing.domain.errors import InvalidValue, NotFound, UnableTo
from billing.ports.usage import ISSUE_ORDERS, IssueFilter, IssueSelection, UsageIssue
from billing.ports.usage_files import KEPT_KINDS
from billing.services.usage_dismissal import Dismissed
from billing.services.usage_resubmission import Resubmitted

router = APIRouter(prefix="/console/usage", include_in_schema=False)
PAGE_SIZE = 50
RECORDS = Listing(
    "records",
    filters=(
        Choice("kind", KEPT_KINDS),
        Choice("status", ("open", "resolved", "dismissed", "all")),
        Text("file_id", 40),
        Text("identifier"),
        Text("source"),
        Text("field"),
    ),
    sorts=ISSUE_ORDERS,
)
COLUMNS = (
    "record",
    "kind",
    "state",
    "source",
    "record_id",
    "line",
    "field",
    "reason",
    "kept at",
    "file",
    "line number",
)
MEANS = {
    "rejected": "It cannot be used as it came: correct the field and send it again.",
    "recycled": "It waits for its number or price, and is guided again by itself when that appears.",
    "conflict": "The same record came before with other content: keep the first, or correct its key.",
    "partial": "It is a part of a session whose other parts did not come: say what is missing.",
}
EDITABLE = ("identifier", "meter", "quantity", "started_at", "destination", "visited", "traffic_class", "amount")


def _filter(asked: Mapping[str, str]) -> IssueFilter:
    status = asked.get("status") or "open"
    return IssueFilter(
        asked.get("kind", ""),
        "" if status == "all" else status,
        asked.get("file_id", ""),
        asked.get("identifier", ""),
        asked.get("source", ""),
        field=asked.get("field", ""),
        limit=PAGE_SIZE + 1,
    )


def _selection(values: Mapping[str, str]) -> IssueSelection:
    """The open records that agree with what a form carries from its list."""
    chosen = {name: values.get(name, "").strip() for name in ("kind", "file_id", "identifier", "source", "field")}
    return IssueSelection(chosen["kind"], chosen["file_id"], chosen["identifier"], chosen["source"], chosen["field"])


@router.get("/records")
async def records(visit: ViewerVisit) -> Response:
    """Records that wait, with their reasons; or all of them as CSV."""
    asked = RECORDS.read(visit.request)
    if asked.as_csv:
        return csv_answer("kept-records", COLUMNS, _every(visit.container, _filter(asked.filters)))
    return await _show_records(visit, Form())


async def _show_records(visit: Visit, form: Form, **more: Any) -> Response:
    asked = RECORDS.read(visit.request)
    filters = dict(asked.filters) or form.values
    if form.values:
        filters = {name: form.value(name) or asked.text(name) for name in asked.filters}
        asked = replace(asked, path=f"{ROOT}/records", filters=filters)
    page = replace(_filter(filters), order=asked.order, offset=(asked.page - 1) * PAGE_SIZE)
    found = await visit.container.usage.issues(page)
    selectable = any(filters.get(name) for name in ("kind", "file_id", "identifier", "source", "field"))
    values: dict[str, Any] = {"resubmitted": None, "dismissed": None, **more}
    return visit.page(
        "usage_records.html",
        title="Kept records",
        tabs=TABS,
        asked=asked,
        records=found[:PAGE_SIZE],
        pages=asked.page + (len(found) > PAGE_SIZE),
        is_open=(filters.get("status") or "open") == "open",
        selectable=selectable,
        editable=[("", "none, as it is"), *((name, name) for name in EDITABLE)],
        form=form,
        **values,
    )


async def _every(container: Container, wanted: IssueFilter) -> AsyncIterator[Sequence[object]]:
    wanted = replace(wanted, limit=PAGE_SIZE)
    while found := await container.usage.issues(wanted):
        for one in found:
            told = (one.issue_id, one.kind, one.status, one.source, one.record_id, one.identifier, one.field)
            yield (*told, one.reason, one.created_at, one.file_id, one.line_number)
        wanted = replace(wanted, after=found[-1].issue_id)


def _change(posted: Posted) -> dict[str, Any]:
    """The one correction that a form makes to all of its records; nothing where none is chosen."""
    name = posted.text("change_field", 64)
    if not name:
        return {}
    return {name: as_value(name, posted.text("change_value", 500))}


def as_value(name: str, typed: str) -> object:
    """A typed value as the record holds it: whole numbers for quantities, nothing for an empty field."""
    if not typed:
        return None
    digits = typed.removeprefix("-")
    return int(typed) if name == "quantity" and digits.isascii() and digits.isdigit() else typed


@router.post("/records/resubmit")
async def resubmit_many(posted: AgentForm) -> Response:
    """Send all that agree with the filter again: previewed first, then done with the count that was seen."""

    async def act() -> Response:
        wanted, change = _selection(posted.values), _change(posted)
        service = posted.container.usage.resubmission
        if posted.text("do") == "preview":
            seen = await service.resubmit(wanted, change, author=posted.author, dry_run=True)
            return await _show_records(posted.visit, Form(posted.values), resubmitted=seen)
        await _refuse_other_count(posted, wanted)
        done = await service.resubmit(wanted, change, author=f"{posted.author} ({posted.reason})")
        return posted.visit.to(f"{ROOT}/records", told_resubmitted(done))

    return await posted.carry_out(act, lambda form: _show_records(posted.visit, form))


async def _refuse_other_count(posted: Posted, wanted: IssueSelection) -> None:
    """What is done is what was previewed. Raises UnableTo when another number of records agrees by now."""
    seen = await posted.container.usage.dismissal.dismiss_all(
        wanted, author=posted.author, reason="preview", dry_run=True
    )
    if posted.text("expected", 20) != str(seen.matched):
        raise UnableTo(
            f"The filter chooses {seen.matched} records by now.",
            field="expected",
            value=posted.text("expected", 20),
            remedy="Look at the preview again.",
        )


def told_resubmitted(done: Resubmitted) -> str:
    """What became of records that were sent again, in one sentence."""
    parts = [f"{times} {outcome}" for outcome, times in sorted(done.outcomes.items())]
    if done.skipped:
        parts.append(f"{done.skipped} skipped")
    left = f" {done.left} are left: send again." if done.left else ""
    return f"{done.matched} records: {', '.join(parts) or 'nothing to send'}.{left}"


@router.post("/records/dismiss")
async def dismiss_many(posted: AgentForm) -> Response:
    """Put all that agree with the filter aside: previewed first."""

    async def act() -> Response:
        wanted, service = _selection(posted.values), posted.container.usage.dismissal
        if posted.text("do") == "preview":
            seen = await service.dismiss_all(wanted, author=posted.author, reason="preview", dry_run=True)
            return await _show_records(posted.visit, Form(posted.values), dismissed=seen)
        await _refuse_other_count(posted, wanted)
        done = await service.dismiss_all(wanted, author=posted.author, reason=posted.reason)
        return posted.visit.to(f"{ROOT}/records", _told_dismissed(done))

    return await posted.carry_out(act, lambda form: _show_records(posted.visit, form))


def _told_dismissed(done: Dismissed) -> str:
    left = f" {done.left} are left." if done.left else ""
    return f"{done.dismissed} of {done.matched} records are dismissed.{left}"


@router.get("/records/{issue_id}")
async def record(issue_id: str, visit: ViewerVisit) -> Response:
    """One kept record: why it waits, its fields to correct, and the ways out."""
    return await _show_record(visit, issue_id, Form())


async def _show_record(visit: Visit, issue_id: str, form: Form) -> Response:
    kept = await _kept(visit.container, issue_id)
    names = [name for name in ("source", "record_id", *EDITABLE) if name in kept.event or name in EDITABLE]
    return visit.page(
        "usage_record.html",
        title=kept.record_id or issue_id,
        kept=kept,
        means=MEANS.get(kept.kind, ""),
        fields=[(name, kept.event.get(name, "")) for name in names],
        others={name: value for name, value in kept.event.items() if name not in names},
        is_line=kept.file_id is not None and kept.kind != "partial",
        form=form,
    )


async def _kept(container: Container, issue_id: str) -> UsageIssue:
    try:
        async with container.make_work() as work:
            return await work.usage.lock_issue(issue_id)
    except InvalidValue as refusal:
        remedy = "Go back to the list of kept records."
        raise NotFound("There is no such record.", field="record", value=issue_id, remedy=remedy) from refusal


@router.post("/records/{issue_id}/resubmit")
async def resubmit(issue_id: str, posted: AgentForm) -> Response:
    """Send one record again, with the fields or the line as they were typed."""

    async def act() -> Response:
        posted.need_reason()
        kept = await _kept(posted.container, issue_id)
        raw = posted.text("raw", 65_536)
        uses_line = posted.text("do") == "line"
        changes = None if uses_line else _typed_changes(kept, posted.values)
        result = await posted.container.usage.resubmit(
            issue_id, changes=changes, raw=raw if uses_line else None, author=posted.author
        )
        if result.outcome.value in ("rejected", "recycled", "conflict"):
            said = f"It still cannot be taken: {result.field} {result.value}: {result.reason}"
            return posted.visit.to(f"{ROOT}/records/{issue_id}", said, "warn")
        return posted.visit.to(f"{ROOT}/records/{issue_id}", f"The record is taken: {result.outcome.value}.")

    return await posted.carry_out(act, lambda form: _show_record(posted.visit, issue_id, form))


def _typed_changes(kept: UsageIssue, values: Mapping[str, str]) -> dict[str, Any]:
    """What was typed and is not what the record holds."""
    changes: dict[str, Any] = {}
    for name in ("source", "record_id", *EDITABLE):
        held = kept.event.get(name)
        typed = values.get(f"to_{name}")
        if typed is not None and typed.strip() != ("" if held is None else str(held)):
            changes[name] = as_value(name, typed.strip())
    return changes


@router.post("/records/{issue_id}/dismiss")
async def dismiss(issue_id: str, posted: AgentForm) -> Response:
    """Put one record aside with a reason."""

    async def act() -> Response:
        await posted.container.usage.dismissal.dismiss(issue_id, author=posted.author, reason=posted.reason)
        return posted.visit.to(f"{ROOT}/records/{issue_id}", "The record is dismissed; it will never be counted.")

    return await posted.carry_out(act, lambda form: _show_record(posted.visit, issue_id, form))
