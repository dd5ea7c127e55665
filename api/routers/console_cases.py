"""The console's pages of cases for people and of statements of account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Literal
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from api.console.exports import csv_answer
from api.console.forms import Form
from api.console.listing import Choice, Day, Flag, Listing
from api.console.pages import words
from api.console.posted import AgentForm
from api.console.visit import ViewerVisit, Visit
from api.container import Container
from api.dependencies import ContainerDep
from billing.domain.staff_cases import KINDS, Severity
from billing.ports.staff_cases import CaseFilter, StaffCase

router = APIRouter(prefix="/console", include_in_schema=False)
PAGE_SIZE = 100
SEVERITIES = tuple(severity.value for severity in Severity)
CASES = Listing("cases", filters=(Choice("kind", tuple(KINDS)), Choice("severity", SEVERITIES), Flag("closed")))
COLUMNS = ("case", "kind", "severity", "state", "opened at", "account", "what was found")
STATEMENT = Listing("statement", filters=(Day("from"), Day("to")), has_export=False)


@router.get("/cases")
async def cases(container: ContainerDep, visit: ViewerVisit) -> Response:
    """One page of what needs a person, the most urgent first within it; or all of it as a file."""
    asked = CASES.read(visit.request)
    states = ("closed",) if asked.is_on("closed") else ("open", "acknowledged")
    wanted = CaseFilter(states, asked.text("kind"), asked.text("severity"), "", asked.after, PAGE_SIZE + 1)
    if asked.as_csv:
        return csv_answer("cases", COLUMNS, _every(container, wanted))
    found = await container.staff_cases.find(wanted)
    shown = sorted(found[:PAGE_SIZE], key=lambda one: (SEVERITIES.index(one.severity), one.opened_at))
    return visit.page(
        "cases.html",
        title="Cases",
        asked=asked,
        cases=shown,
        kind_options=[(kind, words(kind)) for kind in KINDS],
        next_after=_oldest(found[:PAGE_SIZE]) if len(found) > PAGE_SIZE else "",
        rules=await container.invariants.states(),
    )


async def _every(container: Container, wanted: CaseFilter) -> AsyncIterator[Sequence[object]]:
    """The rows of the file, read page by page."""
    wanted = replace(wanted, before="", limit=PAGE_SIZE)
    while found := await container.staff_cases.find(wanted):
        for one in found:
            yield (one.case_id, one.kind, one.severity, one.state, one.opened_at, one.account_id, one.explanation)
        wanted = replace(wanted, before=_oldest(found))


def _oldest(found: Sequence[StaffCase]) -> str:
    return min((one.case_id for one in found), key=_number)


@router.get("/cases/{case_id}")
async def case(case_id: str, visit: ViewerVisit) -> Response:
    """One case: what was found, what it means, what to do, and the form to decide it."""
    return await _show(visit, case_id, Form())


async def _show(visit: Visit, case_id: str, form: Form) -> Response:
    shown = await visit.container.staff_cases.get(case_id)
    return visit.page("case.html", title=case_id, case=shown, kind=KINDS[shown.kind], form=form)


@router.post("/cases/{case_id}/{decision}")
async def decide(case_id: str, decision: Literal["acknowledge", "close"], posted: AgentForm) -> Response:
    """Acknowledge or close, with a reason."""
    desk = posted.container.staff_cases

    async def act() -> Response:
        if decision == "acknowledge":
            await desk.acknowledge(case_id, posted.author, posted.reason)
            return posted.visit.to(f"/console/cases/{case_id}", "You look after this case now.")
        await desk.close(case_id, posted.author, posted.reason)
        return posted.visit.to(f"/console/cases/{case_id}", "The case is closed.")

    return await posted.carry_out(act, lambda form: _show(posted.visit, case_id, form))


@router.get("/accounts/{account_id}/statement")
async def statement(account_id: str, container: ContainerDep, visit: ViewerVisit) -> Response:
    """A statement of account with its files."""
    first, end = _period(visit)
    made = await container.statements.statement(account_id, first, end)
    period = urlencode({"from": made.period_from.isoformat(), "to": made.period_to.isoformat()})
    return visit.page("statement.html", title=f"Statement {made.account.number}", made=made, period=period)


@router.get("/accounts/{account_id}/statement.pdf")
async def statement_pdf(account_id: str, container: ContainerDep, visit: ViewerVisit) -> Response:
    """As the customer would get it."""
    name, content = await container.statements.pdf(account_id, *_period(visit))
    return Response(
        content, media_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"'}
    )


@router.get("/accounts/{account_id}/statement.csv")
async def statement_csv(account_id: str, container: ContainerDep, visit: ViewerVisit) -> Response:
    """For a spreadsheet."""
    name, content = await container.statements.csv(account_id, *_period(visit))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


def _period(visit: Visit) -> tuple[date | None, date | None]:
    asked = STATEMENT.read(visit.request)
    return asked.day("from"), asked.day("to")


def _number(case_id: str) -> int:
    return int(case_id.rpartition("_")[2])
