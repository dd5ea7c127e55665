"""How long the console's pages take at the server with 100,000 accounts: lists, search, overview, one account.

The database is filled by statements: half a year of invoices, payments, notices and reasons in the proportions of an
operator whose first debits succeed in 92 of 100 cases. Pages are asked of the application in its own process, so a
time is what the server needs; the network and the browser are not in it. Every page has to answer what it is asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.container import Container
from benchmarks.figures import Figure, percentile
from benchmarks.options import Options
from benchmarks.pages_world import ACCOUNTS, NOW, fill
from benchmarks.usage_world import NoProcess, database
from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.domain.errors import NotFound
from billing.messages.account import AccountView
from billing.persistence.book_checks import SqlBookChecks
from billing.persistence.key_store import SqlKeyStore
from billing.persistence.money_lists import SqlMoneyLists
from billing.persistence.overview_queries import SqlOverviews
from billing.persistence.queries import SqlQueries
from billing.persistence.search_queries import SqlSearch
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.persistence.work_list import SqlWorkList
from billing.services.access import Access
from billing.services.account_search import AccountSearch
from billing.services.accounts import AccountService
from billing.services.console_figures import ConsoleFigures
from billing.services.invariant_checks import InvariantChecks
from billing.services.service_restrictions import RestrictionDesk
from billing.services.staff_cases import StaffCases
from billing.services.usage import UsageService

DOOR = "http://127.0.0.1"
IN_MILLISECONDS = 1000
LEAST_REQUESTS = 30
MOST_LOOKS = 200
# The page, where it is, and what has to be in the answer. {n} goes round the accounts.
PAGES = {
    "accounts": ("/console/accounts", "100,000 accounts"),
    "accounts, last page": ("/console/accounts?page=2000", "Page 2000"),
    "accounts by name": ("/console/accounts?sort=name&page=500", "Page 500"),
    "accounts that owe most": ("/console/accounts?sort=-overdue", "overdue"),
    "accounts in dunning": ("/console/accounts?in_dunning=true", "dunning"),
    "accounts by words": ("/console/accounts?q=smit+{n}", "Smit"),
    "search, one account's number": ("/console/search?q=B{n}", ""),
    "search, a name of thousands": ("/console/search?q=de+vries", "Names"),
    "search, a telephone number": ("/console/search?q=%2B316{n:08}", ""),
    "search, last four digits": ("/console/search?q={f:04}", "Bank accounts and cards"),
    "overview": ("/console", "Collected at the first try"),
    "account": ("/console/accounts/acc_{n}", "What can be done"),
    "account, what happened": ("/console/accounts/acc_{n}/timeline", "entries"),
    "account, documents": ("/console/accounts/acc_{n}/documents", "B-"),
    "collections, who owes most": ("/console/collections", "accounts"),
    "collections, of one step": ("/console/collections?sort=-days&page=3", "accounts"),
    "what needs a person": ("/console/cases", "acc_"),
    "invoices over 90 days old": ("/console/invoices?age=over+90+days", "B-"),
    "payments that failed": ("/console/payments?status=failed", "inv_"),
}


class StandingClock:
    """The day that the filled database is of."""

    def now(self) -> datetime:
        return NOW

    def segment(self) -> ClockSegment:
        return NORMAL_TIME


class NoView(NoProcess):
    """No account's process runs: its answer is not a page's own work."""

    async def view(self, workflow_id: str) -> AccountView:
        raise NotFound("No open workflow.", field="workflow_id", value=workflow_id)


def measure(options: Options) -> list[Figure]:
    """Fill the database once, then ask for every page in every round."""
    with database() as server:
        times = asyncio.run(_measure(server.url(), options))
    return [Figure(what, "ms", tuple(values)) for what, values in times.items()]


async def _measure(url: str, options: Options) -> dict[str, list[float]]:
    engine = make_engine(url)
    times: dict[str, list[float]] = {}
    try:
        options.say(f"pages: filling {ACCOUNTS:,} accounts")
        began = time.monotonic()
        await fill(engine)
        options.say(f"pages: filled in {time.monotonic() - began:.0f} s")
        async with _client(engine) as client:
            await _until_counted(client, options)
            for number in range(options.rounds):
                options.say(f"pages: round {number + 1} of {options.rounds}")
                for name, (path, mark) in PAGES.items():
                    await _ask(client, times, name, path, mark, max(LEAST_REQUESTS, options.requests // 20))
    finally:
        await engine.dispose()
    return times


async def _ask(
    client: httpx.AsyncClient, times: dict[str, list[float]], name: str, path: str, mark: str, requests: int
) -> None:
    taken = []
    for number in range(requests):
        account = 1 + number * 7919 % ACCOUNTS
        asked = path.format(n=account, f=account % 10_000)
        began = time.perf_counter()
        answer = await client.get(asked)
        taken.append((time.perf_counter() - began) * IN_MILLISECONDS)
        if answer.status_code not in (200, 303) or mark not in answer.text:
            raise RuntimeError(f"{asked} answered {answer.status_code} without {mark!r}: {answer.text[-500:]}")
    for percent in (50, 99):
        times.setdefault(f"{name}, p{percent}", []).append(percentile(taken, percent))


async def _until_counted(client: httpx.AsyncClient, options: Options) -> None:
    """The very first reader waits for the slow figures; how long is said, and is no page's time."""
    began = time.monotonic()
    for _ in range(MOST_LOOKS):
        if "refresh" not in (await client.get("/console")).headers:
            break
        await asyncio.sleep(0.5)
    options.say(f"pages: the overview was whole for the first time after {time.monotonic() - began:.1f} s")


@asynccontextmanager
async def _client(engine: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in by the demonstration's own way: a caller of this machine."""
    app = create_app(_container(engine))
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url=DOOR, timeout=120) as client:
        yield client


def _container(engine: AsyncEngine) -> Container:
    def make_work() -> SqlUnitOfWork:
        return SqlUnitOfWork(engine)

    clock, process = StandingClock(), NoView()
    parts: dict[str, Any] = {"make_work": make_work, "clock": clock, "process": process}
    return Container(
        **parts,
        public_url=DOOR,
        session_key="measured",
        demo_mode=True,
        accounts=AccountService(make_work, clock, process),
        access=Access(SqlKeyStore(engine), ""),
        queries=SqlQueries(engine),
        money_lists=SqlMoneyLists(engine),
        figures=ConsoleFigures(SqlQueries(engine), SqlOverviews(engine), clock),
        account_search=AccountSearch(make_work, SqlSearch(engine)),
        usage=UsageService(make_work, clock, process, {}, Path("unused")),
        staff_cases=StaffCases(make_work, clock),
        invariants=InvariantChecks(make_work, clock, SqlBookChecks(engine)),
        restrictions=RestrictionDesk(make_work, clock),
        work_list=SqlWorkList(engine),
    )
