"""The whole circle with the simulated bank: a debit is filed, the bank's own files come back, and the books follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from billing.adapters.bank_statements import read_bank_file
from billing.domain.ledger import EntryKind, LedgerAccount
from billing.persistence.invariants import broken_rules
from billing.ports.suspense import SuspenseFilter
from billing.services.bank_carrying_out import CarryingOut
from billing.services.bank_folder import BankFolder
from billing.services.bank_news import BankNews
from billing.services.bank_statements import BankStatements
from billing.services.suspense import SuspenseService
from tests.builders_bank_files import CREDITOR_IBAN, an_iban
from tests.builders_bank_till import MAKE_AT, BankTill, a_bank_till
from tests.contracts.simulator_process import Listener, Simulator, wait_for

pytest_plugins = ["tests.contracts.simulator_fixtures"]
# The rules of the books that concern banks; the till's invoices are made without lines.
RULES = ("ledger", "open amount", "one live", "bank", "suspense", "entries")
DEBIT_EVENING = datetime(2027, 3, 22, 20, tzinfo=UTC)


@dataclass
class Circle:
    """Our side with its folder, and the bank on the other side of it."""

    bank: BankTill
    simulator: Simulator
    folder: BankFolder
    suspense: SuspenseService

    def until(self, at: datetime) -> None:
        """Let the bank's clock, and ours, stand at an instant."""
        real = datetime.now(UTC).isoformat()
        clock = {"real_start": real, "business_start": at.isoformat(), "rate": 1.0}
        self.simulator.control("POST", "/clock", clock)
        self.bank.till.clock.at = at

    async def hear(self, kind: str, count: int = 1) -> list[Any]:
        """Take in what the bank wrote, once so many files of a kind are there; what each account was told, booked."""
        incoming, taken = self.bank.root / "incoming", self.bank.root / "taken-in"

        def is_there() -> bool:
            found = [*incoming.glob(f"{kind}-*.xml"), *taken.glob(f"*{kind}-*.xml")]
            return len(found) >= count

        await asyncio.to_thread(wait_for, is_there)
        await self.folder.look()
        signals = self.bank.process.signals
        told = [payload.attempt_id for _, name, payload in signals if name == "payment_outcome_received"]
        self.bank.process.signals.clear()
        return [await self.bank.till.settle(attempt_id) for attempt_id in dict.fromkeys(told)]

    async def ledger(self, kind: EntryKind) -> list[int]:
        """The cash moved by entries of a kind on the customer's account."""
        async with self.bank.till.work() as work:
            entries = await work.ledger.entries(self.bank.till.account_id)
        return [
            posting.amount_minor
            for entry in entries
            for posting in entry.postings
            if entry.kind == kind and posting.ledger_account == LedgerAccount.CASH
        ]


@pytest.fixture
async def circle(database_url: str, tmp_path: Path, listener: Listener) -> AsyncIterator[Circle]:
    root = tmp_path / "bank"
    simulator = Simulator(tmp_path / "data", listener, arguments=("--bank-folder", str(root)))
    try:
        async with a_bank_till(database_url, root) as bank:
            work, clock = bank.till.work, bank.till.clock
            news = BankNews(work, bank.process)
            statements = BankStatements(work, clock, read_bank_file, bank.seal, CarryingOut(work, clock, news))
            folder = BankFolder(root, statements, quiet_seconds=0)
            found = Circle(bank, simulator, folder, SuspenseService(work, clock, news))
            found.until(clock.now())
            yield found
            assert [one for one in await broken_rules(bank.till.engine) if one.startswith(RULES)] == []
    finally:
        simulator.stop()


async def at_the_bank(circle: Circle, code: str) -> str:
    """A debit that the bank has taken, of the account with this behaviour; its attempt."""
    await circle.bank.store(iban=an_iban(code))
    pending = await circle.bank.collect()
    circle.until(MAKE_AT)
    assert (await circle.bank.round.look_after()).count == 1
    return str(pending.attempt_id)


async def test_a_debit_is_accepted_credited_stated_and_booked_once(circle: Circle) -> None:
    attempt_id = await at_the_bank(circle, "99")
    assert await circle.hear("pain002") == []
    assert (await circle.bank.debit(attempt_id)).status == "accepted"
    circle.until(DEBIT_EVENING)
    (paid,) = await circle.hear("camt054")
    assert (paid.status, paid.received_minor, paid.open_minor) == ("succeeded", 4210, 0)
    assert await circle.hear("camt053") == []
    assert await circle.ledger(EntryKind.PAYMENT_RECEIVED) == [4210]
    assert await circle.suspense.items(SuspenseFilter()) == []
    reports = sorted(path.name for path in (circle.bank.root / "taken-in").glob("*.report.txt"))
    assert len(reports) == 3
    assert list((circle.bank.root / "incoming").iterdir()) == []


async def test_a_refused_debit_fails_before_any_money_moved(circle: Circle) -> None:
    attempt_id = await at_the_bank(circle, "11")
    (failed,) = await circle.hear("pain002")
    assert (failed.attempt_id, failed.status, failed.category, failed.code) == (
        attempt_id,
        "failed",
        "method_dead",
        "AC04",
    )
    assert await circle.ledger(EntryKind.PAYMENT_RECEIVED) == []


@pytest.mark.parametrize(
    ("code", "days", "status", "category", "method"),
    [
        ("28", 2, "failed", "funds", "usable"),
        ("30", 20, "disputed", "customer_refused", "usable"),
        ("24", 2, "failed", "mandate_dead", "blocked"),
    ],
)
async def test_scenarios_17_and_18_a_late_return_is_a_failure_and_a_refund_is_a_dispute(
    circle: Circle, code: str, days: int, status: str, category: str, method: str
) -> None:
    await at_the_bank(circle, code)
    assert await circle.hear("pain002") == []  # before its time passes, the bank has taken the file
    circle.until(DEBIT_EVENING)
    await circle.hear("camt054")
    circle.until(DEBIT_EVENING + timedelta(days=days))
    (back,) = await circle.hear("camt054", 2)
    assert (back.status, back.category, len(back.reopened_invoice_ids), back.open_minor) == (status, category, 1, 4210)
    await circle.hear("camt053", 2)
    assert await circle.ledger(EntryKind.PAYMENT_REVERSED) == [-4210]
    async with circle.bank.till.work() as work:
        entries = await work.ledger.entries(await work.suspense.house_account("vonk"))
        (stored,) = await work.payments.methods(circle.bank.till.account_id)
    assert stored.status == method
    assert [str(one.kind) for one in entries] == (["bank_fee"] if code == "28" else [])


async def test_a_stranger_s_transfer_waits_and_one_that_names_its_invoice_pays_it(circle: Circle) -> None:
    invoice_id = await circle.bank.till.an_invoice(1999)
    async with circle.bank.till.work() as work:
        number = (await work.invoices.get(circle.bank.till.account_id, invoice_id)).number
    for amount, text in ((1999, f"payment of {number}"), (777, "who knows")):
        body = {"account": CREDITOR_IBAN, "amount_minor": amount, "text": text}
        circle.simulator.control("POST", "/bank/transfers", body)
    (paid,) = await circle.hear("camt054", 2)
    assert (paid.status, paid.received_minor, paid.settled_invoice_ids) == ("succeeded", 1999, (invoice_id,))
    assert [one.amount_minor for one in await circle.suspense.items(SuspenseFilter())] == [777]
