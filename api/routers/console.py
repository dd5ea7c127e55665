"""The operator's console: the first page, the list of accounts, and signing in and out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import Response

from api.console.exports import csv_answer
from api.console.listing import Asked, Choice, Day, Flag, Listing, Text, Whole
from api.console.overview import OverviewPage
from api.console.visit import ViewerVisit
from api.container import Container
from api.dependencies import ContainerDep
from billing.ports.queries import AccountFilter

router = APIRouter(prefix="/console", include_in_schema=False)
PAGE_SIZE = 50
ROWS_AT_ONCE = 1000
DAYS = tuple((day, day) for day in range(1, 32))
STATES = ("active", "closing", "closed")
ACCOUNTS = Listing(
    "accounts",
    filters=(Text("q"), Text("brand", 64), Choice("status", STATES), Whole("cycle_day", 1, 31), Text("segment", 64),
             Day("closed_on"), Flag("in_dunning"), Text("stage", 64), Flag("barred"), Flag("paused"), Flag("overdue")),
    sorts=("account", "name", "number", "cycle_day", "open", "overdue"),
)  # fmt: skip
ACCOUNT_COLUMNS = ("account", "brand", "number", "customer", "status", "cycle day", "segment", "lines", "barred lines",
                   "currency", "open minor", "overdue minor", "dunning")  # fmt: skip


@router.get("")
async def overview(container: ContainerDep, visit: ViewerVisit) -> Response:
    """The installation in numbers."""
    first = await container.figures.first_page()
    now = container.clock.now()
    answer = visit.page(
        "overview.html",
        title="Overview",
        now=now,
        first=first,
        seen=OverviewPage(first, now),
        links=container.links,
        rules=await container.invariants.states(),
    )
    if not first.is_whole:
        answer.headers["refresh"] = "3"
    return answer


@router.get("/accounts")
async def accounts(container: ContainerDep, visit: ViewerVisit) -> Response:
    """One page of accounts; or all of them as a file."""
    asked = ACCOUNTS.read(visit.request)
    now, wanted = container.clock.now(), _wanted(asked)
    if asked.as_csv:
        return csv_answer("accounts", ACCOUNT_COLUMNS, _every_account(container, wanted))
    total = await container.queries.count_accounts(wanted, now)
    found = await container.queries.accounts(replace(wanted, offset=(asked.page - 1) * PAGE_SIZE), now)
    async with container.make_work() as work:
        brands = [(brand.brand, brand.name) for brand in await work.accounts.brands()]
    return visit.page(
        "accounts.html",
        title="Accounts",
        asked=asked,
        found=found,
        total=total,
        pages=-(-total // PAGE_SIZE),
        days=DAYS,
        brands=brands,
        states=[(state, state) for state in STATES],
    )


def _wanted(asked: Asked) -> AccountFilter:
    return AccountFilter(
        brand=asked.text("brand"),
        status=asked.text("status"),
        cycle_day=asked.whole("cycle_day"),
        text=asked.text("q"),
        in_dunning=asked.is_on("in_dunning") or bool(asked.text("stage")),
        dunning_stage=asked.text("stage"),
        segment=asked.text("segment"),
        closed_on=asked.day("closed_on"),
        is_barred=asked.is_on("barred"),
        is_paused=asked.is_on("paused"),
        is_overdue=asked.is_on("overdue"),
        sort=asked.sort,
        descending=asked.descending,
        limit=PAGE_SIZE,
    )


async def _every_account(container: Container, wanted: AccountFilter) -> AsyncIterator[Sequence[object]]:
    """The rows of the file, in order of account, read by key so that the last rows come as fast as the first."""
    now = container.clock.now()
    following: str | None = ""
    while following is not None:
        wanted = replace(wanted, sort="", descending=False, after=following, limit=ROWS_AT_ONCE)
        found = await container.queries.accounts(wanted, now)
        for one in found.accounts:
            yield (one.account_id, one.brand, one.number, one.customer_name, one.status, one.cycle_day, one.segment,
                   one.services, one.barred_services, one.currency, one.open_minor, one.overdue_minor,
                   one.dunning_stage)  # fmt: skip
        following = found.next_after


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
