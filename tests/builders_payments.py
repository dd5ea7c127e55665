"""A small world for payment tests: an account with open, announced invoices, and the real adapter at a simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from billing.adapters.stripe import StripePayments
from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.domain.ledger import invoice_issued
from billing.messages.account import CommandResult
from billing.messages.notices import NoticeKind
from billing.messages.payments import AttemptQuery, CollectRequest, PaymentResult
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.ports.accounts import Account, Brand
from billing.ports.invoicing import Invoice
from billing.ports.notices import NewNotice, NoticeKey, NoticeStatus
from billing.ports.payments import PaymentMethod
from billing.services.pay_sessions import PaySessionService
from billing.services.paylinks import Paylinks
from billing.services.payment_calls import PaymentCalls
from billing.services.payment_methods import MethodService
from billing.services.payment_outcomes import PaymentOutcomes
from billing.services.payment_providers import PaymentProviders
from billing.services.payments import PaymentService
from tests.builders import a_brand, an_account
from tests.contracts.simulator_process import KEY, WEBHOOK_SECRET, Simulator

PAY_BASE = "https://pay.vonk.example"
SIGNING_KEY = "a-long-random-text-for-tests-only"


@dataclass
class MovableClock:
    """Real time until it is moved; then it stands."""

    at: datetime | None = None

    def now(self) -> datetime:
        return self.at or datetime.now(UTC)

    def segment(self) -> ClockSegment:
        return NORMAL_TIME


@dataclass
class RecordedProcess:
    """Keeps what the process was told; refuses like a closed workflow when asked to."""

    signals: list[tuple[str, str, Any]] = field(default_factory=list)
    commands: list[tuple[str, str, Any]] = field(default_factory=list)
    answer: CommandResult = field(default_factory=lambda: CommandResult("", url="https://provider.example/page"))
    failure: Exception | None = None

    async def signal(self, workflow_id: str, signal: str, payload: Any) -> None:
        if self.failure is not None:
            raise self.failure
        self.signals.append((workflow_id, signal, payload))

    async def command(self, workflow_id: str, update: str, command: Any) -> CommandResult:
        self.commands.append((workflow_id, update, command))
        return self.answer


@dataclass
class TillWorld:
    """One account and the payment services, on a database of its own and a shared simulator."""

    engine: AsyncEngine
    clock: MovableClock
    simulator: Simulator
    provider: StripePayments
    account: Account
    attempts: int = 0
    currency: str = "EUR"

    def __post_init__(self) -> None:
        providers = PaymentProviders(self.provider)
        self.paylinks = Paylinks(self.work, (SIGNING_KEY,), PAY_BASE)
        self.service = PaymentService(self.work, self.clock, providers, self.paylinks)
        self.methods = MethodService(self.work, self.clock, providers)
        calls = PaymentCalls(self.work, self.clock, providers)
        self.sessions = PaySessionService(self.work, self.clock, providers, self.paylinks, calls)

    def work(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self.engine)

    @property
    def account_id(self) -> str:
        return self.account.account_id

    @property
    def today(self) -> date:
        return self.clock.now().date()

    async def a_card(self, test_id: str = "pm_card_visa") -> PaymentMethod:
        """Store a test card."""
        return await self.methods.add_method(self.account_id, test_id, "test")

    async def a_bank_account(self, test_id: str = "pm_sepaDebit_success_de") -> PaymentMethod:
        """Store a test bank account with its mandate."""
        return await self.methods.add_method(self.account_id, test_id, "test")

    async def an_invoice(self, total_minor: int = 4210, currency: str = "") -> str:
        """An issued invoice that owes its total."""
        currency = currency or self.currency
        async with self.work() as work:
            invoice_id = await work.invoices.next_invoice_id()
            invoice = Invoice(
                account_id=self.account_id,
                invoice_id=invoice_id,
                kind="invoice",
                number="",
                brand="vonk",
                invoice_date=self.today,
                due_on=self.today,
                period_from=self.today - timedelta(days=30),
                period_to=self.today,
                issued_at=self.clock.now(),
                currency=currency,
                net_minor=total_minor,
                vat_minor=0,
                total_minor=total_minor,
                method_kind="card",
            )
            await work.invoices.add(invoice, "V27", (), ())
            entry = invoice_issued(self.account_id, invoice_id, self.clock.now(), total_minor, 0, currency)
            await work.ledger.post(entry)
            await work.commit()
        return invoice_id

    async def announce(
        self,
        amount_minor: int,
        debit_on: date,
        *invoice_ids: str,
        in_time: bool = True,
        sent_on: date | None = None,
    ) -> None:
        """A ready notice that went out and named amount and date."""
        async with self.work() as work:
            key = NoticeKey(self.account_id, invoice_ids[0], NoticeKind.READY, str(debit_on), "email")
            notice = await work.notices.add(
                NewNotice(
                    key,
                    NoticeStatus.ACCEPTED,
                    "sanne@example.com",
                    "en",
                    self.clock.now(),
                    amount_minor,
                    self.currency,
                    debit_on,
                    invoice_ids,
                )
            )
            assert notice is not None
            await work.notices.change(self.account_id, notice.notice_id, {"in_time": in_time, "sent_on": sent_on})
            await work.commit()

    async def thank(self, attempt_id: str) -> None:
        """The thank-you was written to the customer."""
        async with self.work() as work:
            key = NoticeKey(self.account_id, attempt_id, NoticeKind.THANK_YOU, "", "email")
            await work.notices.add(NewNotice(key, NoticeStatus.ACCEPTED, "sanne@example.com", "en", self.clock.now()))
            await work.commit()

    async def an_announced_invoice(self, total_minor: int = 4210, lead_days: int = 0) -> str:
        """An invoice whose debit was announced for ``lead_days`` from today."""
        invoice_id = await self.an_invoice(total_minor)
        await self.announce(total_minor, self.today + timedelta(days=lead_days), invoice_id)
        return invoice_id

    def a_request(self, *invoice_ids: str, amount_minor: int = 4210, lead_days: int = 0) -> CollectRequest:
        """A new attempt to collect the invoices."""
        self.attempts += 1
        attempt_id = f"{invoice_ids[0]}-{self.attempts}-{self.simulator.port}-{id(self)}"
        debit_on = self.today + timedelta(days=lead_days)
        return CollectRequest(self.account_id, attempt_id, invoice_ids, amount_minor, self.currency, debit_on)

    async def settle(self, attempt_id: str) -> PaymentResult:
        return await self.service.settle(AttemptQuery(self.account_id, attempt_id))

    async def open_of(self, invoice_id: str) -> int:
        async with self.work() as work:
            return await work.ledger.open_of(self.account_id, invoice_id)

    def outcomes(self, process: Any) -> PaymentOutcomes:
        """Hints about payments go to this process, and are booked at once where the account has ended."""
        return PaymentOutcomes(self.work, self.clock, process, self.service.settle)

    async def end_account(self) -> None:
        """The account has ended: no process runs for it any more."""
        async with self.work() as work:
            await work.accounts.change(self.account_id, {"status": "closed", "closed_at": self.clock.now()})
            await work.commit()

    async def lasting(self, kind: str) -> list[str]:
        """What the lasting cases of a kind are about."""
        async with self.work() as work:
            return [one.subject for one in await work.staff_cases.lasting(kind)]

    async def credit(self, currency: str = "EUR") -> int:
        async with self.work() as work:
            return await work.ledger.credit_minor(self.account_id, currency)

    async def kinds(self) -> list[str]:
        """The kinds of the ledger's entries, in order, without the invoices."""
        async with self.work() as work:
            entries = await work.ledger.entries(self.account_id)
        return [str(entry.kind) for entry in entries if entry.kind != "invoice_issued"]

    async def provider_payment(self, attempt_id: str) -> str:
        async with self.work() as work:
            attempt = await work.payments.attempt(self.account_id, attempt_id)
        assert attempt is not None
        return attempt.provider_payment

    async def charges(self) -> list[Any]:
        """The payments the provider made for the account, newest first."""
        async with self.work() as work:
            customer = await work.payments.customer(self.account_id, "stripe")
        client = self.simulator.stripe()
        found = await asyncio.to_thread(client.v1.payment_intents.list, {"customer": customer, "limit": 100})
        return [one for one in found.data if one.status in ("succeeded", "processing")]

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        return await asyncio.to_thread(self.simulator.control, method, path, body)


def a_provider(simulator: Simulator, *, timeout_seconds: float = 20.0) -> StripePayments:
    """The real adapter pointed at the simulator."""
    return StripePayments(KEY, (WEBHOOK_SECRET,), f"{simulator.url}/stripe", timeout_seconds)


@asynccontextmanager
async def a_till(
    database_url: str, simulator: Simulator, brand: Brand | None = None, **options: Any
) -> AsyncIterator[TillWorld]:
    """An account of the brand (the Dutch one), nothing owed, no method stored."""
    brand = brand or a_brand()
    engine = make_engine(database_url, pool_size=5)
    async with SqlUnitOfWork(engine) as work:
        await work.accounts.add_brand(brand)
        account = await work.accounts.add(an_account(brand=brand.brand, zone=brand.zone, locale=brand.locale))
        await work.commit()
    provider = a_provider(simulator, **options)
    try:
        yield TillWorld(engine, MovableClock(), simulator, provider, account, currency=brand.currency)
    finally:
        await provider.close()
        await engine.dispose()
