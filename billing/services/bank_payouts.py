"""Payouts by bank file: ordered out of a customer's credit, once; looked at; held ones mended or cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from billing.domain.bank_identifiers import read_bic, read_iban
from billing.domain.errors import InvalidValue, UnableTo
from billing.domain.ledger import refund_paid
from billing.domain.money import Money
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.bank_file_writing import Seal, SealBroken
from billing.ports.bank_files import BANK_FILES, BankAccount
from billing.ports.bank_payouts import Payout, PayoutFilter, PayoutStatus
from billing.ports.clock import BusinessClock
from billing.ports.payments import Attempt, MethodStatus
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bank_payout_orders import Destination, PayoutOrder, opened_account, order_payout
from billing.services.bank_payout_outcomes import undo_payout


class UnableToPayOut(UnableTo):
    """There is not so much credit, nobody's account to send it to, or the brand sends no files."""


class UnableToChangePayout(UnableTo):
    """The payout is in a file, or over."""


@dataclass(frozen=True)
class NewPayout:
    """Credit to be paid out. ``amount_minor`` 0: all there is; ``iban`` empty: to the bank account on file.

    ``command_id`` makes it count once.
    """

    command_id: str
    author: str
    reason: str
    amount_minor: int = 0
    iban: str = ""
    holder_name: str = ""
    bic: str = ""


class BankPayouts:
    """Orders and decides; ``seal`` encrypts account numbers."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, seal: Seal) -> None:
        self._make_work = make_work
        self._clock = clock
        self._seal = seal

    async def order(self, account_id: str, wanted: NewPayout) -> Payout:
        """Take credit off the account and have it sent with the next file; the same command again changes nothing.

        Raises NotFound, InvalidValue naming the field, UnableToPayOut.
        """
        async with self._make_work() as work:
            account = await work.accounts.lock(account_id)
            known = await work.bank_payouts.of_command(account_id, wanted.command_id)
            if known is not None:
                return known
            brand = await work.accounts.brand(account.brand)
            amount_minor = await _amount(work, account, wanted, brand.currency)
            destination = await self._destination(work, account, wanted)
            order = PayoutOrder(
                account,
                wanted.command_id,
                destination,
                Money(amount_minor, brand.currency),
                f"{brand.name} {account.number}",
                wanted.author,
                wanted.reason,
            )
            payout = await order_payout(work, order, self._seal, self._clock.now())
            await work.ledger.post(
                refund_paid(
                    account_id,
                    BANK_FILES,
                    payout.end_to_end_id,
                    payout.created_at,
                    amount_minor,
                    brand.currency,
                    wanted.reason,
                )
            )
            await work.commit()
        return payout

    async def _destination(self, work: UnitOfWork, account: Account, wanted: NewPayout) -> Destination:
        if await work.bank_files.creditor(account.brand) is None:
            raise _unable(
                "brand",
                account.brand,
                f"The brand {account.brand} has no bank account that money could be sent from.",
                f"PUT /v1/brands/{account.brand}/bank-creditor says which one it is.",
            )
        if wanted.iban:
            facts = read_iban(wanted.iban)
            if not wanted.holder_name.strip():
                raise InvalidValue(
                    "Whose account is it?",
                    field="holder_name",
                    value=wanted.holder_name,
                    remedy="Give the holder's name with the IBAN.",
                )
            bic = read_bic(wanted.bic) if wanted.bic else facts.bic
            return Destination(wanted.holder_name, facts.iban, bic)
        kept = await account_on_file(work, account.account_id)
        if kept is None:
            raise _unable(
                "iban",
                "",
                "No bank account of this customer is on file.",
                "Give iban and holder_name, as the customer told them.",
            )
        try:
            return opened_account(kept, self._seal)
        except SealBroken as broken:
            raise _unable("iban", kept.mandate_reference, str(broken), "Set EVENFLOW_SECRETS_IBAN_KEYS.") from None

    async def list(
        self, wanted: PayoutFilter, after: tuple[str, str] | None = None, limit: int = 100
    ) -> Sequence[Payout]:
        """In the order of account and payout."""
        async with self._make_work() as work:
            return await work.bank_payouts.all(wanted, after, limit)

    async def release(self, account_id: str, payout_id: str, reason: str, author: str) -> Payout:
        """The cause is mended: it goes with the next file, checked again. Raises NotFound, UnableToChangePayout."""
        async with self._make_work() as work:
            payout = await self._changeable(work, account_id, payout_id, (PayoutStatus.HELD,))
            now = self._clock.now()
            held = dict.fromkeys(("held_field", "held_value", "held_remedy"), "")
            values = {"status": PayoutStatus.WAITING, "batch_id": None, "changed_at": now, **held}
            await work.bank_payouts.change(account_id, payout_id, values)
            summary = f"The payout of {Money(payout.amount_minor, payout.currency)} goes with the next file."
            facts = {"payout_id": payout_id, "reason": reason}
            await work.timeline.add(TimelineEntry(account_id, now, "payout_released", summary, facts, author))
            await work.commit()
            return await work.bank_payouts.get(account_id, payout_id)

    async def cancel(self, account_id: str, payout_id: str, reason: str, author: str) -> Payout:
        """It will not be sent: the credit is the customer's again. Raises NotFound, UnableToChangePayout."""
        async with self._make_work() as work:
            await work.accounts.lock(account_id)
            before = (PayoutStatus.WAITING, PayoutStatus.HELD)
            payout = await self._changeable(work, account_id, payout_id, before)
            now = self._clock.now()
            await undo_payout(work, payout, PayoutStatus.CANCELLED, "", reason, now, author)
            await work.commit()
        return replace(payout, status=PayoutStatus.CANCELLED, changed_at=now, reason_text=reason)

    async def _changeable(
        self, work: UnitOfWork, account_id: str, payout_id: str, standing: tuple[PayoutStatus, ...]
    ) -> Payout:
        payout = await work.bank_payouts.lock(account_id, payout_id)
        if payout.status not in standing:
            raise UnableToChangePayout(
                f"This payout is {payout.status}.",
                field="payout_id",
                value=payout_id,
                remedy="Only one that is held, or waits for its file, is changed by hand; withdraw its file first.",
            )
        return payout


async def account_on_file(work: UnitOfWork, account_id: str) -> BankAccount | None:
    """The customer's newest bank account that may be used; one whose mandate ended is still the customer's."""
    methods = [one for one in await work.payments.methods(account_id) if one.provider == BANK_FILES]
    usable = [one for one in methods if one.status == MethodStatus.USABLE]
    chosen = max(usable, key=lambda one: (one.is_default, one.created_at), default=None)
    return None if chosen is None else await work.bank_files.account(account_id, chosen.method_id)


async def account_of_payment(work: UnitOfWork, attempt: Attempt) -> BankAccount | None:
    """Where a payment came from: the account that was debited; for a transfer the customer's account on file."""
    if attempt.provider == BANK_FILES and attempt.method_id is not None:
        return await work.bank_files.account(attempt.account_id, attempt.method_id)
    return await account_on_file(work, attempt.account_id)


async def _amount(work: UnitOfWork, account: Account, wanted: NewPayout, currency: str) -> int:
    credit = max(0, await work.ledger.credit_minor(account.account_id, currency))
    amount = wanted.amount_minor or credit
    if not 0 < amount <= credit:
        raise _unable(
            "amount_minor",
            wanted.amount_minor,
            f"Credit of {Money(credit, currency)} is held, and no more.",
            f"Use 1 to {credit} minor units, or 0 for all of it." if credit else "There is nothing to pay out.",
        )
    return amount


def _unable(field: str, value: object, why: str, remedy: str) -> UnableToPayOut:
    return UnableToPayOut(why, field=field, value=value, remedy=remedy)
