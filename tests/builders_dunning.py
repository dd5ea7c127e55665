"""A small world for dunning and barring tests: an account that owes, its case, and a network that can be silent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.domain.barring import is_stop
from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.domain.ledger import invoice_issued, payment_received
from billing.messages.account import CommandResult
from billing.messages.dunning import (
    BarringResult,
    BarringState,
    CaseCommand,
    DecideRequest,
    NextAction,
    NextStep,
    OpenCaseRequest,
    OpenedCase,
    OrderCheck,
    StepDone,
)
from billing.messages.notices import NoticeKind
from billing.messages.payments import MethodKind, PaymentStatus
from billing.persistence.tables import accounts
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.ports.accounts import Account, Service
from billing.ports.barring import NetworkRefused, NetworkState
from billing.ports.invoicing import Invoice
from billing.ports.notices import NewNotice, NoticeKey, NoticeStatus
from billing.ports.payments import Attempt, AttemptPurpose, MethodStatus
from billing.services.barring import BarringService
from billing.services.disputes import DisputeService
from billing.services.dunning import DunningService
from billing.services.dunning_policies import DunningPolicyService, ensure_default
from tests.builders import a_brand, a_service, an_account

A_TUESDAY_MORNING = datetime(2027, 6, 8, 8, 0, tzinfo=UTC)  # 10:00 in Amsterdam


@dataclass
class CaseClock:
    """A business clock that stands until it is set, or follows a segment of hurried time."""

    at: datetime = A_TUESDAY_MORNING
    hurried: ClockSegment | None = None

    def now(self) -> datetime:
        return self.at if self.hurried is None else self.hurried.business(datetime.now(UTC))

    def segment(self) -> ClockSegment:
        return self.hurried or NORMAL_TIME

    def pass_days(self, days: int, hour: int = 8) -> None:
        """Go to an hour (UTC) some days later."""
        self.at = (self.at + timedelta(days=days)).replace(hour=hour, minute=0)


@dataclass
class ScriptedNetwork:
    """Sets levels at once, unless it is silent for a number, or loses the answer after doing it.

    ``levels`` by number; what caps stop is kept apart, under the number and ``stop:``.
    """

    levels: dict[str, str] = field(default_factory=dict)
    requested: dict[str, str] = field(default_factory=dict)
    orders: list[tuple[str, str, str]] = field(default_factory=list)
    unreachable: set[str] = field(default_factory=set)
    loses_answers: set[str] = field(default_factory=set)
    refusing: set[str] = field(default_factory=set)
    slow: bool = False  # takes orders and does not carry them out yet
    meanwhile: Callable[[], Awaitable[None]] | None = None  # happens once, while the next order is on its way

    async def apply(self, identifier: str, level: str, reason: str, correlation_id: str) -> None:
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            await happens()
        if identifier in self.unreachable:
            raise TimeoutError(f"{identifier}: no answer")
        if identifier in self.refusing:
            raise NetworkRefused(f"{identifier}: not now")
        self.orders.append((identifier, level, correlation_id))
        self.requested[_matter(identifier, level)] = level
        if not self.slow:
            self.levels[_matter(identifier, level)] = level
        if identifier in self.loses_answers:
            raise TimeoutError(f"{identifier}: answer lost")

    async def get_state(self, identifier: str, level: str = "none") -> NetworkState:
        if identifier in self.unreachable:
            raise TimeoutError(f"{identifier}: no answer")
        matter = _matter(identifier, level)
        present = self.levels.get(matter, "stop:" if is_stop(level) else "none")
        return NetworkState(present, self.requested.get(matter, present))


def _matter(identifier: str, level: str) -> str:
    return f"{identifier} stop:" if is_stop(level) else identifier


@dataclass
class ToldProcess:
    """Keeps what the process was told, and credits when it is commanded to (``refuses``: it answers no)."""

    signals: list[tuple[str, str, Any]] = field(default_factory=list)
    commands: list[tuple[str, str, Any]] = field(default_factory=list)
    failure: Exception | None = None
    refuses: bool = False

    async def signal(self, workflow_id: str, signal: str, payload: Any) -> None:
        if self.failure is not None:
            raise self.failure
        self.signals.append((workflow_id, signal, payload))

    async def command(self, workflow_id: str, update: str, command: Any) -> CommandResult:
        self.commands.append((workflow_id, update, command))
        return CommandResult(command.command_id, accepted=not self.refuses, summary="nothing is open")


@dataclass
class DebtWorld:
    """One account with a mobile line, on a database of its own, and the services under test."""

    engine: AsyncEngine
    account: Account
    line: Service
    clock: CaseClock = field(default_factory=CaseClock)
    network: ScriptedNetwork = field(default_factory=ScriptedNetwork)
    process: ToldProcess = field(default_factory=ToldProcess)

    def __post_init__(self) -> None:
        self.service = DunningService(self.work, self.clock)
        self.policies = DunningPolicyService(self.work, self.clock)
        self.disputes = DisputeService(self.work, self.clock, self.process)
        self.barring = BarringService(self.work, self.clock, self.network)

    def work(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self.engine)

    @property
    def account_id(self) -> str:
        return self.account.account_id

    async def an_invoice(self, total_minor: int = 4210) -> str:
        """An issued invoice that owes its total."""
        day = date(2027, 5, 24)
        async with self.work() as work:
            invoice_id = await work.invoices.next_invoice_id()
            invoice = Invoice(
                account_id=self.account_id,
                invoice_id=invoice_id,
                kind="invoice",
                number="",
                brand="vonk",
                invoice_date=day,
                due_on=self.clock.at.date(),
                period_from=day - timedelta(days=31),
                period_to=day,
                issued_at=self.clock.at,
                currency="EUR",
                net_minor=total_minor,
                vat_minor=0,
                total_minor=total_minor,
                method_kind="card",
            )
            await work.invoices.add(invoice, "V27", (), ())
            await work.ledger.post(invoice_issued(self.account_id, invoice_id, self.clock.at, total_minor, 0, "EUR"))
            await work.commit()
        return invoice_id

    async def pay(self, invoice_id: str, amount_minor: int = 4210) -> None:
        """Money for an invoice arrives."""
        shares = {invoice_id: amount_minor}
        async with self.work() as work:
            entry = payment_received(
                self.account_id, "bank", f"tx-{invoice_id}-{amount_minor}", self.clock.at, amount_minor, "EUR", shares
            )
            await work.ledger.post(entry)
            await work.commit()

    async def a_card(self, name: str = "pm_1") -> str:
        """A usable card."""
        async with self.work() as work:
            method = await work.payments.add_method(
                {
                    "account_id": self.account_id,
                    "kind": MethodKind.CARD.value,
                    "provider": "stripe",
                    "provider_customer": "cus_1",
                    "provider_method": name,
                    "label": "visa",
                    "last_four": "4242",
                    "status": MethodStatus.USABLE.value,
                    "is_default": False,
                    "created_at": self.clock.at,
                    "expires_on": date(2030, 1, 31),
                }
            )
            await work.commit()
        return method.method_id

    async def a_try(
        self,
        attempt_id: str,
        status: PaymentStatus = PaymentStatus.FAILED,
        category: str = "funds",
        method_id: str | None = None,
        code: str = "",
    ) -> str:
        """A debit that ended like this."""
        async with self.work() as work:
            attempt = Attempt(
                account_id=self.account_id,
                attempt_id=attempt_id,
                purpose=AttemptPurpose.DEBIT,
                provider="stripe",
                expected_minor=4210,
                currency="EUR",
                status=status,
                created_at=self.clock.at,
                method_id=method_id,
                category=category,
                code=code,
                settled_at=self.clock.at,
            )
            await work.payments.add_attempt(attempt, ())
            await work.commit()
        return attempt_id

    async def a_notice(self, step: NextStep, subject: str, status: NoticeStatus, channel: str = "email") -> None:
        """The warning of a step as the vendor answered it, now."""
        now = self.clock.at
        async with self.work() as work:
            key = NoticeKey(self.account_id, subject, step.notice or NoticeKind.FAILED, step.occasion, channel)
            notice = await work.notices.add(NewNotice(key, status, "sanne@example.com", "en", now))
            assert notice is not None
            taken = status in (NoticeStatus.ACCEPTED, NoticeStatus.DELIVERED)
            changes = {
                "status": status,
                "accepted_at": now if taken else None,
                "delivered_at": now if status is NoticeStatus.DELIVERED else None,
            }
            await work.notices.change(self.account_id, notice.notice_id, changes)
            await work.commit()

    async def open_case(self, *invoice_ids: str, category: str = "funds", attempt: str = "") -> OpenedCase:
        return await self.service.open_case(OpenCaseRequest(self.account_id, invoice_ids, category, attempt))

    async def decide(self, case: OpenedCase, done: StepDone | None = None) -> NextStep:
        return await self.service.decide(DecideRequest(self.account_id, case.case_id, done))

    async def carry_out(self, case: OpenedCase, step: NextStep, detail: str = "sent") -> NextStep:
        """The process did the step; what comes next."""
        return await self.decide(case, StepDone(step.step, step.action, detail, step.occasion))

    async def carry_out_all(self, case: OpenedCase, *, delivered: bool = True) -> list[NextStep]:
        """All steps that may be done now, warnings delivered, bars confirmed; the last one is the wait."""
        steps = [await self.decide(case)]
        while steps[-1].action not in (NextAction.WAIT, NextAction.CLOSE, NextAction.HAND_OVER):
            step = steps[-1]
            if step.action is NextAction.WARN:
                status = NoticeStatus.DELIVERED if delivered else NoticeStatus.FAILED
                await self.a_notice(step, case.case_id, status)
            if step.action is NextAction.BAR:
                await self.bar(f"{case.case_id}-{len(steps)}-{step.level}", step.level)
            steps.append(await self.carry_out(case, step))
        return steps

    async def change(self, kind: str, **fields: Any) -> None:
        command = CaseCommand(self.account_id, kind, f"{kind}-{self.clock.at}", "Robin", "asked for", **fields)
        await self.service.change_case(command)

    def order(self, level: str = "outgoing", order_id: str = "case_1-1", **changes: Any) -> BarringState:
        values: dict[str, Any] = {"reason": "not paid", **changes}
        return BarringState(self.account_id, "vonk", "A100001", order_id, level, **values)

    async def bar(self, order_id: str, level: str, **changes: Any) -> None:
        """An order, of dunning unless told otherwise, that the network carried out."""
        state = self.order(level, order_id, **changes)
        placed = await self.barring.place_order(state)
        checked = await self.barring.check_order(OrderCheck(state, placed.pending_service_ids))
        assert not checked.pending_service_ids
        await self.barring.record_outcome(BarringResult(self.account_id, order_id, level, "confirmed", "not paid"))

    async def level(self) -> str:
        async with self.work() as work:
            (line,) = await work.accounts.services(self.account_id)
        return line.barring_level

    async def set_barring_policy(self, policy: Mapping[str, Any]) -> None:
        """The brand's policy of barring from now on."""
        async with self.work() as work:
            await work.connection.execute(update(accounts.brands).values(barring_policy=policy))
            await work.commit()

    async def timeline(self, kind: str) -> list[Any]:
        async with self.work() as work:
            return [one for one in await work.timeline.of(self.account_id) if one.kind == kind]


@asynccontextmanager
async def a_debt_world(database_url: str) -> AsyncIterator[DebtWorld]:
    """An account of the Dutch brand with one line, nothing owed, the standard policy published."""
    engine = make_engine(database_url, pool_size=5)
    async with SqlUnitOfWork(engine) as work:
        await work.accounts.add_brand(a_brand())
        account = await work.accounts.add(an_account())
        line = await work.accounts.add_service(a_service(account.account_id))
        await work.commit()
    world = DebtWorld(engine, account, line)
    await ensure_default(world.work, world.clock)
    try:
        yield world
    finally:
        await engine.dispose()
