"""The operator's console: what there is, who owes, and everything that happened on an account and why."""

from __future__ import annotations

from urllib.parse import urlencode

import structlog
from fastapi import APIRouter
from starlette.responses import Response

from api.console.distribution import distributions
from api.console.listing import Flag, Listing, Text, Whole
from api.console.visit import ViewerVisit
from api.container import Container
from api.dependencies import ContainerDep
from api.routers.accounts import process_of
from api.schemas.accounts import ProcessOut
from billing.domain.errors import Refusal
from billing.ports.accounts import Account
from billing.ports.queries import AccountFilter
from billing.ports.staff_cases import CaseFilter
from billing.services.usage_balance import AccountBalance

router = APIRouter(prefix="/console", include_in_schema=False)
_log = structlog.get_logger()
PAGE_SIZE = 50
DAYS = tuple((day, day) for day in range(1, 32))
ACCOUNTS = Listing("accounts", filters=(Text("q"), Whole("cycle_day", 1, 31), Flag("in_dunning")), has_export=False)


@router.get("")
async def overview(container: ContainerDep, visit: ViewerVisit) -> Response:
    """The installation in numbers."""
    now = container.clock.now()
    return visit.page(
        "overview.html",
        title="Overview",
        now=now,
        overview=await container.queries.overview(now),
        distributions=distributions(await container.queries.day_loads()),
        links=container.links,
        cases=await container.staff_cases.counts(),
        rules=await container.invariants.states(),
    )


@router.get("/accounts")
async def accounts(container: ContainerDep, visit: ViewerVisit) -> Response:
    """One page of accounts."""
    asked = ACCOUNTS.read(visit.request)
    wanted = AccountFilter(
        text=asked.text("q"),
        cycle_day=asked.whole("cycle_day"),
        in_dunning=asked.is_on("in_dunning"),
        after=asked.after,
        limit=PAGE_SIZE,
    )
    found = await container.queries.accounts(wanted, container.clock.now())
    return visit.page("accounts.html", title="Accounts", asked=asked, found=found, days=DAYS)


@router.get("/accounts/{account_id}")
async def account(account_id: str, container: ContainerDep, visit: ViewerVisit) -> Response:
    """Everything of one account."""
    shown = await container.accounts.get(account_id)
    process, is_reached = await _process(container, shown)
    async with container.make_work() as work:
        methods, acceptances = await work.payments.methods(account_id), await work.evidence.all(account_id)
    return visit.page(
        "account.html",
        title=f"{shown.number} {shown.customer_name}",
        account=shown,
        services=await container.accounts.services_of(account_id),
        restrictions={one.service_id: one for one in await container.restrictions.of_account(account_id)},
        picture=await container.queries.picture(account_id),
        methods=methods,
        acceptances=acceptances,
        timeline=list(reversed(await container.accounts.timeline(account_id, 2000))),
        balance=await _balance(container, account_id),
        process=process,
        is_reached=is_reached,
        workflow_link=_workflow_link(container, shown),
        cases=await container.staff_cases.find(CaseFilter(states=("open", "acknowledged"), account_id=account_id)),
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


async def _balance(container: Container, account_id: str) -> AccountBalance | None:
    """The live balance; None when the account has no cycle at this moment."""
    try:
        return await container.usage.balance(account_id)
    except Refusal:
        return None


def _workflow_link(container: Container, account: Account) -> str:
    base = container.links.get("Temporal", "")
    query = urlencode({"query": f'WorkflowId="account/{account.brand}/{account.number}"'})
    return f"{base}?{query}" if base else ""


@router.get("/accounts/{account_id}/invoices/{invoice_id}.pdf")
async def invoice_pdf(account_id: str, invoice_id: str, container: ContainerDep, _: ViewerVisit) -> Response:
    """The document as the customer got it."""
    name, content = await container.invoicing.pdf(account_id, invoice_id)
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return Response(content, media_type="application/pdf", headers=headers)


@router.get("/{rest:path}")
async def nothing_here(rest: str, visit: ViewerVisit) -> Response:
    """An address the console does not have."""
    problem = {
        "status": 404,
        "detail": "There is no such page.",
        "field": "path",
        "value": f"/console/{rest}",
        "remedy": "Go back to the overview.",
    }
    return visit.page("error.html", 404, problem=problem, title="Nothing here")
