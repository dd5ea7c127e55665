"""A small bank world: a brand with its creditor, an account, debits at the bank, and files as banks send them."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from billing.adapters.bank_files.sealing import KeyRing
from billing.adapters.bank_statements import read_bank_file
from billing.domain.invoice import InvoiceLine, Section
from billing.domain.ledger import LedgerAccount, invoice_issued
from billing.domain.money import Money
from billing.messages.payments import AttemptQuery, PaymentStatus
from billing.persistence.invariants import broken_rules
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.ports.accounts import Account
from billing.ports.bank_files import BANK_FILES, BankBatch, BankDebit, Creditor, DebitStatus
from billing.ports.invoicing import Invoice, InvoiceTax
from billing.ports.payments import Allocation, Attempt, AttemptPurpose
from billing.ports.suspense import SuspenseFilter, SuspenseItem
from billing.services.bank_carrying_out import CarryingOut
from billing.services.bank_news import BankNews
from billing.services.bank_statements import BankStatements, TakenIn
from billing.services.payment_outcomes import PaymentOutcomes
from billing.services.suspense import SuspenseService
from tests.builders import a_brand, an_account
from tests.builders_bank_statements import DAY, OUR_IBAN
from tests.builders_payments import MovableClock, RecordedProcess

NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)


def a_creditor(brand: str = "vonk", iban: str = OUR_IBAN) -> Creditor:
    """Whose bank account the files are of."""
    return Creditor(
        brand=brand,
        revision=1,
        name="Vonk Mobiel",
        iban=iban,
        bic="",
        creditor_id="NL69ZZZ123456780000",
        address={},
        message_version="pain.008.001.08",
        first_sequence="RCUR",
        lead_banking_days=1,
        cut_off_hour_local=12,
        make_hours_before=2,
        largest_minor=1_000_000,
        delivery="manual",
        changed_at=NOON,
        author="test",
        reason="set up",
    )


@dataclass
class BankWorld:
    """The services of bank files coming in, on a database of its own."""

    engine: AsyncEngine
    account: Account
    clock: MovableClock = field(default_factory=lambda: MovableClock(NOON))
    process: RecordedProcess = field(default_factory=RecordedProcess)
    debits: int = 0
    settled: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        news = BankNews(self.work, PaymentOutcomes(self.work, self.clock, self.process, self._settle))
        self.carrying = CarryingOut(self.work, self.clock, news)
        ring = KeyRing({"test": b"k" * 32})
        self.statements = BankStatements(self.work, self.clock, read_bank_file, ring, self.carrying)
        self.suspense = SuspenseService(self.work, self.clock, news)

    def work(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self.engine)

    async def _settle(self, query: AttemptQuery) -> None:
        """What is booked without a process, because the account has ended."""
        self.settled.append(query.attempt_id)

    @property
    def account_id(self) -> str:
        return self.account.account_id

    async def take(self, content: bytes, name: str = "statement.xml") -> TakenIn:
        """Hand a file in."""
        return await self.statements.take_in(name, io.BytesIO(content), "api", "test")

    async def another_account(self, number: str, **changes: Any) -> Account:
        async with self.work() as work:
            account = await work.accounts.add(an_account(number=number, **changes))
            await work.commit()
        return account

    async def an_invoice(self, total_minor: int = 4210, account_id: str = "") -> Invoice:
        """An issued invoice that owes its total."""
        account_id = account_id or self.account_id
        async with self.work() as work:
            invoice = Invoice(
                account_id=account_id,
                invoice_id=await work.invoices.next_invoice_id(),
                kind="invoice",
                number="",
                brand="vonk",
                invoice_date=DAY,
                due_on=DAY,
                period_from=date(2027, 1, 1),
                period_to=DAY,
                issued_at=NOON,
                currency="EUR",
                net_minor=total_minor,
                vat_minor=0,
                total_minor=total_minor,
                method_kind="sepa_debit",
            )
            stored = await work.invoices.add(
                invoice,
                "VONK-20270201",
                [InvoiceLine(Section.SERVICE, "plan", "Plan", Money(total_minor, "EUR"))],
                [InvoiceTax(Decimal(0), "Z", total_minor, 0)],
            )
            await work.ledger.post(invoice_issued(account_id, stored.invoice_id, NOON, total_minor, 0, "EUR"))
            await work.commit()
        return stored

    async def a_debit(self, invoice: Invoice, status: str = DebitStatus.SENT) -> BankDebit:
        """An invoice's debit that is at the bank, with its attempt."""
        self.debits += 1
        attempt_id = f"{invoice.invoice_id}-{self.debits}"
        debit = BankDebit(
            account_id=invoice.account_id,
            attempt_id=attempt_id,
            end_to_end_id=attempt_id.replace("_", "-"),
            brand="vonk",
            method_id="pm_1001",
            amount_minor=invoice.total_minor,
            currency="EUR",
            description=invoice.number,
            mandate_reference="VONK-1",
            signed_on=date(2027, 1, 4),
            scheme="CORE",
            due_on=DAY,
            created_at=NOON,
            changed_at=NOON,
            sequence="RCUR",
            collect_on=DAY,
            status=status,
        )
        attempt = Attempt(
            account_id=invoice.account_id,
            attempt_id=attempt_id,
            purpose=AttemptPurpose.PAY_SESSION,  # no method and no notice are needed for the books
            provider=BANK_FILES,
            expected_minor=invoice.total_minor,
            currency="EUR",
            status=PaymentStatus.PENDING,
            created_at=NOON,
            provider_payment=debit.end_to_end_id,
        )
        async with self.work() as work:
            allocation = Allocation(invoice.account_id, attempt_id, invoice.invoice_id, invoice.total_minor)
            await work.payments.add_attempt(attempt, [allocation])
            await work.bank_files.claim_reference(debit.end_to_end_id, invoice.account_id, attempt_id)
            debit = replace(debit, batch_id=await work.bank_files.next_batch_id())
            await work.bank_files.add_debit(debit)
            await work.bank_files.add_batch(_a_batch(debit), b"sealed", [debit])
            await work.commit()
        return debit

    async def standing(self, debit: BankDebit) -> BankDebit:
        """A debit as it stands now."""
        async with self.work() as work:
            found = await work.bank_files.debit(debit.account_id, debit.attempt_id)
        assert found is not None
        return found

    async def items(self, status: str = "") -> list[SuspenseItem]:
        """Suspense items, oldest first."""
        return list(await self.suspense.items(SuspenseFilter(status=status)))[::-1]

    async def open_of(self, invoice: Invoice) -> int:
        async with self.work() as work:
            return await work.ledger.open_of(invoice.account_id, invoice.invoice_id)

    async def balance(self, ledger_account: LedgerAccount, account_id: str = "") -> int:
        """What stands on an account of the books: the house's, or a customer's."""
        async with self.work() as work:
            entries = await work.ledger.entries(account_id or await work.suspense.house_account("vonk"))
        postings = [posting for entry in entries for posting in entry.postings]
        return sum(one.amount_minor for one in postings if one.ledger_account == ledger_account)

    def told(self) -> list[str]:
        """The attempts that the accounts' processes were asked to look at."""
        return [
            payload.attempt_id for _, signal, payload in self.process.signals if signal == "payment_outcome_received"
        ]

    async def broken(self) -> list[str]:
        """Rules of the books that do not hold."""
        return await broken_rules(self.engine)


def _a_batch(debit: BankDebit) -> BankBatch:
    """The file that carries one debit, delivered; its message id is that of its batch."""
    assert debit.batch_id is not None
    return BankBatch(
        batch_id=debit.batch_id,
        brand=debit.brand,
        collect_on=DAY,
        sequence=debit.sequence,
        scheme=debit.scheme,
        version="pain.008.001.08",
        message_id=f"EF-{debit.batch_id.rpartition('_')[2]}",
        count=1,
        control_sum_minor=debit.amount_minor,
        file_hash="0" * 64,
        creditor={},
        status="delivered",
        reason="",
        made_at=NOON,
        deliver_by=NOON,
        delivered_how="folder",
        author="test",
        delivered_at=NOON,
    )


@asynccontextmanager
async def a_bank_world(database_url: str) -> AsyncIterator[BankWorld]:
    """A brand with its creditor and one account."""
    engine = make_engine(database_url)
    async with SqlUnitOfWork(engine) as work:
        await work.accounts.add_brand(a_brand())
        await work.bank_files.add_creditor(a_creditor())
        account = await work.accounts.add(an_account(number="V-1001"))
        await work.commit()
    try:
        yield BankWorld(engine, account)
    finally:
        await engine.dispose()
