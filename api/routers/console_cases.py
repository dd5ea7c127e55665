"""The console's pages of cases for people and of statements of account."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse
from pydantic import BeforeValidator
from starlette.responses import Response

from api.console.pages import page
from api.console.session import ConsoleCaller, check_form, form_token, session_of
from api.dependencies import ContainerDep, admit
from billing.domain.staff_cases import KINDS, Severity
from billing.ports.staff_cases import CaseFilter

router = APIRouter(prefix="/console", include_in_schema=False)
PAGE_SIZE = 100


def _or_none(value: object) -> object:
    """A form sends what was left open as an empty text."""
    return value or None


MaybeDay = Annotated[date | None, BeforeValidator(_or_none)]


@router.get("/cases")
async def cases(
    container: ContainerDep,
    caller: ConsoleCaller,
    kind: Annotated[str, Query(max_length=64)] = "",
    severity: Annotated[Annotated[Severity | None, BeforeValidator(_or_none)], Query()] = None,
    closed: bool = False,
    before: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """One page of what needs a person, the most urgent first within it."""
    states = ("closed",) if closed else ("open", "acknowledged")
    wanted = CaseFilter(states, kind, severity.value if severity else "", "", before, PAGE_SIZE + 1)
    found = await container.staff_cases.find(wanted)
    shown = sorted(found[:PAGE_SIZE], key=lambda one: (list(Severity).index(Severity(one.severity)), one.opened_at))
    chosen = {"kind": kind, "severity": wanted.severity, "closed": "true" if closed else ""}
    oldest = min((one.case_id for one in found[:PAGE_SIZE]), key=_number, default="")
    more = urlencode({name: value for name, value in chosen.items() if value} | {"before": oldest})
    return page(
        "cases.html",
        title="Cases",
        caller=caller,
        cases=shown,
        wanted=wanted,
        closed=closed,
        kinds=tuple(KINDS),
        following=more if len(found) > PAGE_SIZE else "",
        rules=await container.invariants.states(),
    )


@router.get("/cases/{case_id}")
async def case(case_id: str, request: Request, container: ContainerDep, caller: ConsoleCaller) -> Response:
    """One case: what was found, what it means, what to do, and the form to decide it."""
    shown = await container.staff_cases.get(case_id)
    token = form_token(session_of(request, container), container) if container.session_key else ""
    return page(
        "case.html",
        title=case_id,
        caller=caller,
        case=shown,
        kind=KINDS[shown.kind],
        form_token=token,
    )


@router.post("/cases/{case_id}/{decision}")
async def decide(
    case_id: str,
    decision: Literal["acknowledge", "close"],
    request: Request,
    container: ContainerDep,
    caller: ConsoleCaller,
    form: Annotated[str, Form(max_length=400)],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Acknowledge or close, with a reason."""
    check_form(session_of(request, container), form, container)
    admit(caller, None, "agent")
    if decision == "acknowledge":
        await container.staff_cases.acknowledge(case_id, caller.name, reason)
    else:
        await container.staff_cases.close(case_id, caller.name, reason)
    return RedirectResponse(f"/console/cases/{case_id}", 303)


@router.get("/accounts/{account_id}/statement")
async def statement(
    account_id: str,
    container: ContainerDep,
    caller: ConsoleCaller,
    first: Annotated[MaybeDay, Query(alias="from")] = None,
    end: Annotated[MaybeDay, Query(alias="to")] = None,
) -> Response:
    """A statement of account with its files."""
    made = await container.statements.statement(account_id, first, end)
    period = urlencode({"from": made.period_from.isoformat(), "to": made.period_to.isoformat()})
    return page("statement.html", title=f"Statement {made.account.number}", caller=caller, made=made, period=period)


@router.get("/accounts/{account_id}/statement.pdf")
async def statement_pdf(
    account_id: str,
    container: ContainerDep,
    _: ConsoleCaller,
    first: Annotated[MaybeDay, Query(alias="from")] = None,
    end: Annotated[MaybeDay, Query(alias="to")] = None,
) -> Response:
    """As the customer would get it."""
    name, content = await container.statements.pdf(account_id, first, end)
    return Response(
        content, media_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"'}
    )


@router.get("/accounts/{account_id}/statement.csv")
async def statement_csv(
    account_id: str,
    container: ContainerDep,
    _: ConsoleCaller,
    first: Annotated[MaybeDay, Query(alias="from")] = None,
    end: Annotated[MaybeDay, Query(alias="to")] = None,
) -> Response:
    """For a spreadsheet."""
    name, content = await container.statements.csv(account_id, first, end)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


def _number(case_id: str) -> int:
    return int(case_id.rpartition("_")[2])
