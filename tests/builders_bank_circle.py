"""Our side with its folder, and the simulated bank on the other side of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from billing.adapters.bank_statements import read_bank_file
from billing.domain.ledger import EntryKind, LedgerAccount
from billing.persistence.invariants import broken_rules
from billing.services.bank_carrying_out import CarryingOut
from billing.services.bank_folder import BankFolder
from billing.services.bank_news import BankNews
from billing.services.bank_statements import BankStatements
from billing.services.suspense import SuspenseService
from tests.builders_bank_till import BankTill, a_bank_till
from tests.contracts.simulator_process import Listener, Simulator, wait_for

# The rules of the books that concern banks; the till's invoices are made without lines.
RULES = ("ledger", "open amount", "one live", "bank", "suspense", "entries")


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


@asynccontextmanager
async def a_circle(database_url: str, directory: Path, listener: Listener) -> AsyncIterator[Circle]:
    """Our side and the simulated bank, with a folder between them; the rules of the books are looked at afterwards."""
    root = directory / "bank"
    simulator = Simulator(directory / "data", listener, arguments=("--bank-folder", str(root)))
    try:
        async with a_bank_till(database_url, root) as bank:
            work, clock = bank.till.work, bank.till.clock
            news = BankNews(work, bank.till.outcomes(bank.process))
            statements = BankStatements(work, clock, read_bank_file, bank.seal, CarryingOut(work, clock, news))
            folder = BankFolder(root, statements, quiet_seconds=0)
            found = Circle(bank, simulator, folder, SuspenseService(work, clock, news))
            found.until(clock.now())
            yield found
            assert [one for one in await broken_rules(bank.till.engine) if one.startswith(RULES)] == []
    finally:
        simulator.stop()
