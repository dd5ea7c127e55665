"""What upkeep does for bank files coming in: go on where something stopped, and tell what waits for a person."""

from __future__ import annotations

from billing.domain.money import Money
from billing.ports.bank_statements import BankFileStatus
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.bank_carrying_out import CarryingOut
from billing.services.bank_folder import BankFolder
from billing.services.reconcile import Watched
from billing.services.suspense import SuspenseService

MOST_TOLD = 20


class BankStatementRound:
    """May be repeated at any time, by several workers at once."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        carrying: CarryingOut,
        suspense: SuspenseService,
        folder: BankFolder | None = None,
    ) -> None:
        self._make_work = make_work
        self._carrying = carrying
        self._suspense = suspense
        self._folder = folder

    async def look_after(self) -> Watched:
        """Carry out and tell what waits; the count is of payments and statuses carried out."""
        done = await self._carrying.go_on()
        alarms = await self._held()
        if self._carrying.failed:
            alarms.append(f"{self._carrying.failed} payments that the bank told cannot be carried out; see the log.")
        alarms += await self._never_stated()
        alarms += (await self._suspense.look_after()).alarms
        alarms += (await self._folder.waiting()).alarms if self._folder else ()
        return Watched(done, tuple(alarms))

    async def _held(self) -> list[str]:
        async with self._make_work() as work:
            held = await work.bank_statements.files(BankFileStatus.HELD, limit=MOST_TOLD)
        return [f"The bank's file {one.file_id} ({one.name}) is held: {one.doubts[0]['message']}" for one in held]

    async def _never_stated(self) -> list[str]:
        """What was told in advance and no statement of its day has: the bank took it back, or a file is lost."""
        async with self._make_work() as work:
            entries = await work.bank_statements.never_stated(MOST_TOLD)
        return [
            f"The bank told of {Money(one.amount_minor, one.currency)} on {one.booked_on} ({one.entry_id}) in advance, "
            "and a later statement came without it: ask the bank, and correct what it led to."
            for one in entries
        ]
