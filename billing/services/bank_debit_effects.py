"""What the bank says of our debits, written on them; the account's process then reads it and books it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.domain.money import Money
from billing.domain.sepa_reasons import reason_of
from billing.ports.bank_files import BankBatch, BankDebit, DebitFilter, DebitStatus
from billing.ports.bank_statements import KeptEntry, KeptPayment, News
from billing.ports.suspense import Why
from billing.ports.unit_of_work import UnitOfWork

# A debit that never left cannot be paid or come back.
_NEVER_SENT = (DebitStatus.WAITING, DebitStatus.CANCELLED)
MOST_OF_A_BATCH = 200_000
AT_THE_BANK = (DebitStatus.BATCHED, DebitStatus.SENT, DebitStatus.ACCEPTED)
Refusal = tuple[Why, str]


@dataclass(frozen=True)
class Returned:
    """How a return was understood: the bank's fee, what nobody explains, or why it was not taken at all."""

    fee_minor: int = 0
    unexplained_minor: int = 0
    refusal: Refusal | None = None


async def settle_debit(
    work: UnitOfWork, debit: BankDebit, entry: KeptEntry, payment: KeptPayment, now: datetime
) -> Refusal | None:
    """The money of a debit is ours; None, or why it cannot be this debit's money.

    One that came back before (its files in the other order) stays returned: both are booked then.
    """
    if debit.status in _NEVER_SENT or debit.settled_at is not None:
        return Why.NOT_EXPECTED, f"Debit {debit.attempt_id} is {debit.status} already."
    if (payment.amount_minor, entry.currency) != (debit.amount_minor, debit.currency):
        expected = Money(debit.amount_minor, debit.currency)
        return Why.OTHER_AMOUNT, f"Debit {debit.attempt_id} is of {expected}, which is not what came."
    values: dict[str, Any] = {"settled_at": now, "bank_reference": payment.bank_reference or entry.bank_reference}
    if debit.status != DebitStatus.RETURNED:
        values |= {"status": DebitStatus.SETTLED, "reason_code": "", "reason_text": ""}
    await change_debit(work, debit, values, f"{payment.reference}-settled", now)
    return None


async def settle_batch(work: UnitOfWork, entry: KeptEntry, payment: KeptPayment, now: datetime) -> int:
    """A sum without its payments that is exactly what is left of one of our files: how many debits it settled."""
    batch = await _batch_of(work, entry.payment_information_id, entry.batch_message_id)
    if batch is None:
        return 0
    wanted = DebitFilter(batch_id=batch.batch_id, statuses=AT_THE_BANK)
    accounts = {one.account_id for one in await work.bank_files.debits(wanted, limit=MOST_OF_A_BATCH)}
    await work.accounts.lock_all(accounts)
    debits = await work.bank_files.debits(wanted, limit=MOST_OF_A_BATCH)
    if not debits or sum(one.amount_minor for one in debits) != payment.amount_minor:
        return 0
    for debit in debits:
        values = {"settled_at": now, "status": DebitStatus.SETTLED, "bank_reference": entry.bank_reference}
        await change_debit(work, debit, values, f"{payment.reference}-settled", now)
    return len(debits)


async def _batch_of(work: UnitOfWork, *names: str) -> BankBatch | None:
    for name in names:
        batch = await work.bank_files.batch_of_message(name) if name else None
        if batch is not None:
            return batch
    return None


async def return_debit(
    work: UnitOfWork, debit: BankDebit, entry: KeptEntry, payment: KeptPayment, now: datetime
) -> Returned:
    """The bank took the money back, or never gave it; a fee that it took with it is told apart.

    More than the debit is a fee only where the bank says so: by its charges, or by the amount once instructed.
    """
    if debit.status in _NEVER_SENT or debit.returned_at is not None:
        return Returned(refusal=(Why.NOT_EXPECTED, f"Debit {debit.attempt_id} is {debit.status} already."))
    if entry.currency != debit.currency:
        return Returned(refusal=(Why.OTHER_AMOUNT, f"Debit {debit.attempt_id} is in {debit.currency}."))
    taken = -payment.amount_minor
    more = max(taken - debit.amount_minor, 0)
    is_fee = payment.charges_minor == more or payment.original_minor == debit.amount_minor
    values = {
        "status": DebitStatus.RETURNED,
        "reason_code": reason_of(payment.return_code).code,
        "reason_text": payment.return_text or reason_of(payment.return_code).meaning,
        "returned_at": now,
        "returned_minor": min(taken, debit.amount_minor),
        "return_reference": payment.reference,
    }
    await change_debit(work, debit, values, f"{payment.reference}-returned", now)
    return Returned(fee_minor=more) if is_fee else Returned(unexplained_minor=more)


async def change_debit(
    work: UnitOfWork, debit: BankDebit, values: Mapping[str, Any], reference: str, now: datetime
) -> None:
    """Write what the bank said on a debit, and note that its account's process is to be told."""
    await work.bank_files.change_debit(debit.account_id, debit.attempt_id, {**values, "changed_at": now})
    await work.bank_statements.add_news(News(debit.account_id, debit.attempt_id, reference), now)
