"""What files to the bank are made with: a writer, a seal for what is kept, and the folder that the bank takes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from billing.ports.bank_files import Address


@dataclass(frozen=True)
class CreditorParty:
    """The creditor as a file names it."""

    name: str
    iban: str
    bic: str
    creditor_id: str
    address: Address | None = None


@dataclass(frozen=True)
class Amendment:
    """What of a mandate changed since its last debit; empty fields have not. ``account_changed``: another IBAN."""

    mandate_reference: str = ""
    creditor_id: str = ""
    creditor_name: str = ""
    account_changed: bool = False

    def __bool__(self) -> bool:
        return bool(self.mandate_reference or self.creditor_id or self.account_changed)


NOT_AMENDED = Amendment()


@dataclass(frozen=True)
class DebitLine:
    """One debit as a file names it."""

    end_to_end_id: str
    amount_minor: int
    mandate_reference: str
    signed_on: date
    holder_name: str
    iban: str
    bic: str
    text: str
    address: Address | None = None
    amendment: Amendment = NOT_AMENDED


@dataclass(frozen=True)
class DebitFile:
    """One file: one creditor, one date, one sequence type. ``made_at`` is written as the local time of the creditor."""

    message_id: str
    version: str
    made_at: datetime
    creditor: CreditorParty
    collect_on: date
    sequence: str
    scheme: str
    debits: Sequence[DebitLine]


@dataclass(frozen=True)
class PayoutLine:
    """One payout as a file names it."""

    end_to_end_id: str
    amount_minor: int
    holder_name: str
    iban: str
    bic: str
    text: str
    address: Address | None = None


@dataclass(frozen=True)
class PayoutFile:
    """One file of payouts: one payer, whose account is that of the creditor, and one date."""

    message_id: str
    version: str
    made_at: datetime
    payer: CreditorParty
    pay_on: date
    payouts: Sequence[PayoutLine]


class PayoutFileWriter(Protocol):
    """The same file gives the same bytes, always."""

    def write(self, file: PayoutFile) -> bytes:
        """The file, checked against the schema of its version. Raises InvalidValue for what no bank would take."""
        ...


class DebitFileWriter(Protocol):
    """The same file gives the same bytes, always."""

    @property
    def versions(self) -> Sequence[str]:
        """The message versions that can be written."""
        ...

    def write(self, file: DebitFile) -> bytes:
        """The file, checked against the schema of its version. Raises InvalidValue for what no bank would take."""
        ...


class Seal(Protocol):
    """Encrypts what is kept of customers' accounts. ``context`` binds a sealed text to its place."""

    def seal(self, content: bytes, context: str) -> bytes: ...
    def open(self, sealed: bytes, context: str) -> bytes:
        """Raises SealBroken when no key of the ring opens it."""
        ...


class SealBroken(Exception):
    """A sealed text that no key opens, or that was moved to another place."""


class DropFolder(Protocol):
    """A folder from which the bank takes complete files. A file lies in it once, under its one name."""

    def stage(self, name: str, content: bytes) -> None:
        """Write the whole file beside the folder, on the disk for good; repeating it is safe."""
        ...

    def is_whole(self) -> bool:
        """True when the place beside the folder is still there, so that a missing file was really handed over."""
        ...

    def hand_over(self, name: str) -> bool:
        """Move the staged file into the folder in one step; False when it was moved there before."""
        ...
