"""What crosses between the process and announcing: a debit is only ever made after its amount and date were told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class AnnounceRequest:
    """Tell the customer of an issued invoice: amount and debit date, or due date and paylink, or nothing to pay.

    ``debit_on`` is the date the process goes by; the answer names other dates only where they moved.
    """

    account_id: str
    invoice_id: str
    invoice_ids: tuple[str, ...]
    cycle_number: int
    amount_minor: int
    currency: str
    debits: bool
    debit_on: date | None = None


@dataclass(frozen=True)
class AnnounceRetryRequest:
    """Tell the customer that the open amount will be tried again; ``occasion`` makes it count once.

    With ``instalment`` it is one of a payment plan: at most ``most_minor``, on ``debit_on``.
    """

    account_id: str
    invoice_ids: tuple[str, ...]
    not_before: datetime
    occasion: str
    instalment: str = ""
    most_minor: int = 0
    debit_on: date | None = None


@dataclass(frozen=True)
class Announced:
    """What was announced. ``told`` False: nothing was, because of ``wait_until`` (quiet hours) or for ``explanation``,
    which is also so when no notice reached the customer: then nothing may be debited.

    Dates are there when they moved because the notice could not leave in time: the debit moves with its notice. For a
    retry, invoices, amount and dates are always there.
    """

    told: bool
    explanation: str = ""
    wait_until: datetime | None = None
    invoice_ids: tuple[str, ...] = ()
    amount_minor: int = 0
    currency: str = ""
    debit_on: date | None = None
    reminder_at: datetime | None = None
    submit_at: datetime | None = None
    debit_at: datetime | None = None
