"""The console's page of one account: what matters first, and everything else in parts, each at its own address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter
from starlette.responses import Response

from api.console.actions.commands import ACTIONS, GROUPS
from api.console.listing import Listing, Text
from api.console.live_balance import LiveBalance, live_balance, live_document
from api.console.visit import ViewerVisit, Visit
from api.container import Container
from api.event_stream import COMMENT, EventStream, event
from api.routers.accounts import process_of
from api.routers.invoices import named
from api.schemas.accounts import ProcessOut
from billing.domain.errors import Refusal
from billing.ports.accounts import Account
from billing.ports.documents import Syntax
from billing.ports.queries import AccountFilter
from billing.ports.staff_cases import CaseFilter
from billing.services.balance_watch import Reader

router = APIRouter(prefix="/console/accounts/{account_id}", include_in_schema=False)
_log = structlog.get_logger()
TIMELINE = Listing("timeline", filters=(Text("kind", 60),), has_export=False)
ENTRIES, LATEST = 50, 8
PARTS = (
    ("Overview", ""),
    ("What happened", "/timeline"),
    ("Documents", "/documents"),
    ("Payments", "/payments"),
    ("Notices", "/notices"),
    ("Lines", "/services"),
    ("Methods", "/methods"),
    ("Agreements", "/agreements"),
)


@router.get("")
async def account(account_id: str, visit: ViewerVisit) -> Response:
    """What matters, what comes next, the live balance, what needs a person, and what can be done."""
    container = visit.container
    shown = await container.accounts.get(account_id)
    process, is_reached = await _process(container, shown)
    return await part(
        visit,
        shown,
        "account.html",
        process=process,
        is_reached=is_reached,
        workflow_link=_workflow_link(container, shown),
        balance=await _balance(container, shown),
        cases=await container.staff_cases.find(CaseFilter(states=("open", "acknowledged"), account_id=account_id)),
        latest=(await container.queries.timeline(account_id, "", 0, LATEST)).entries,
        actions=[(group, [one for one in ACTIONS if one.group == group and visit.may(one.role)]) for group in GROUPS],
    )


async def part(visit: Visit, account: Account, template: str, **values: Any) -> Response:
    """One part of the page, below the same head."""
    home = f"/console/accounts/{account.account_id}"
    page = await visit.container.queries.accounts(
        AccountFilter(account_id=account.account_id), visit.container.clock.now()
    )
    cases = await visit.container.queries.dunning_cases(account.account_id)
    return visit.page(
        template,
        title=f"{account.number} {account.customer_name}",
        account=account,
        summary=page.accounts[0],
        case=next((case for case in cases if case.closed_at is None), None),
        home=home,
        tabs=[(name, f"{home}{path}") for name, path in PARTS],
        **values,
    )


async def _process(container: Container, account: Account) -> tuple[ProcessOut | None, bool]:
    """The process, and whether it could be asked: the page is shown even while the process server is away."""
    try:
        return await process_of(container, account), True
    except Refusal:
        raise
    except Exception as fault:
        _log.warning("the process does not answer", account_id=account.account_id, fault=repr(fault))
        return None, False


async def _balance(container: Container, account: Account) -> LiveBalance | None:
    """The live balance; None when the account has no cycle at this moment."""
    try:
        return live_balance(await container.usage.balance(account.account_id), account.zone)
    except Refusal:
        return None


def _workflow_link(container: Container, account: Account) -> str:
    base = container.links.get("Temporal", "")
    query = urlencode({"query": f'WorkflowId="account/{account.brand}/{account.number}"'})
    return f"{base}?{query}" if base else ""


@router.get("/timeline")
async def timeline(account_id: str, visit: ViewerVisit) -> Response:
    """What happened and why, the newest first."""
    asked = TIMELINE.read(visit.request)
    shown = await visit.container.accounts.get(account_id)
    kind = asked.text("kind")
    found = await visit.container.queries.timeline(account_id, kind, (asked.page - 1) * ENTRIES, ENTRIES)
    total = found.kinds.get(kind, 0) if kind else found.total
    return await part(
        visit, shown, "account_timeline.html", asked=asked, found=found, total=total, pages=-(-total // ENTRIES)
    )


@router.get("/services")
async def services(account_id: str, visit: ViewerVisit) -> Response:
    """Lines with their plans and what holds them."""
    container = visit.container
    shown = await container.accounts.get(account_id)
    held = {one.service_id: one for one in await container.restrictions.of_account(account_id)}
    lines = await container.accounts.services_of(account_id)
    return await part(visit, shown, "account_services.html", services=lines, restrictions=held)


@router.get("/methods")
async def methods(account_id: str, visit: ViewerVisit) -> Response:
    """Stored methods, mandates and the proof of agreement."""
    shown = await visit.container.accounts.get(account_id)
    async with visit.container.make_work() as work:
        stored, agreed = await work.payments.methods(account_id), await work.evidence.all(account_id)
    return await part(visit, shown, "account_methods.html", methods=stored, acceptances=agreed)


@router.get("/methods-link")
async def methods_link(account_id: str, visit: ViewerVisit) -> Response:
    """The address of the customer's own page of methods, for who may give it out."""
    visit.need("agent")
    shown = await visit.container.accounts.get(account_id)
    address = await visit.container.method_links.paylink_for(account_id)
    paylink = await visit.container.paylinks.paylink_for(account_id)
    return await part(visit, shown, "account_links.html", methods_address=address, pay_address=paylink)


@router.get("/agreements")
async def agreements(account_id: str, visit: ViewerVisit) -> Response:
    """Promises, plans, disputes, fees, write-offs, hand-overs and dunning cases."""
    container = visit.container
    shown = await container.accounts.get(account_id)
    return await part(
        visit,
        shown,
        "account_agreements.html",
        promises=await container.promises.all(account_id),
        plans=await container.payment_plans.all(account_id),
        disputes=await container.disputes.all(account_id),
        fees=await container.fees.all(account_id),
        write_offs=await container.arrangements.write_offs(account_id),
        hand_overs=await container.hand_overs.all(account_id),
        dunning_cases=await container.queries.dunning_cases(account_id),
    )


@router.get("/balance/stream")
async def balance_stream(account_id: str, visit: ViewerVisit) -> EventStream:
    """The live balance for the page's script, in the page's words; it ends with the session."""
    seen = visit.request.headers.get("last-event-id", "")[:100]
    account = await visit.container.accounts.get(account_id)
    reader = await visit.container.balance_watch.follow(account_id, seen)
    return EventStream(_events(visit, account, reader), lambda: visit.container.balance_watch.leave(reader))


async def _events(visit: Visit, account: Account, reader: Reader) -> AsyncIterator[bytes]:
    async for change in reader.changes():
        if not await _goes_on(visit):
            return
        yield COMMENT if change is None else event("balance", live_document(change.balance, account.zone), change.mark)


async def _goes_on(visit: Visit) -> bool:
    """Whether the session still runs; a guest of a demo has none that could end."""
    signed_in = visit.session.signed_in
    return signed_in is None or await visit.container.sessions.is_running(signed_in.session)


@router.get("/invoices/{file}")
async def invoice_file(account_id: str, file: str, visit: ViewerVisit) -> Response:
    """A document as the customer got it, its lines, or its electronic form: inv_1001.pdf, .csv, .ubl.xml, .cii.xml."""
    invoice_id, _, kind = file.partition(".")
    invoicing = visit.container.invoicing
    if kind == "csv":
        name, lines = await invoicing.details_csv(account_id, invoice_id)
        return Response(lines, media_type="text/csv; charset=utf-8", headers=named(name, "attachment"))
    if kind in ("ubl.xml", "cii.xml"):
        syntax = Syntax.UBL if kind == "ubl.xml" else Syntax.CII
        name, content = await invoicing.electronic(account_id, invoice_id, syntax)
        return Response(content, media_type="application/xml", headers=named(name, "attachment"))
    name, content = await invoicing.pdf(account_id, invoice_id)
    return Response(content, media_type="application/pdf", headers=named(name, "inline"))
