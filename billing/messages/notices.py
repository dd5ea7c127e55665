"""What crosses between the process and notices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class NoticeKind(StrEnum):
    """Every message a customer can get. The texts are templates per brand, channel and locale."""

    READY = "ready"  # invoice ready, amount, debit date
    READY_TO_PAY = "ready_to_pay"  # invoice ready, no usable method: due date and paylink
    NOTHING_TO_PAY = "nothing_to_pay"  # zero or credit invoice
    REMINDER = "reminder"  # a few days before the debit
    DUE_REMINDER = "due_reminder"  # the same with a paylink where nothing will be debited
    THANK_YOU = "thank_you"
    FAILED = "failed"  # with paylink
    RETRY = "retry"  # a further debit is announced
    DUNNING_REMINDER = "dunning_reminder"
    BARRING_WARNING = "barring_warning"  # names the date
    BARRED = "barred"
    RESTRICTED = "restricted"  # as the customer asked, a lost phone included
    RESTORED = "restored"
    PROMISE = "promise"
    USAGE_80 = "usage_80"
    USAGE_100 = "usage_100"
    USAGE_STOPPED = "usage_stopped"  # a hard cap is reached
    USAGE_RESUMED = "usage_resumed"
    ROAMING_80 = "roaming_80"
    ROAMING_STOPPED = "roaming_stopped"  # until the customer agrees to go on
    ROAMING_REMINDER = "roaming_reminder"  # gone on beyond the cap, and far
    MANDATE_NEEDED = "mandate_needed"
    MANDATE_CONFIRMED = "mandate_confirmed"  # reference, creditor and notice period
    CARD_EXPIRING = "card_expiring"  # ahead, with the address to renew it
    CREDIT_NOTE = "credit_note"
    PAYMENT_REVERSED = "payment_reversed"  # neutral words after a chargeback
    CYCLE_DAY_CHANGED = "cycle_day_changed"
    PLAN_AGREED = "plan_agreed"  # a payment plan, with its first instalment
    INSTALMENT = "instalment"  # the debit of an instalment is announced
    INSTALMENT_DUE = "instalment_due"  # an instalment is to be paid by paylink
    SIGN_IN_CODE = "sign_in_code"  # to self-service, with a link in email
    CONTACT_CODE = "contact_code"  # confirms a new address or number
    CONTACT_CHANGED = "contact_changed"  # told at the old one


@dataclass(frozen=True)
class NoticeRequest:
    """Send one notice, at most once per (account, subject, kind, occasion, channel).

    ``subject`` is the invoice, case or order it is about; ``occasion`` tells repeated notices apart (an attempt id, a
    step); ``amount_minor`` and ``on`` are what the customer reads; ``invoice_id`` adds the document where the template
    wants it. ``hurry`` skips quiet hours (a receipt, a paylink the customer waits for, services restored). With
    ``keep`` it is kept over quiet hours and sent when they end: news on which no date depends.
    """

    account_id: str
    kind: NoticeKind
    subject: str
    occasion: str = ""
    amount_minor: int = 0
    currency: str = ""
    on: date | None = None
    invoice_ids: tuple[str, ...] = ()
    hurry: bool = False
    keep: bool = False
    channels: tuple[str, ...] = ()  # in this order, instead of those the account or the brand chose


@dataclass(frozen=True)
class NoticeResult:
    """What became of a notice: ``sent``, ``repeated`` (it went out before), ``kept``, ``failed``, ``wait``, or
    ``unwanted`` (of a kind the customer left out).

    ``wait_until`` ends the quiet hours; ``sent_on`` is the customer's local date when the first channel took it.
    """

    status: str
    sent_on: date | None = None
    sent_at: datetime | None = None
    wait_until: datetime | None = None
    channels: tuple[str, ...] = ()
    explanation: str = ""
