"""Giving the customer's credit back: which payments it is refunded on, the newest first.

Money goes back the way it came, so credit is refunded as parts of payments; each part is a refund of its own, carried
out by the account's process like any other. The same command again plans what it planned at first.
What the plan found free is looked at again, with the account locked, when each part is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from billing.domain.errors import UnableTo
from billing.domain.money import Money
from billing.messages.payments import PaymentStatus
from billing.ports.payments import Attempt, Refund
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory


class UnableToRefundCredit(UnableTo):
    """There is no such credit, or no payment that it could be refunded on."""


@dataclass(frozen=True)
class CreditPart:
    """A part of the credit, refunded on one payment under ``command_id``."""

    attempt_id: str
    amount_minor: int
    command_id: str


class CreditRefunds:
    """Plans refunds of credit; nothing is written down here."""

    def __init__(self, make_work: UnitOfWorkFactory) -> None:
        self._make_work = make_work

    async def plan(self, account_id: str, amount_minor: int, command_id: str) -> Sequence[CreditPart]:
        """The parts that make up ``amount_minor``, or all credit when it is 0.

        Raises NotFound; UnableToRefundCredit when less credit is held, or too little of it came by payments that can be
        refunded.
        """
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            currency = (await work.accounts.brand(account.brand)).currency
            attempts = await work.payments.attempts(account_id)
            made = [one for each in attempts for one in await work.payments.refunds(account_id, each.attempt_id)]
            # Providers know refunds by their ids alone, whoever's they are: two accounts may share a command's id.
            name = f"{command_id}{_mark(account_id)}"
            planned = [one for one in made if one.refund_id.startswith(f"{name}/")]
            if planned:
                return [CreditPart(one.attempt_id, one.amount_minor, one.refund_id) for one in planned]
            credit = await free_credit(work, account_id, currency)
            wanted = amount_minor or credit
            if not 0 < wanted <= credit:
                raise _unable(wanted, f"Credit of {Money(max(credit, 0), currency)} is held, and no more.")
            left = await _left(work, attempts, made, currency)
        return _parts(left, wanted, name, currency)


async def free_credit(work: UnitOfWork, account_id: str, currency: str) -> int:
    """Credit that no refund has been asked for yet, minor units. Holds as long as the account is locked."""
    asked = [one for one in await work.payments.waiting_refunds(account_id) if one.currency == currency]
    return await work.ledger.credit_minor(account_id, currency) - sum(one.amount_minor for one in asked)


def is_of_credit(refund_id: str, account_id: str) -> bool:
    """Whether a refund is a part planned here, and so gives back no more than the credit there is."""
    return f"{_mark(account_id)}/" in refund_id


def _mark(account_id: str) -> str:
    return f"/{account_id}"


async def _left(
    work: UnitOfWork, attempts: Sequence[Attempt], made: Sequence[Refund], currency: str
) -> list[tuple[str, int]]:
    """What can still be refunded of each payment, newest first."""
    left = []
    for one in attempts:
        if one.status != PaymentStatus.SUCCEEDED or one.currency != currency:
            continue
        gone = sum(each.amount_minor for each in made if each.attempt_id == one.attempt_id and each.status != "failed")
        if one.received_minor > gone:
            left.append((one.attempt_id, one.received_minor - gone))
    return left


def _parts(left: Sequence[tuple[str, int]], wanted: int, name: str, currency: str) -> Sequence[CreditPart]:
    parts: list[CreditPart] = []
    for attempt_id, amount in left:
        part = min(amount, wanted - sum(one.amount_minor for one in parts))
        if part > 0:
            parts.append(CreditPart(attempt_id, part, f"{name}/{len(parts) + 1}"))
    if sum(one.amount_minor for one in parts) < wanted:
        able = Money(sum(one.amount_minor for one in parts), currency)
        raise _unable(wanted, f"Only {able} of it came by payments that can be refunded; pay the rest out by hand.")
    return parts


def _unable(wanted: int, remedy: str) -> UnableToRefundCredit:
    return UnableToRefundCredit("This credit cannot be refunded.", field="amount_minor", value=wanted, remedy=remedy)
