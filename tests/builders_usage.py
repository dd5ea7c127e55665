"""Test data for usage: a brand with an account, its line, plan and cycle, and events of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from billing.adapters.usage_formats import standard_formats
from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.messages.account import AccountState, AccountView, Command, CommandResult
from billing.messages.plan_corrections import CorrectPlanRequest
from billing.messages.usage import ImportFileRequest
from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.ports.accounts import Cycle
from billing.ports.usage import IssueFilter, UsageFile, UsageFormat, UsageIssue
from billing.services.usage import UsageService
from tests.builders import ACTIVATED_AT, a_brand, a_plan, a_service, an_account

NOW = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)
LINE = "+31612345678"

PLAN: Mapping[str, Any] = {
    "code": "vonk-basis",
    "name": "Vonk Basis",
    "currency": "EUR",
    "prices": [
        {"code": "fee", "name": "Abonnement", "model": "recurring", "fee": "10"},
        {
            "code": "voice",
            "name": "Bellen",
            "model": "per_unit",
            "meter": "voice",
            "unit_size": 60,
            "rate": "0.10",
            "increments": "60/60",
            "destinations": [{"name": "België", "prefixes": ["32"], "rate": "0.20"}],
            "prefixes": ["31"],
        },
        {"code": "sms", "name": "SMS", "model": "per_unit", "meter": "sms", "rate": "0.05"},
        {"code": "shop", "name": "Betaald", "model": "percentage", "meter": "shop", "percent": "10"},
    ],
    "allowances": [{"code": "minutes", "name": "Belminuten", "meter": "voice", "quantity": 6000}],
}

# Everything a line can do has a price.
OPEN_PLAN: Mapping[str, Any] = {
    "code": "vonk-basis",
    "name": "Vonk Basis",
    "currency": "EUR",
    "prices": [
        {"code": "voice", "name": "Bellen", "model": "per_unit", "meter": "voice", "unit_size": 60, "rate": "0.10"},
        {"code": "sms", "name": "SMS", "model": "per_event", "meter": "sms", "rate": "0.05"},
        {"code": "data", "name": "Data", "model": "per_unit", "meter": "data", "unit_size": 1000000, "rate": "0.01"},
    ],
    "allowances": [{"code": "mb", "name": "MB", "meter": "data", "quantity": 50000000}],
}


@dataclass
class StandingClock:
    """A business clock that tells the time it was set to."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def segment(self) -> ClockSegment:
        return NORMAL_TIME


@dataclass
class RecordingProcess:
    """A process that remembers what it was told; ``away`` makes it fail."""

    away: bool = False
    signals: list[tuple[str, str, Any]] = field(default_factory=list)
    imports: list[ImportFileRequest] = field(default_factory=list)

    async def start_account(self, state: AccountState) -> None: ...

    async def start_plan_correction(self, request: CorrectPlanRequest) -> None: ...

    async def start_import(self, request: ImportFileRequest) -> None:
        self.imports.append(request)

    async def signal(self, workflow_id: str, signal: str, payload: Any) -> None:
        if self.away:
            raise ConnectionError("the process is away")
        self.signals.append((workflow_id, signal, payload))

    async def command(self, workflow_id: str, update: str, command: Command) -> CommandResult:
        raise NotImplementedError

    async def view(self, workflow_id: str) -> AccountView:
        raise NotImplementedError


def an_event(**changes: Any) -> dict[str, Any]:
    """One minute to a Dutch number."""
    event: dict[str, Any] = {
        "source": "switch",
        "record_id": "r-1",
        "identifier": LINE,
        "meter": "voice",
        "quantity": 60,
        "started_at": "2027-02-01T10:00:00+00:00",
        "destination": "+31201234567",
    }
    return event | changes


def a_cycle(account_id: str, number: int = 1, **changes: Any) -> Cycle:
    """The cycle from the activation on the 15th, and those after it."""
    opens = (ACTIVATED_AT, datetime(2027, 2, 14, 23, tzinfo=UTC), datetime(2027, 3, 14, 23, tzinfo=UTC))
    values: dict[str, Any] = {
        "account_id": account_id,
        "cycle_number": number,
        "cycle_day": 15,
        "opens_at": opens[number - 1],
        "closes_at": opens[number] if number < len(opens) else opens[-1] + timedelta(days=31),
        "debit_on": date(2027, 3, 1),
        "plan": {},
        "status": "open",
    }
    return Cycle(**(values | changes))


@dataclass(frozen=True)
class UsageWorld:
    """An operator's database with one account, and the usage service over it."""

    engine: AsyncEngine
    service: UsageService
    clock: StandingClock
    process: RecordingProcess
    account_id: str
    service_id: str

    def work(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self.engine)

    async def register(self, path: Path, profile: str) -> tuple[UsageFile, bool]:
        """Hand in a file, as the door does."""

        content = await asyncio.to_thread(path.read_bytes)

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        return await self.service.files.register(path.name, profile, chunks())

    async def issues(self, **wanted: Any) -> Sequence[UsageIssue]:
        """Open kept records."""
        async with self.work() as work:
            return await work.usage.issues(IssueFilter(**wanted))


async def a_customer(work: SqlUnitOfWork, **changes: Any) -> tuple[str, str]:
    """Another account with one line and its first two cycles; answers its account_id and service_id."""
    identifier = changes.pop("identifier", LINE)
    account = await work.accounts.add(an_account(**changes))
    service = await work.accounts.add_service(a_service(account.account_id, identifier=identifier))
    await work.accounts.add_cycle(a_cycle(account.account_id, 1))
    await work.accounts.add_cycle(a_cycle(account.account_id, 2))
    return account.account_id, service.service_id


async def a_usage_world(
    engine: AsyncEngine,
    spool: Path,
    plan: Mapping[str, Any] = PLAN,
    formats: Mapping[str, UsageFormat] | None = None,
    process: RecordingProcess | None = None,
) -> UsageWorld:
    """The Dutch brand with one customer, committed; ``formats`` are further profiles."""
    async with SqlUnitOfWork(engine) as work:
        await work.accounts.add_brand(a_brand())
        await work.accounts.add_plan(a_plan(plan))
        account_id, service_id = await a_customer(work)
        await work.commit()
    clock, process = StandingClock(), process or RecordingProcess()
    known = {**standard_formats(), **(formats or {})}
    service = UsageService(lambda: SqlUnitOfWork(engine), clock, process, known, spool)
    return UsageWorld(engine, service, clock, process, account_id, service_id)
