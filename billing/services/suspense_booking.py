"""Into and out of the suspense ledger: every item has its entry there, in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.domain.ledger import EntryKind, bank_fee, money_unassigned, suspense_cleared
from billing.ports.bank_statements import BANK_TRANSFER, KeptEntry, KeptPayment
from billing.ports.suspense import SuspenseItem, SuspenseStatus, Why
from billing.ports.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Unassigned:
    """An amount of a payment that nobody is found for, with the reason in words."""

    entry: KeptEntry
    payment: KeptPayment
    brand: str
    amount_minor: int
    why: Why
    explanation: str


async def put_in_suspense(work: UnitOfWork, unassigned: Unassigned, now: datetime) -> SuspenseItem:
    """Keep the amount on the brand's house account, and open an item that a person decides about."""
    entry, payment = unassigned.entry, unassigned.payment
    house = await work.suspense.house_account(unassigned.brand)
    item = await work.suspense.add(
        {
            "account_id": house,
            "brand": unassigned.brand,
            "currency": entry.currency,
            "amount_minor": unassigned.amount_minor,
            "entry_id": entry.entry_id,
            "position": payment.position,
            "booked_on": entry.booked_on,
            "why": unassigned.why,
            "explanation": unassigned.explanation,
            "end_to_end_id": payment.end_to_end_id,
            "remittance": " ".join(text for text in (payment.structured_reference, payment.remittance) if text),
            "counterparty_name": payment.counterparty_name,
            "counterparty_last_four": payment.counterparty_last_four,
            "return_code": payment.return_code,
            "status": SuspenseStatus.OPEN,
            "opened_at": now,
            "author": "",
            "reason": "",
            "to_attempt_id": "",
        }
    )
    opened = money_unassigned(
        house, BANK_TRANSFER, item.suspense_id, now, item.amount_minor, item.currency, item.explanation
    )
    await work.ledger.post(opened)
    return item


async def clear(
    work: UnitOfWork, item: SuspenseItem, kind: EntryKind, values: Mapping[str, Any], reason: str, now: datetime
) -> SuspenseItem:
    """Take an item out of the suspense ledger; ``values`` say what became of it."""
    entry = suspense_cleared(
        item.account_id, kind, BANK_TRANSFER, item.suspense_id, now, item.amount_minor, item.currency, reason
    )
    await work.ledger.post(entry)
    return await work.suspense.change(item, {"closed_at": now, **values})


async def book_fee(
    work: UnitOfWork, brand: str, payment: KeptPayment, amount_minor: int, currency: str, reason: str, now: datetime
) -> None:
    """The bank's own charge, apart from any customer's payment."""
    house = await work.suspense.house_account(brand)
    await work.ledger.post(bank_fee(house, BANK_TRANSFER, payment.reference, now, amount_minor, currency, reason))
