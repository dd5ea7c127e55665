"""Files of payouts: made on each banking day before the cut-off, one file for what was ordered until then."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from billing.domain.bank_dates import CutOff
from billing.domain.bank_debit import Problem
from billing.domain.bank_payout import problem_of_payout
from billing.domain.money import Money
from billing.ports.accounts import TimelineEntry
from billing.ports.bank_file_writing import PayoutFile, PayoutFileWriter, PayoutLine, Seal, SealBroken
from billing.ports.bank_files import BankBatch, BatchKind, BatchStatus, Creditor
from billing.ports.bank_payouts import SCHEME, Payout, PayoutStatus
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bank_debit_checks import address_of, party_of
from billing.services.bank_payout_orders import payout_context

MOST_PER_FILE = 10_000
# A bank that takes one version of the messages for debits takes the one of the same year for transfers.
VERSIONS = {"pain.008.001.02": "pain.001.001.03", "pain.008.001.08": "pain.001.001.09"}
Filed = tuple[Payout, PayoutLine]


class PayoutFiles:
    """Makes them; ``writer`` writes them, ``seal`` encrypts what is kept."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, writer: PayoutFileWriter, seal: Seal
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._writer = writer
        self._seal = seal

    async def make_due(self, brand: str = "", *, at_once: bool = False) -> tuple[BankBatch, ...]:
        """Make the files whose hour has come, of all brands or one; ``at_once`` does not wait for it."""
        async with self._make_work() as work:
            creditors = [one for one in await work.bank_files.creditors() if brand in ("", one.brand)]
        made: list[BankBatch] = []
        for creditor in creditors:
            while batch := await self._make_one(creditor, at_once=at_once):
                made.append(batch)
        return tuple(made)

    async def _make_one(self, creditor: Creditor, *, at_once: bool) -> BankBatch | None:
        """One file with its payouts, in one transaction; None when nothing is to go."""
        now = self._clock.now()
        async with self._make_work() as work:
            if not await work.bank_files.lock_making(creditor.brand):
                return None
            zone = (await work.accounts.brand(creditor.brand)).zone
            cut_off = CutOff(0, creditor.cut_off_hour_local, creditor.make_hours_before, zone)
            pay_on = cut_off.earliest(now)
            if not at_once and now < cut_off.make_at(pay_on):
                return None
            payouts = await work.bank_payouts.lock_waiting(creditor.brand, MOST_PER_FILE)
            ready = [(one, line) for one in payouts if (line := await self._line(work, creditor, one, now))]
            batch = await self._file(work, creditor, ready, pay_on, cut_off) if ready else None
            await work.commit()
        return batch

    async def _line(self, work: UnitOfWork, creditor: Creditor, payout: Payout, now: datetime) -> PayoutLine | None:
        """The payout as it stands in the file; None where it cannot go, which is written on it."""
        try:
            context = payout_context(payout.account_id, payout.end_to_end_id)
            iban = self._seal.open(payout.iban_sealed, context).decode()
        except SealBroken as broken:
            remedy = f"{broken} Set EVENFLOW_SECRETS_IBAN_KEYS as it was then."
            await _hold(work, payout, Problem("iban", f"...{payout.last_four}", remedy), now)
            return None
        problem = problem_of_payout(
            payout.amount_minor, payout.currency, payout.holder_name, iban[:2], payout.bic, creditor.largest_minor
        )
        if problem is not None:
            await _hold(work, payout, problem, now)
            return None
        return PayoutLine(
            payout.end_to_end_id,
            payout.amount_minor,
            payout.holder_name,
            iban,
            payout.bic,
            payout.description,
            address_of(payout.address),
        )

    async def _file(
        self, work: UnitOfWork, creditor: Creditor, ready: Sequence[Filed], pay_on: date, cut_off: CutOff
    ) -> BankBatch:
        now = self._clock.now()
        batch_id = await work.bank_files.next_batch_id()
        batch = BankBatch(
            batch_id=batch_id,
            brand=creditor.brand,
            collect_on=pay_on,
            sequence="",
            scheme=SCHEME,
            version=VERSIONS[creditor.message_version],
            message_id=f"EP{pay_on:%Y%m%d}-{batch_id.rpartition('_')[2]}",
            count=len(ready),
            control_sum_minor=sum(payout.amount_minor for payout, _ in ready),
            file_hash="",
            creditor={name: value for name, value in asdict(creditor).items() if name != "changed_at"},
            status=BatchStatus.MADE,
            reason="",
            made_at=now,
            deliver_by=cut_off.of(pay_on),
            delivered_how="",
            author="evenflow",
            kind=BatchKind.PAYOUTS,
        )
        content = self._writer.write(
            PayoutFile(
                batch.message_id,
                batch.version,
                now.astimezone(ZoneInfo(cut_off.zone)),
                party_of(creditor),
                pay_on,
                [line for _, line in ready],
            )
        )
        batch = replace(batch, file_hash=hashlib.sha256(content).hexdigest())
        sealed = self._seal.seal(zlib.compress(content), f"bank_batches/{batch_id}")
        await work.bank_files.add_batch(batch, sealed, ())
        await work.bank_payouts.carry(batch_id, [payout for payout, _ in ready])
        values = {"status": PayoutStatus.BATCHED, "batch_id": batch_id, "pay_on": pay_on, "changed_at": now}
        for payout, _ in ready:
            await work.bank_payouts.change(payout.account_id, payout.payout_id, values)
        return batch


async def _hold(work: UnitOfWork, payout: Payout, problem: Problem, now: datetime) -> None:
    told = {"held_field": problem.field, "held_value": problem.value, "held_remedy": problem.remedy}
    values = {"status": PayoutStatus.HELD, "batch_id": None, "changed_at": now, **told}
    await work.bank_payouts.change(payout.account_id, payout.payout_id, values)
    summary = f"The payout of {Money(payout.amount_minor, payout.currency)} cannot go by file."
    facts = {"payout_id": payout.payout_id, **told}
    await work.timeline.add(TimelineEntry(payout.account_id, now, "payout_held", summary, facts))


async def note_payouts_sent(work: UnitOfWork, batch: BankBatch, now: datetime) -> None:
    """The bank has the file. The batch must be locked."""
    sent = {"status": PayoutStatus.SENT, "changed_at": now}
    await work.bank_payouts.change_of(batch.batch_id, (PayoutStatus.BATCHED,), sent)


async def free_payouts(work: UnitOfWork, batch: BankBatch, now: datetime) -> None:
    """The file is taken apart: its payouts go with the next one. The batch must be locked."""
    back = {"status": PayoutStatus.WAITING, "batch_id": None, "changed_at": now}
    await work.bank_payouts.change_of(batch.batch_id, (PayoutStatus.BATCHED,), back)
