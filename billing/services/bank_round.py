"""What upkeep does for debits by file: they are filed before the cut-off and handed over, and troubles are told."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from billing.ports.bank_files import BankBatch, BatchStatus, DebitFilter, DebitStatus
from billing.ports.bank_payouts import PayoutFilter, PayoutStatus
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.bank_batches import BankBatches
from billing.services.bank_debits import BankDebits
from billing.services.bank_delivery import BankDelivery, FolderLost
from billing.services.bank_payout_files import PayoutFiles
from billing.services.reconcile import Watched

_log = logging.getLogger(__name__)
# A file that no one handed over is told so long before its hour.
WARN_BEFORE = timedelta(hours=1)
# Older files that never left were told often enough, and their debits are held by then.
TOLD_FOR = timedelta(days=7)
MOST_TOLD = 20


class BankRound:
    """Every step may be repeated at any time, by several workers at once."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        batches: BankBatches,
        delivery: BankDelivery,
        debits: BankDebits,
        payout_files: PayoutFiles,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._batches = batches
        self._delivery = delivery
        self._debits = debits
        self._payout_files = payout_files

    async def look_after(self) -> Watched:
        """Make and hand over what is due; the count is of files handed over."""
        alarms = await self._make()
        try:
            delivered = await self._delivery.deliver_due()
        except FolderLost as lost:
            _log.error("%s", lost)
            alarms.append(str(lost))
            delivered = []
        return Watched(len(delivered), (*alarms, *await self._undelivered(), *await self._held()))

    async def _make(self) -> list[str]:
        """A brand whose file cannot be made keeps no other from going."""
        async with self._make_work() as work:
            brands = [creditor.brand for creditor in await work.bank_files.creditors()]
        alarms = []
        for brand in brands:
            try:
                await self._payout_files.make_due(brand)
                made = await self._batches.make_due(brand)
            except Exception as error:
                _log.error("the bank file of %s could not be made; what it carries waits", brand, exc_info=True)
                alarms.append(f"the bank file of {brand} could not be made: {type(error).__name__}; see the log")
                continue
            for debit in made.dropped:
                await self._debits.hint(debit)
        return alarms

    async def _undelivered(self) -> list[str]:
        now = self._clock.now()
        waiting = await self._batches.batches(statuses=(BatchStatus.MADE, BatchStatus.HELD, BatchStatus.REJECTED))
        told = [one for one in waiting if _is_urgent(one, now) and now <= one.deliver_by + TOLD_FOR]
        return [_sentence(batch) for batch in told][:MOST_TOLD]

    async def _held(self) -> list[str]:
        """Debits and payouts that no file takes as they are: nobody but us can mend them."""
        async with self._make_work() as work:
            held = await work.bank_files.debits(DebitFilter(statuses=(DebitStatus.HELD,)), limit=MOST_TOLD)
            payouts = await work.bank_payouts.all(PayoutFilter(statuses=(PayoutStatus.HELD,)), limit=MOST_TOLD)
        names = [(f"the debit {one.attempt_id} of {one.account_id}", one.held_field, one.held_value) for one in held]
        names += [
            (f"the payout {one.payout_id} of {one.account_id}", one.held_field, one.held_value) for one in payouts
        ]
        return [f"{name} is held: {field} {value}".rstrip() for name, field, value in names]


def _is_urgent(batch: BankBatch, now: datetime) -> bool:
    return batch.status == BatchStatus.REJECTED or now >= batch.deliver_by - WARN_BEFORE


def _sentence(batch: BankBatch) -> str:
    hour = f"{batch.deliver_by:%Y-%m-%d %H:%M} UTC"
    if batch.status == BatchStatus.REJECTED:
        return f"the bank refused the file {batch.message_id}: {batch.reason}"
    return f"the file {batch.message_id} ({batch.status}) must be with the bank by {hour}"
