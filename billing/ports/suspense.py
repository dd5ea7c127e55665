"""Money that came or left and belongs to nobody yet: each amount is an item that a person decides about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

# Of the end-to-end id under which an item is sent back; its number follows.
TRANSFER_PREFIX = "SUS-"


class SuspenseStatus(StrEnum):
    """Where an item stands; in the first two it is still in the suspense ledger."""

    OPEN = "open"
    SENDING_BACK = "sending_back"  # a person ordered it back at the bank; the statement will show that it left
    ASSIGNED = "assigned"  # it belongs to an account now
    SENT_BACK = "sent_back"
    EXPLAINED = "explained"  # the bank told its single payments, or another item was its counterpart


UNDECIDED = (SuspenseStatus.OPEN, SuspenseStatus.SENDING_BACK)


class Why(StrEnum):
    """Why nobody could be found for an amount."""

    NO_NAME = "names_nobody"  # no invoice number, no reference of ours
    UNKNOWN_REFERENCE = "unknown_reference"  # an end-to-end id that no debit of ours has
    SEVERAL = "names_several"  # invoices of more than one account
    OTHER_CREDITOR = "other_creditor"  # an invoice of a brand that another bank account is of
    NOT_EXPECTED = "not_expected"  # of a debit that is settled, returned or cancelled already
    OTHER_AMOUNT = "other_amount"  # of a debit, but not its amount
    UNKNOWN_DEBIT = "money_left"  # money left, and no order of ours says why


@dataclass(frozen=True)
class SuspenseItem:
    """An amount, negative when it left. ``account_id`` is the house account whose books hold it."""

    account_id: str
    suspense_id: str
    brand: str
    currency: str
    amount_minor: int
    entry_id: str
    position: int
    booked_on: date
    why: str
    explanation: str
    end_to_end_id: str
    remittance: str
    counterparty_name: str
    counterparty_last_four: str
    return_code: str
    status: str
    opened_at: datetime
    closed_at: datetime | None = None
    author: str = ""
    reason: str = ""
    to_account_id: str | None = None
    to_attempt_id: str = ""

    @property
    def transfer_reference(self) -> str:
        """The end-to-end id under which it is sent back, in the letters that banks carry."""
        return TRANSFER_PREFIX + self.suspense_id.rpartition("_")[2]


@dataclass(frozen=True)
class SuspenseFilter:
    """Which items are asked for; empty fields do not narrow."""

    status: str = ""
    brand: str = ""
    before: str = ""
    limit: int = 100


@dataclass(frozen=True)
class Candidate:
    """Somebody whose money it may be, and what speaks for it. ``open_minor`` is what the invoice still owes."""

    account_id: str
    number: str
    customer_name: str
    because: str
    invoice_id: str = ""
    invoice_number: str = ""
    open_minor: int = 0
    attempt_id: str = ""


class SuspenseRepository(Protocol):
    """Items, house accounts, and who might be meant."""

    async def house_account(self, brand: str) -> str:
        """The account of a brand's own money; made when it is first needed."""
        ...

    async def add(self, values: Mapping[str, Any]) -> SuspenseItem: ...
    async def get(self, suspense_id: str) -> SuspenseItem:
        """Raises NotFound."""
        ...

    async def lock(self, suspense_id: str) -> SuspenseItem: ...
    async def items(self, wanted: SuspenseFilter) -> Sequence[SuspenseItem]:
        """Newest first."""
        ...

    async def of_entry(self, entry_id: str) -> Sequence[SuspenseItem]:
        """What an entry left in suspense."""
        ...

    async def of_transfer(self, end_to_end_id: str) -> Sequence[SuspenseItem]:
        """The item that is being sent back under this end-to-end id, locked."""
        ...

    async def change(self, item: SuspenseItem, values: Mapping[str, Any]) -> SuspenseItem: ...
    async def count_open(self) -> tuple[int, datetime | None]:
        """How many items nobody has decided about, and since when the oldest waits."""
        ...

    async def open_of_amount(self, brands: Sequence[str], amount_minor: int, currency: str) -> Sequence[Candidate]:
        """Accounts with an invoice on which exactly this is open."""
        ...

    async def with_number(self, brands: Sequence[str], numbers: Sequence[str]) -> Sequence[Candidate]:
        """Accounts whose number is one of these."""
        ...

    async def with_name(self, brands: Sequence[str], name: str) -> Sequence[Candidate]:
        """Accounts whose customer is called so."""
        ...

    async def with_invoice(self, brands: Sequence[str], numbers: Sequence[str]) -> Sequence[Candidate]:
        """Accounts that have an invoice of one of these numbers."""
        ...

    async def debits_of_amount(self, brands: Sequence[str], amount_minor: int, currency: str) -> Sequence[Candidate]:
        """Accounts with a debit by bank file of this amount that has not come back."""
        ...
