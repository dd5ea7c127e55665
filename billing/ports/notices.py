"""Notices with their evidence, and templates: what is kept, and how services reach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from billing.domain.letterhead import Letterhead
from billing.messages.notices import NoticeKind
from billing.ports.documents import InvoiceDocument


class NoticeStatus(StrEnum):
    """Where one notice on one channel stands."""

    WAITING = "waiting"  # for the end of quiet hours; send_after says when
    SENDING = "sending"  # the row is there, the vendor may or may not have been asked
    UNKNOWN = "unknown"  # the vendor was asked and did not answer
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"  # refused, suppressed or bounced


TAKEN = frozenset({NoticeStatus.ACCEPTED, NoticeStatus.DELIVERED})
UNFINISHED = frozenset({NoticeStatus.WAITING, NoticeStatus.SENDING, NoticeStatus.UNKNOWN})


@dataclass(frozen=True)
class NoticeKey:
    """What makes a notice one and the same: it is sent at most once per key."""

    account_id: str
    subject: str
    kind: NoticeKind
    occasion: str
    channel: str


@dataclass(frozen=True)
class NewNotice:
    """What is written down before the vendor is asked. ``named_on`` is the date the customer reads (debit or due date).

    ``invoice_ids`` are those the amount is for; ``fallback_of`` names the notice that could not be delivered.
    """

    key: NoticeKey
    status: NoticeStatus
    recipient: str
    locale: str
    created_at: datetime
    amount_minor: int = 0
    currency: str = ""
    named_on: date | None = None
    invoice_ids: tuple[str, ...] = ()
    hurry: bool = False
    fallback_of: str | None = None
    send_after: datetime | None = None


@dataclass(frozen=True)
class Notice:
    """A notice on one channel. ``sent_on`` is the customer's local date at acceptance; instants are business time.

    ``in_time`` says that the announced debit keeps the notice period, counted in local calendar days.
    ``possible_duplicate`` marks a notice sent again although the outcome of the first try stayed unknown.
    """

    account_id: str
    notice_id: str
    kind: NoticeKind
    subject: str
    occasion: str
    channel: str
    status: NoticeStatus
    recipient: str
    locale: str
    created_at: datetime
    first_tried_at: datetime | None = None
    amount_minor: int = 0
    currency: str = ""
    named_on: date | None = None
    invoice_ids: Sequence[str] = ()
    hurry: bool = False
    fallback_of: str | None = None
    send_after: datetime | None = None
    vendor: str = ""
    vendor_reference: str = ""
    template_version: int = 0
    segments: int = 0
    possible_duplicate: bool = False
    in_time: bool = False
    accepted_at: datetime | None = None
    sent_on: date | None = None
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str = ""


@dataclass(frozen=True)
class Evidence:
    """One thing that happened to a notice: appended, never changed. ``event_id`` makes it count once per vendor.

    ``at`` is business time of recording; ``vendor_at`` what the vendor's clock said.
    """

    account_id: str
    notice_id: str
    at: datetime
    event: str
    vendor: str
    event_id: str
    reference: str = ""
    vendor_at: datetime | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NoticeTemplate:
    """An operator's text for one brand, kind, channel and locale; the newest version counts.

    ``html`` is only for email; empty means that it is made from ``text`` and the brand's layout. ``content_sid`` names
    the approved template behind a WhatsApp text; its variables 1, 2, ... are the text's placeholders in their order.
    """

    brand: str
    kind: NoticeKind
    channel: str
    locale: str
    template_version: int
    subject: str
    text: str
    html: str
    changed_at: datetime
    author: str
    content_sid: str = ""
    reason: str = ""


class NoticeRepository(Protocol):
    """Notices with their evidence, and templates."""

    async def add(self, notice: NewNotice) -> Notice | None:
        """Write a notice down and claim it; None when one of this key is there already."""
        ...

    async def claim(self, account_id: str, notice_id: str) -> Notice | None:
        """Take an unfinished notice over for a minute of real time; None while somebody else has it."""
        ...

    async def release(self, account_id: str, notice_id: str) -> None:
        """Give a claim back at once, so that the next try need not wait."""
        ...

    async def get(self, account_id: str, notice_id: str) -> Notice: ...
    async def lock(self, account_id: str, notice_id: str) -> Notice: ...
    async def find(self, key: NoticeKey) -> Notice | None: ...

    async def of_occasion(self, account_id: str, subject: str, kind: NoticeKind, occasion: str) -> Sequence[Notice]:
        """The same notice on all its channels, in the order they were tried."""
        ...

    async def change(self, account_id: str, notice_id: str, values: Mapping[str, Any]) -> None: ...
    async def of(self, account_id: str, limit: int = 200) -> Sequence[Notice]:
        """An account's notices, newest first."""
        ...

    async def add_evidence(self, evidence: Evidence) -> bool:
        """Append; False when this event of this vendor is there already."""
        ...

    async def evidence(self, account_id: str, notice_id: str | None = None) -> Sequence[Evidence]:
        """Oldest first; of all the account's notices when none is named."""
        ...

    async def due(self, now: datetime, limit: int = 100) -> Sequence[Notice]:
        """Unfinished notices that were kept, stand in for another, or were given up by the process without a date in
        them; nobody is busy with them and quiet hours are over.

        Of any account; only for the upkeep. The process repeats its own notices itself, with dates as they are by then.
        """
        ...

    async def announced(self, account_id: str, invoice_id: str, amount_minor: int, debit_on: date) -> bool:
        """Was a debit of at least this amount on exactly this date announced for this invoice, in time and not failed?

        In time = the notice period of the brand in local calendar days (``Notice.in_time``). Rule: product.md, notice
        before debit.
        """
        ...

    async def last_delivered(self, account_id: str, kind: NoticeKind, subject: str) -> datetime | None:
        """When the last notice of this kind and subject reached the customer, as the vendor confirmed it."""
        ...

    async def last_accepted(self, account_id: str, kind: NoticeKind, subject: str) -> datetime | None:
        """When the last one was accepted by a vendor and has not failed since."""
        ...

    async def save_template(self, template: NoticeTemplate) -> NoticeTemplate:
        """Store as the next version; ``template_version`` of the argument is not used."""
        ...

    async def template(self, brand: str, kind: NoticeKind, channel: str, locale: str) -> NoticeTemplate | None: ...
    async def template_versions(
        self, brand: str, kind: NoticeKind, channel: str, locale: str
    ) -> Sequence[NoticeTemplate]:
        """Every version of one text, the newest first."""
        ...

    async def templates(self, brand: str) -> Sequence[NoticeTemplate]:
        """The newest version of each of a brand's texts."""
        ...


class InvoiceDocuments(Protocol):
    """The document of an issued invoice, to send along."""

    async def pdf(self, account_id: str, invoice_id: str) -> bytes:
        """The invoice as PDF. Raises NotFound."""
        ...

    async def document(self, account_id: str, invoice_id: str) -> InvoiceDocument:
        """What is on it. Raises NotFound."""
        ...


class LogoPictures(Protocol):
    """Logos as pictures that mail clients show; they show no SVG."""

    def png(self, letterhead: Letterhead) -> bytes:
        """The logo on white, four times 44 pixels high; empty where there is none."""
        ...
