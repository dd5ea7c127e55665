"""What closing a cycle costs by the number of its events: one account with a hundred, one with a hundred thousand.

Each round closes a cycle of both, durable (fsync on), and compares the times; the statements are the same.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.figures import Figure
from benchmarks.options import Options
from benchmarks.usage_world import PLAN, NoProcess, database
from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.messages.invoicing import IssueInvoiceRequest
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.ports.accounts import Brand, Plan
from billing.services.invoicing import InvoicingService
from billing.services.invoicing_cycles import open_first_cycle
from billing.services.usage import UsageService

FEW, MANY, BATCH = 100, 100_000, 10_000
ACTIVATED_AT = datetime(2027, 1, 15, 9, tzinfo=UTC)
IN_MILLISECONDS = 1000


class _Clock:
    """A business clock that stands where it was put."""

    def __init__(self) -> None:
        self.at = ACTIVATED_AT

    def now(self) -> datetime:
        return self.at

    def segment(self) -> ClockSegment:
        return NORMAL_TIME


def measure(options: Options) -> list[Figure]:
    """Close a cycle with few and one with many events, in turn, round by round."""
    with database() as server:
        times = asyncio.run(_measure(server.url(), server.cluster.parent / "spool", options))
    few, many = times[FEW], times[MANY]
    ratios = tuple(large / small for large, small in zip(many, few, strict=True))
    return [
        Figure(f"closing a cycle of {FEW:,} events", "ms", few, (1.0,) * len(few)),
        Figure(f"closing a cycle of {MANY:,} events", "ms", many, ratios),
    ]


async def _measure(url: str, spool: Path, options: Options) -> dict[int, tuple[float, ...]]:
    engine = make_engine(url)
    try:
        office = _Office(engine, spool)
        await office.sell()
        await office.close_cycle(0, FEW)  # plans are read once
        times: dict[int, list[float]] = {FEW: [], MANY: []}
        for number in range(options.rounds):
            options.say(f"closing, round {number + 1}")
            for place, events in enumerate(times):
                times[events].append(await office.close_cycle(1 + number * len(times) + place, events))
        return {events: tuple(found) for events, found in times.items()}
    finally:
        await engine.dispose()


class _Office:
    """Opens accounts, takes their usage and closes their first cycle."""

    def __init__(self, engine: AsyncEngine, spool: Path) -> None:
        self._clock = _Clock()
        self._make_work = partial(SqlUnitOfWork, engine)
        self._usage = UsageService(self._make_work, self._clock, NoProcess(), {}, spool)
        self._invoicing = InvoicingService(self._make_work, self._clock)

    async def sell(self) -> None:
        """The brand and its plan."""
        tax_table = {"country": "NL", "rates": {"standard": "21"}}
        brand = Brand("bench", "Bench", "EUR", "UTC", "NL", "en_GB", "", "", "", 0, {}, tax_table, {}, "default")
        async with self._make_work() as work:
            await work.accounts.add_brand(brand)
            await work.accounts.add_plan(Plan("bench", 1, "bench", "Bench", json.loads(PLAN), ACTIVATED_AT))
            await work.commit()

    async def close_cycle(self, number: int, events: int) -> float:
        """Milliseconds from the command to the committed invoice of a new account with so many events."""
        account_id, closes_at, issue_at = await self._open(number)
        self._clock.at = closes_at - timedelta(hours=1)
        for first in range(0, events, BATCH):
            taken = await self._usage.take(_calls(number, first, min(BATCH, events - first)))
            if any(result.outcome != "accepted" for result in taken):
                raise RuntimeError("a record of the benchmark was not accepted")
        await self._usage.counting.count_all()
        self._clock.at = issue_at
        started = time.perf_counter()
        await self._invoicing.issue_invoice(IssueInvoiceRequest(account_id, 1))
        return (time.perf_counter() - started) * IN_MILLISECONDS

    async def _open(self, number: int) -> tuple[str, datetime, datetime]:
        async with self._make_work() as work:
            account = await work.accounts.add(_account(number))
            await work.accounts.add_service(
                {
                    "account_id": account.account_id,
                    "kind": "mobile",
                    "identifier": _line(number),
                    "plan_code": "bench",
                    "plan_version": 1,
                    "active_from": ACTIVATED_AT,
                }
            )
            plan = await open_first_cycle(work, account, await work.accounts.brand("bench"), ACTIVATED_AT)
            await work.commit()
        return account.account_id, plan.closes_at, plan.issue_at


def _line(number: int) -> str:
    return f"+316{number:08}"


def _account(number: int) -> dict[str, Any]:
    return {
        "brand": "bench",
        "number": f"B{number}",
        "status": "active",
        "customer_kind": "consumer",
        "customer_name": f"Customer {number}",
        "postal_address": {},
        "country": "NL",
        "locale": "en_GB",
        "zone": "UTC",
        "cycle_day": 15,
        "notice_channels": {},
        "discounts": [],
        "activated_at": ACTIVATED_AT,
    }


def _calls(number: int, first: int, count: int) -> Sequence[dict[str, Any]]:
    """Calls of a minute, one every second."""
    begins = ACTIVATED_AT + timedelta(hours=1)
    return [
        {
            "source": f"switch-{number}",
            "record_id": f"r-{place}",
            "identifier": _line(number),
            "meter": "voice",
            "quantity": 60,
            "started_at": (begins + timedelta(seconds=place)).isoformat(),
            "destination": "+31201234567",
        }
        for place in range(first, first + count)
    ]
