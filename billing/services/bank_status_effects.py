"""What a status report (pain.002) leads to: a debit accepted or refused, a batch or file refused as a whole.

A refusal for something of ours (the file, the creditor, the mandate's data) is no failure of the customer: the debits
are held for staff, nobody hears of it (docs/scenarios.md, 22).
"""

from __future__ import annotations

from datetime import datetime

from billing.domain.sepa_reasons import TakenBackBy, reason_of
from billing.ports.bank_files import BANK_FILES, BankBatch, BankDebit, BatchKind, BatchStatus, DebitFilter, DebitStatus
from billing.ports.bank_statements import Effect, KeptStatus
from billing.ports.unit_of_work import UnitOfWork
from billing.services.bank_debit_effects import AT_THE_BANK, MOST_OF_A_BATCH, change_debit
from billing.services.bank_payment_effects import Told
from billing.services.bank_payout_outcomes import payout_owner
from billing.services.bank_payout_statuses import hold_payouts, of_payout

REJECTED = "RJCT"
ACCEPTED = frozenset({"ACCP", "ACTC", "ACSP", "ACSC", "ACWC", "ACCC"})


async def carry_out_status(work: UnitOfWork, status: KeptStatus, now: datetime) -> Told:
    """Do what the bank says of a debit, a batch or a file."""
    if status.end_to_end_id:
        return await _of_debit(work, status, now)
    batch = await work.bank_files.batch_of_message(status.payment_information_id or status.message_id)
    if batch is None and status.message_id:
        batch = await work.bank_files.batch_of_message(status.message_id)
    if batch is None:
        return Told(Effect.NOTHING, f"No file of ours is called {status.message_id or 'so'}; nothing follows from it.")
    if status.status == REJECTED:
        return await _refuse_batch(work, batch, status, now)
    if batch.kind == BatchKind.PAYOUTS:
        return Told(Effect.NOTHING, f"Batch {batch.batch_id} of payouts stands at {status.status}.")
    if status.status in ACCEPTED:
        values = {"status": DebitStatus.ACCEPTED, "changed_at": now}
        standing = (DebitStatus.BATCHED, DebitStatus.SENT)
        count = await work.bank_files.change_debits_of(batch.batch_id, standing, values)
        return Told(Effect.ACCEPTED, f"{count} debits of batch {batch.batch_id} are accepted.")
    return Told(Effect.NOTHING, f"Batch {batch.batch_id} stands at {status.status}.")


async def _of_debit(work: UnitOfWork, status: KeptStatus, now: datetime) -> Told:
    owner = await work.payments.owner_of(BANK_FILES, [status.end_to_end_id])
    payout = None if owner else await payout_owner(work, status.end_to_end_id)
    if payout is not None:
        return await of_payout(work, *payout, status, now)
    if owner is None:
        return Told(Effect.NOTHING, f"No debit of ours is called {status.end_to_end_id}; no money moved.")
    await work.accounts.lock(owner[0])
    debit = await work.bank_files.lock_debit(*owner)
    if debit is None or debit.status not in AT_THE_BANK:
        stands = "unknown" if debit is None else debit.status
        return Told(Effect.NOTHING, f"Debit {owner[1]} is {stands}: the report comes too late or twice.")
    if status.status == REJECTED:
        return await _refuse_debit(work, debit, status, now)
    if status.status in ACCEPTED:
        await work.bank_files.change_debit(*owner, {"status": DebitStatus.ACCEPTED, "changed_at": now})
        return Told(Effect.ACCEPTED, f"Debit {owner[1]} is accepted.")
    return Told(Effect.NOTHING, f"Debit {owner[1]} stands at {status.status}.")


async def _refuse_debit(work: UnitOfWork, debit: BankDebit, status: KeptStatus, now: datetime) -> Told:
    reason = reason_of(status.reason_code)
    told = status.reason_text or reason.meaning
    if reason.by is TakenBackBy.US:
        await _hold(work, debit, status, now)
        return Told(Effect.HELD, f"Debit {debit.attempt_id} was refused for our own data ({reason.code}: {told}).")
    values = {"status": DebitStatus.REJECTED, "reason_code": reason.code, "reason_text": told}
    await change_debit(work, debit, values, f"{status.file_id}-{status.position}-rejected", now)
    return Told(Effect.REJECTED, f"Debit {debit.attempt_id} was refused ({reason.code}: {told}).")


async def _refuse_batch(work: UnitOfWork, batch: BankBatch, status: KeptStatus, now: datetime) -> Told:
    reason = reason_of(status.reason_code)
    words = f"{reason.code or 'without a reason'}: {status.reason_text or reason.meaning}"
    await work.bank_files.lock_batch(batch.batch_id)
    await work.bank_files.change_batch(batch.batch_id, {"status": BatchStatus.REJECTED, "reason": words})
    wanted = DebitFilter(batch_id=batch.batch_id, statuses=AT_THE_BANK)
    debits = await work.bank_files.debits(wanted, limit=MOST_OF_A_BATCH)
    for debit in debits:
        await _hold(work, debit, status, now)
    payouts = await hold_payouts(work, batch.batch_id, status, now)
    carried = f"{payouts} payouts" if batch.kind == BatchKind.PAYOUTS else f"{len(debits)} debits"
    return Told(Effect.HELD, f"Batch {batch.batch_id} was refused ({words}): its {carried} are held for staff.")


async def _hold(work: UnitOfWork, debit: BankDebit, status: KeptStatus, now: datetime) -> None:
    """The debit is in no file any more; once the cause is mended, staff lets it go again."""
    reason = reason_of(status.reason_code)
    values = {
        "status": DebitStatus.HELD,
        "batch_id": None,
        "reason_code": reason.code,
        "reason_text": status.reason_text or reason.meaning,
        "held_field": "bank",
        "held_value": reason.code,
        "held_remedy": f"The bank says: {reason.meaning}. Mend our data or file and release the debit.",
        "changed_at": now,
    }
    await work.bank_files.change_debit(debit.account_id, debit.attempt_id, values)
