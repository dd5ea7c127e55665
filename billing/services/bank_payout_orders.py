"""A payout as it is ordered: written down once, with the account number encrypted in its own place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.domain.bank_payout import end_to_end_id_of_payout
from billing.domain.money import Money
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.bank_file_writing import Seal
from billing.ports.bank_files import BankAccount
from billing.ports.bank_payouts import Payout
from billing.ports.unit_of_work import UnitOfWork
from billing.services.bank_debit_checks import opened


@dataclass(frozen=True)
class Destination:
    """Whose account the money goes to; ``iban`` is in clear and never kept so."""

    holder_name: str
    iban: str = field(repr=False)
    bic: str = ""
    address: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PayoutOrder:
    """What is to be sent. ``attempt_id`` is the payment that a refund gives back; ``text`` the customer reads."""

    account: Account
    command_id: str
    destination: Destination
    amount: Money
    text: str
    author: str
    reason: str
    attempt_id: str = ""


def payout_context(account_id: str, end_to_end_id: str) -> str:
    """What an account number is sealed with, so that it opens only for its own payout."""
    return f"bank_payouts/{account_id}/{end_to_end_id}"


def opened_account(account: BankAccount, seal: Seal) -> Destination:
    """A customer's bank account as kept with its mandate. Raises SealBroken."""
    return Destination(account.holder_name, opened(account, seal), account.bic, account.address)


async def order_payout(work: UnitOfWork, order: PayoutOrder, seal: Seal, now: datetime) -> Payout:
    """Write it down; the caller takes it off the customer's credit. The account must be locked."""
    account_id, destination = order.account.account_id, order.destination
    payout_id = await work.bank_payouts.next_id()
    end_to_end_id = end_to_end_id_of_payout(payout_id)
    payout = Payout(
        account_id=account_id,
        payout_id=payout_id,
        command_id=order.command_id,
        end_to_end_id=end_to_end_id,
        brand=order.account.brand,
        holder_name=destination.holder_name,
        last_four=destination.iban[-4:],
        bic=destination.bic,
        iban_sealed=seal.seal(destination.iban.encode(), payout_context(account_id, end_to_end_id)),
        address=dict(destination.address),
        amount_minor=order.amount.amount_minor,
        currency=order.amount.currency,
        description=order.text[:140],
        author=order.author,
        reason=order.reason,
        created_at=now,
        changed_at=now,
        attempt_id=order.attempt_id,
    )
    await work.bank_payouts.add(payout)
    await work.bank_payouts.claim_reference(end_to_end_id, account_id, payout_id)
    summary = f"Payout of {order.amount} to the account ending in {payout.last_four} ordered."
    facts = {"payout_id": payout_id, "attempt_id": order.attempt_id, "reason": order.reason}
    await work.timeline.add(TimelineEntry(account_id, now, "payout_ordered", summary, facts, order.author))
    return payout
