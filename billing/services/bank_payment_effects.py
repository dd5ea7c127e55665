"""What one payment on our bank account leads to. Rules: docs/bank_statements.md.

Each rule looks at what the payment names and answers what it did; what names nobody becomes a suspense item, never a
guess. The caller has locked the payment, so that it is carried out once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.bank_statement import FEE_SUBFAMILIES
from billing.domain.ledger import EntryKind
from billing.domain.money import Money
from billing.domain.remittance import numbers_in
from billing.ports.bank_files import BANK_FILES
from billing.ports.bank_statements import Effect, KeptEntry, KeptPayment
from billing.ports.suspense import SuspenseStatus, Why
from billing.ports.unit_of_work import UnitOfWork
from billing.services.bank_debit_effects import return_debit, settle_batch, settle_debit
from billing.services.bank_payout_outcomes import pay_payout, payout_owner, return_payout
from billing.services.suspense_booking import Unassigned, book_fee, clear, put_in_suspense
from billing.services.transfer_booking import Transfer, book_transfer


@dataclass(frozen=True)
class Told:
    """What was done, and in words why."""

    effect: Effect
    explanation: str


@dataclass(frozen=True)
class OnAccount:
    """A payment with its entry, the brands whose money the bank account holds, and the business instant."""

    entry: KeptEntry
    payment: KeptPayment
    brands: Sequence[str]
    now: datetime

    @property
    def house(self) -> str:
        """The brand that keeps what belongs to nobody: the first of those that share the bank account."""
        return self.brands[0]

    def unassigned(self, why: Why, explanation: str, amount_minor: int | None = None) -> Unassigned:
        amount = self.payment.amount_minor if amount_minor is None else amount_minor
        return Unassigned(self.entry, self.payment, self.house, amount, why, explanation)


async def carry_out(work: UnitOfWork, here: OnAccount) -> Told:
    """Do what the payment says."""
    owner = await _owner(work, here.payment.end_to_end_id)
    if owner is not None:
        return await _of_debit(work, here, *owner)
    payout = await payout_owner(work, here.payment.end_to_end_id)
    if payout is not None:
        return await _of_payout(work, here, *payout)
    if here.payment.amount_minor < 0:
        return await _left(work, here)
    if here.payment.position == 0:
        settled = await settle_batch(work, here.entry, here.payment, here.now)
        if settled:
            return Told(Effect.SETTLED, f"The sum of {settled} debits of one of our files.")
    return await _transfer(work, here)


async def _owner(work: UnitOfWork, end_to_end_id: str) -> tuple[str, str] | None:
    """Account and attempt of a debit of ours."""
    return await work.payments.owner_of(BANK_FILES, [end_to_end_id]) if end_to_end_id else None


async def _of_debit(work: UnitOfWork, here: OnAccount, account_id: str, attempt_id: str) -> Told:
    await work.accounts.lock(account_id)
    debit = await work.bank_files.lock_debit(account_id, attempt_id)
    if debit is None:
        return await _suspend(work, here, Why.UNKNOWN_REFERENCE, "The attempt that it names has no debit.")
    payment = here.payment
    if payment.amount_minor > 0 and not here.entry.is_reversal:
        refused = await settle_debit(work, debit, here.entry, payment, here.now)
        if refused is None:
            return Told(Effect.SETTLED, f"Debit {attempt_id} of {account_id} is paid.")
        return await _suspend(work, here, *refused)
    if payment.amount_minor < 0:
        return await _returned(work, here, account_id, attempt_id)
    return await _suspend(work, here, Why.NOT_EXPECTED, f"The bank gives a return of debit {attempt_id} back.")


async def _of_payout(work: UnitOfWork, here: OnAccount, account_id: str, payout_id: str) -> Told:
    await work.accounts.lock(account_id)
    payout = await work.bank_payouts.lock(account_id, payout_id)
    if here.payment.amount_minor < 0:
        refused = await pay_payout(work, payout, here.entry, here.payment, here.now)
        told = Told(Effect.PAID_OUT, f"Payout {payout_id} of {account_id} has left.")
    else:
        refused = await return_payout(work, payout, here.entry, here.payment, here.now)
        code = here.payment.return_code or "no reason given"
        told = Told(Effect.RETURNED, f"Payout {payout_id} of {account_id} came back: {code}.")
    return told if refused is None else await _suspend(work, here, *refused)


async def _returned(work: UnitOfWork, here: OnAccount, account_id: str, attempt_id: str) -> Told:
    debit = await work.bank_files.lock_debit(account_id, attempt_id)
    assert debit is not None
    outcome = await return_debit(work, debit, here.entry, here.payment, here.now)
    if outcome.refusal is not None:
        return await _suspend(work, here, *outcome.refusal)
    shown = f"Debit {attempt_id} of {account_id} came back: {here.payment.return_code or 'no reason given'}."
    if outcome.fee_minor:
        why = f"for the return of debit {attempt_id}"
        await book_fee(work, here.house, here.payment, outcome.fee_minor, here.entry.currency, why, here.now)
        shown += f" The bank took {Money(outcome.fee_minor, here.entry.currency)} for it."
    if outcome.unexplained_minor:
        amount = Money(outcome.unexplained_minor, here.entry.currency)
        words = f"{amount} more than debit {attempt_id} were taken, and not as a fee."
        await put_in_suspense(work, here.unassigned(Why.OTHER_AMOUNT, words, -outcome.unexplained_minor), here.now)
        shown += f" {words}"
    return Told(Effect.RETURNED, shown)


async def _left(work: UnitOfWork, here: OnAccount) -> Told:
    """Money left and no debit of ours is named: the bank's charge, or what a person ordered to be sent back."""
    entry, payment = here.entry, here.payment
    if entry.transaction_code.rpartition("/")[2] in FEE_SUBFAMILIES:
        why = entry.text or payment.remittance or "the bank's charge"
        await book_fee(work, here.house, payment, -payment.amount_minor, entry.currency, why, here.now)
        return Told(Effect.FEE, why)
    for item in await work.suspense.of_transfer(payment.end_to_end_id) if payment.end_to_end_id else ():
        if item.amount_minor == -payment.amount_minor and item.currency == entry.currency:
            values = {"status": SuspenseStatus.SENT_BACK}
            await clear(work, item, EntryKind.MONEY_SENT_BACK, values, item.reason, here.now)
            return Told(Effect.SENT_BACK, f"Suspense item {item.suspense_id} was sent back.")
    if payment.return_code or entry.is_reversal:
        return await _suspend(
            work,
            here,
            Why.UNKNOWN_REFERENCE,
            f"A return ({payment.return_code or 'no reason'}) of {payment.end_to_end_id or 'nothing named'}, which is "
            "no debit of ours.",
        )
    return await _suspend(work, here, Why.UNKNOWN_DEBIT, "Money left, and no order of ours says why.")


async def _transfer(work: UnitOfWork, here: OnAccount) -> Told:
    """A customer's transfer, by the invoice numbers that it names."""
    payment = here.payment
    numbers = numbers_in(payment.structured_reference, payment.end_to_end_id, payment.remittance)
    found = await work.bank_statements.invoices_numbered(numbers)
    accounts = list(dict.fromkeys(one.account_id for one in found))
    named = ", ".join(one.number for one in found)
    if not accounts:
        return await _suspend(work, here, Why.NO_NAME, "It names no invoice of ours.")
    if len(accounts) > 1:
        return await _suspend(work, here, Why.SEVERAL, f"It names invoices of several accounts: {named}.")
    if any(one.brand not in here.brands for one in found):
        return await _suspend(work, here, Why.OTHER_CREDITOR, f"{named} is of a brand with another bank account.")
    await work.accounts.lock(accounts[0])
    order = sorted(found, key=lambda one: numbers.index(one.number))
    transfer = Transfer(
        accounts[0],
        payment.reference,
        payment.amount_minor,
        here.entry.currency,
        [one.invoice_id for one in order],
        f"it names {named}",
    )
    await book_transfer(work, transfer, here.now)
    return Told(Effect.TRANSFER, f"Paid by {accounts[0]}: it names {named}.")


async def _suspend(work: UnitOfWork, here: OnAccount, why: Why, explanation: str) -> Told:
    item = await put_in_suspense(work, here.unassigned(why, explanation), here.now)
    return Told(Effect.SUSPENSE, f"{explanation} It waits as {item.suspense_id}.")
