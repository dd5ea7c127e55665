"""Money that goes back to customers by bank file, and how it is kept.

A payout moves ``waiting`` (ordered, and out of the customer's credit) > ``batched`` (in a file) > ``sent`` (the bank
has the file) > ``paid`` (it left our account). Beside that: ``held`` (it cannot go as it is: a person mends the cause),
``rejected`` (the bank did not carry it out), ``returned`` (it came back), ``cancelled`` (withdrawn by a person): the
credit is the customer's again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

BANK_PAYOUTS = "bank_payouts"
SCHEME = "SCT"


class PayoutStatus(StrEnum):
    """Where a payout stands."""

    WAITING = "waiting"
    HELD = "held"
    BATCHED = "batched"
    SENT = "sent"
    PAID = "paid"
    REJECTED = "rejected"
    RETURNED = "returned"
    CANCELLED = "cancelled"


# Nothing more comes of these, and the money is with us.
UNDONE = frozenset({PayoutStatus.REJECTED, PayoutStatus.RETURNED, PayoutStatus.CANCELLED})


@dataclass(frozen=True)
class Payout:
    """One credit transfer to a customer; ``iban_sealed`` is encrypted, ``last_four`` all that is shown of it.

    ``command_id`` makes it count once: the refund it carries out (``attempt_id`` is then the payment), or the command
    that paid credit out.
    """

    account_id: str
    payout_id: str
    command_id: str
    end_to_end_id: str
    brand: str
    holder_name: str
    last_four: str
    bic: str
    iban_sealed: bytes
    address: Mapping[str, Any]
    amount_minor: int
    currency: str
    description: str
    author: str
    reason: str
    created_at: datetime
    changed_at: datetime
    attempt_id: str = ""
    status: str = PayoutStatus.WAITING
    reason_code: str = ""
    reason_text: str = ""
    held_field: str = ""
    held_value: str = ""
    held_remedy: str = ""
    batch_id: str | None = None
    pay_on: date | None = None
    paid_at: datetime | None = None
    returned_at: datetime | None = None
    bank_reference: str = ""


@dataclass(frozen=True)
class PayoutFilter:
    """Which payouts are asked for; empty fields do not narrow."""

    brand: str = ""
    account_id: str = ""
    statuses: Collection[str] = field(default_factory=tuple)
    batch_id: str = ""


class PayoutRepository(Protocol):
    """Payouts and the files that carry them."""

    async def next_id(self) -> str: ...
    async def add(self, payout: Payout) -> None: ...
    async def get(self, account_id: str, payout_id: str) -> Payout:
        """Raises NotFound."""
        ...

    async def lock(self, account_id: str, payout_id: str) -> Payout:
        """The same, kept from others until the end of the transaction."""
        ...

    async def of_command(self, account_id: str, command_id: str) -> Payout | None: ...
    async def all(
        self, wanted: PayoutFilter, after: tuple[str, str] | None = None, limit: int = 1000
    ) -> Sequence[Payout]:
        """In the order of account and payout, to be paged by the last one."""
        ...

    async def lock_waiting(self, brand: str, limit: int) -> Sequence[Payout]:
        """The oldest first; those that another worker has at the moment are left out."""
        ...

    async def change(self, account_id: str, payout_id: str, values: Mapping[str, Any]) -> None: ...
    async def change_of(self, batch_id: str, statuses: Collection[str], values: Mapping[str, Any]) -> int:
        """Change all of a file that stand so; how many."""
        ...

    async def claim_reference(self, end_to_end_id: str, account_id: str, payout_id: str) -> None:
        """The bank names a payout by this alone."""
        ...

    async def carry(self, batch_id: str, payouts: Sequence[Payout]) -> None:
        """Write down which payouts a file carries; what carried them before counts no more."""
        ...
