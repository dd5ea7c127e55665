"""A small world for debits by bank file: a brand with its creditor, an account with a mandate, the bank's folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from billing.adapters.bank_files.folder import FileFolder
from billing.adapters.bank_files.pain001 import PayoutWriter
from billing.adapters.bank_files.pain008 import VERSIONS, PainWriter
from billing.adapters.bank_files.provider import BankFilePayments
from billing.adapters.bank_files.sealing import KeyRing
from billing.adapters.stripe import StripePayments
from billing.messages.payments import PaymentResult
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.ports.bank_files import BankBatch, BankDebit, DebitFilter
from billing.services.bank_amendments import BankAmendments
from billing.services.bank_batches import BankBatches
from billing.services.bank_creditors import BankCreditors, NewCreditor
from billing.services.bank_debits import BankDebits
from billing.services.bank_delivery import BankDelivery
from billing.services.bank_mandates import BankMandates, NewBankMandate, StoredMandate
from billing.services.bank_payout_files import PayoutFiles
from billing.services.bank_payouts import BankPayouts
from billing.services.bank_round import BankRound
from billing.services.payment_providers import PaymentProviders
from billing.services.payments import PaymentService
from tests.builders import a_brand, an_account
from tests.builders_bank_files import CREDITOR_IBAN, CREDITOR_ID, GOOD_IBAN
from tests.builders_payments import MovableClock, RecordedProcess, TillWorld

# Friday 12 March 2027, 10:00 in Amsterdam: a debit for Monday 22 March is announced in time.
A_FRIDAY = datetime(2027, 3, 12, 9, tzinfo=UTC)
DEBIT_ON = date(2027, 3, 22)
# Two banking days before it, two hours before the bank's cut-off at 14:00 in Amsterdam.
MAKE_AT = datetime(2027, 3, 18, 11, tzinfo=UTC)
CUT_OFF = datetime(2027, 3, 18, 13, tzinfo=UTC)
KEYS = {"first": b"k" * 32}


def a_creditor(**changes: Any) -> NewCreditor:
    values = {"name": "Vonk Mobiel", "iban": CREDITOR_IBAN, "creditor_id": CREDITOR_ID, "reason": "set up"}
    return NewCreditor(**{**values, **changes})


def a_mandate(**changes: Any) -> NewBankMandate:
    values = {"holder_name": "Sanne de Vries", "iban": GOOD_IBAN, "signed_on": date(2027, 3, 1)}
    return NewBankMandate(**{**values, **changes})


@dataclass
class BankTill:
    """One account that pays by bank file, with every use case around it; the folder may be moved or emptied."""

    till: TillWorld
    root: Path

    def __post_init__(self) -> None:
        till, self.process = self.till, RecordedProcess()
        self.seal = KeyRing(KEYS)
        work, clock = till.work, till.clock
        process = cast(Any, self.process)
        self.provider = BankFilePayments(work, clock, self.seal)
        providers = PaymentProviders(till.provider, {self.provider.name: self.provider})
        till.service = PaymentService(work, clock, providers, till.paylinks)
        self.creditors = BankCreditors(work, clock, VERSIONS)
        self.mandates = BankMandates(work, clock, self.seal, process)
        self.amendments = BankAmendments(work, clock, self.seal, process)
        self.batches = BankBatches(work, clock, PainWriter(), self.seal)
        self.debits = BankDebits(work, clock, process)
        self.folder = FileFolder(self.root)
        self.delivery = BankDelivery(work, clock, self.batches, self.folder)
        self.payouts = BankPayouts(work, clock, self.seal)
        self.payout_files = PayoutFiles(work, clock, PayoutWriter(), self.seal)
        self.round = BankRound(work, clock, self.batches, self.delivery, self.debits, self.payout_files)

    @property
    def outgoing(self) -> list[str]:
        """The files that lie ready for the bank."""
        return sorted(path.name for path in (self.root / "outgoing").glob("*"))

    async def store(self, **changes: Any) -> StoredMandate:
        return await self.mandates.add(self.till.account_id, a_mandate(**changes), "ann")

    async def collect(self, total_minor: int = 4210, debit_on: date = DEBIT_ON) -> PaymentResult:
        """Announce an invoice for the date and hand its debit in."""
        lead = (debit_on - self.till.today).days
        invoice = await self.till.an_announced_invoice(total_minor, lead)
        return await self.till.service.collect(self.till.a_request(invoice, amount_minor=total_minor, lead_days=lead))

    async def debit(self, attempt_id: str) -> BankDebit:
        async with self.till.work() as work:
            found = await work.bank_files.debit(self.till.account_id, attempt_id)
        assert found is not None
        return found

    async def all_debits(self) -> list[BankDebit]:
        async with self.till.work() as work:
            return list(await work.bank_files.debits(DebitFilter()))

    async def all_batches(self) -> list[BankBatch]:
        """The oldest first."""
        return list(await self.batches.batches())[::-1]

    async def bank_says(self, attempt_id: str, **values: Any) -> None:
        """What a statement told is written on the debit."""
        async with self.till.work() as work:
            changed = {**values, "changed_at": self.till.clock.now()}
            await work.bank_files.change_debit(self.till.account_id, attempt_id, changed)
            await work.commit()

    async def settles(self, attempt_id: str) -> PaymentResult:
        at = datetime.combine(DEBIT_ON, A_FRIDAY.time(), UTC)
        await self.bank_says(attempt_id, status="settled", settled_at=at)
        return await self.till.settle(attempt_id)

    async def comes_back(self, attempt_id: str, code: str, **values: Any) -> PaymentResult:
        at = self.till.clock.now() + timedelta(days=3)
        told = {"status": "returned", "returned_at": at, "reason_code": code, "returned_minor": 4210, **values}
        await self.bank_says(attempt_id, **told)
        return await self.till.settle(attempt_id)


@asynccontextmanager
async def a_bank_till(database_url: str, root: Path, **creditor: Any) -> AsyncIterator[BankTill]:
    """An account of the Dutch brand on that Friday, with a creditor and no mandate yet."""
    engine = make_engine(database_url, pool_size=5)
    async with SqlUnitOfWork(engine) as work:
        await work.accounts.add_brand(a_brand())
        account = await work.accounts.add(an_account())
        await work.commit()
    # Cards are not used here, so their provider is never called.
    cards = StripePayments("sk_test_sim_unused", (), "http://127.0.0.1:9/stripe")
    till = TillWorld(engine, MovableClock(A_FRIDAY), cast(Any, SimpleNamespace(port=7)), cards, account)
    try:
        bank = BankTill(till, root)
        await bank.creditors.put("vonk", a_creditor(**creditor), "ann")
        yield bank
    finally:
        await cards.close()
        await engine.dispose()
