"""A small world for invoicing tests: a brand with a plan, accounts with a line, counters as usage leaves them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.domain.cycle_plan import CyclePlan
from billing.messages.invoicing import IssuedInvoice, IssueInvoiceRequest
from billing.messages.payments import MethodKind
from billing.persistence.tables import usage as usage_tables
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.ports.accounts import Account
from billing.ports.payments import Mandate, MandateStatus, MethodStatus
from billing.services.invoicing import InvoicingService
from billing.services.invoicing_cycles import open_first_cycle
from tests.builders import ACTIVATED_AT, a_brand, a_plan, a_service, an_account

# 20.00 a month; 0.10 a minute by the started minute after 100 free minutes.
VOICE_PLAN: dict[str, Any] = {
    "code": "vonk-basis",
    "name": "Vonk Basis",
    "currency": "EUR",
    "prices": [
        {"code": "fee", "name": "Vonk Basis", "model": "recurring", "fee": "20.00"},
        {
            "code": "voice",
            "name": "Calls",
            "model": "per_unit",
            "meter": "voice_seconds",
            "rate": "0.10",
            "unit_size": 60,
            "increments": "60/60",
        },
    ],
    "allowances": [{"code": "free", "name": "100 minutes", "meter": "voice_seconds", "quantity": 6000}],
}


class SetClock:
    """A clock that stands where the test puts it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def segment(self) -> ClockSegment:
        return NORMAL_TIME


@dataclass
class Office:
    """The service on a real database, with a clock to move."""

    engine: AsyncEngine
    clock: SetClock
    service: InvoicingService

    def work(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self.engine)

    async def open_account(self, **changes: Any) -> tuple[Account, str]:
        """An account with one line and its first cycle; answers it and the service's id."""
        activated_at = changes.get("activated_at", ACTIVATED_AT)
        number = changes.get("number", "A100001")
        async with self.work() as work:
            account = await work.accounts.add(an_account(**changes))
            identifier = f"+3161{number[1:]:0>7}"
            line = a_service(account.account_id, identifier=identifier, active_from=activated_at)
            service = await work.accounts.add_service(line)
            brand = await work.accounts.brand(account.brand)
            await open_first_cycle(work, account, brand, activated_at)
            await work.commit()
        return account, service.service_id

    async def plan_of(self, account_id: str, cycle_number: int = 1) -> CyclePlan:
        async with self.work() as work:
            cycle = await work.accounts.cycle(account_id, cycle_number)
        return CyclePlan.from_dict(dict(cycle.plan))

    async def issue(self, account_id: str, cycle_number: int = 1, **changes: Any) -> IssuedInvoice:
        """Move the clock to the planned issue and issue."""
        self.clock.at = (await self.plan_of(account_id, cycle_number)).issue_at
        return await self.service.issue_invoice(IssueInvoiceRequest(account_id, cycle_number, **changes))

    async def a_method(self, account_id: str, kind: MethodKind, expires_on: date | None = None) -> None:
        """A usable method in use; a bank account has its active mandate."""
        async with self.work() as work:
            method = await work.payments.add_method(
                {
                    "account_id": account_id,
                    "kind": kind.value,
                    "provider": "stripe",
                    "provider_customer": "cus_1",
                    "provider_method": f"pm_{kind.value}",
                    "label": "visa" if kind is MethodKind.CARD else "sepa",
                    "last_four": "4242",
                    "expires_on": expires_on,
                    "status": MethodStatus.USABLE.value,
                    "is_default": False,
                    "created_at": self.clock.at,
                }
            )
            await work.payments.make_default(account_id, method.method_id)
            if kind in (MethodKind.SEPA_DEBIT, MethodKind.BACS_DEBIT):
                mandate = Mandate(
                    account_id, method.method_id, "stripe", "md_1", "REF-1", MandateStatus.ACTIVE, self.clock.at
                )
                await work.payments.put_mandate(mandate)
            await work.commit()

    async def count(self, account_id: str, service_id: str, minutes: int, cycle_number: int = 1) -> None:
        """Calls of one minute each, as usage counts them."""
        await self._insert(usage_tables.usage_counters, account_id, service_id, minutes, cycle_number, self._counted())

    async def count_late(self, account_id: str, service_id: str, minutes: int, cycle_number: int = 1) -> None:
        """Calls that came after the invoice of their cycle."""
        opens_at = (await self.plan_of(account_id, cycle_number)).opens_at
        dates = {
            "first_started_at": opens_at + timedelta(days=1),
            "last_started_at": opens_at + timedelta(days=2),
            "received_at": self.clock.at,
        }
        await self._insert(usage_tables.usage_late, account_id, service_id, minutes, cycle_number, dates)

    def _counted(self) -> dict[str, Any]:
        return {"counted_at": self.clock.at}

    async def _insert(
        self, table: Any, account_id: str, service_id: str, minutes: int, cycle_number: int, more: dict[str, Any]
    ) -> None:
        values = {
            "account_id": account_id,
            "cycle_number": cycle_number,
            "service_id": service_id,
            "plan_code": "vonk-basis",
            "plan_version": 1,
            "price_code": "voice",
            "band": "",
            "events": minutes,
            "quantity": minutes * 60,
            "amount": 0,
        }
        async with self.engine.begin() as connection:
            await connection.execute(insert(table).values(**values | more))


@asynccontextmanager
async def an_office(
    database_url: str, plan: Mapping[str, Any] = VOICE_PLAN, **brand_changes: Any
) -> AsyncIterator[Office]:
    """A brand with the voice plan, or another one of that code; nothing else."""
    engine = make_engine(database_url, pool_size=8)
    clock = SetClock(datetime(2027, 1, 15, tzinfo=UTC))
    office = Office(engine, clock, InvoicingService(lambda: SqlUnitOfWork(engine), clock))
    async with office.work() as work:
        await work.accounts.add_brand(a_brand(**brand_changes))
        await work.accounts.add_plan(a_plan(plan))
        await work.commit()
    try:
        yield office
    finally:
        await engine.dispose()
