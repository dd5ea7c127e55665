"""The outside party that carries messages to customers: one adapter per channel.

    send          -> Accepted | Suppressed | Failed | Unknown; nothing else says whether the vendor took the message
    find          -> what the vendor's own log says, asked before anything of unknown outcome is sent again
    parse_callback-> what became of messages, after the signature was checked

A vendor that says "later" (429) raises VendorBusy: nothing was taken, and the caller may simply try again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from billing.domain.errors import Refusal

EMAIL = "email"
SMS = "sms"
WHATSAPP = "whatsapp"
CHANNELS = (EMAIL, SMS, WHATSAPP)


@dataclass(frozen=True)
class Attachment:
    """A document sent along: ``content`` as bytes, ``media_type`` such as application/pdf.

    With a ``content_id`` it is a picture inside the mail, which names it ``cid:<content_id>``.
    """

    file_name: str
    media_type: str
    content: bytes
    content_id: str = ""


@dataclass(frozen=True)
class ApprovedTemplate:
    """A text that the channel's owner approved, by the vendor's name for it, with its variables by their number."""

    content_sid: str
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Content:
    """What the customer reads. ``subject`` and ``html`` are empty in a text message.

    ``template`` is the approved text behind a WhatsApp message; None: these are words of ours.
    """

    text: str
    subject: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    template: ApprovedTemplate | None = None


@dataclass(frozen=True)
class Message:
    """One message to hand over. ``account_id`` and ``notice_id`` come back in every callback about it.

    ``to`` is an email address or an E.164 number; ``sender`` the brand's address, number or name; ``sender_name`` is
    shown beside an email address, and ``reply_to`` is where an answer to a mail goes (empty: to the sender).
    ``answers`` says that the customer wrote to us within 24 hours, so that on WhatsApp words of our own may follow.
    """

    account_id: str
    notice_id: str
    to: str
    sender: str
    content: Content
    sender_name: str = ""
    brand: str = ""
    answers: bool = False
    reply_to: str = ""


@dataclass(frozen=True)
class Accepted:
    """The vendor took it; ``reference`` is the vendor's name for it, ``segments`` what a text message costs."""

    reference: str
    segments: int = 0


@dataclass(frozen=True)
class Suppressed:
    """The vendor will not send to this address: the customer said STOP, or it is on a suppression list."""

    code: str
    explanation: str


@dataclass(frozen=True)
class Failed:
    """The vendor refused it for good; ``code`` as the vendor wrote it."""

    code: str
    explanation: str


@dataclass(frozen=True)
class Unknown:
    """No answer, or one that does not say whether the message was taken."""

    explanation: str


SendOutcome = Accepted | Suppressed | Failed | Unknown


class VendorBusy(Exception):
    """A fault: the vendor took nothing and asks to come back later, after ``retry_after_seconds`` where it says so."""

    def __init__(self, vendor: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(f"{vendor} asks to come back later")
        self.vendor = vendor
        self.retry_after_seconds = retry_after_seconds


class VendorRefusesUs(Exception):
    """A fault: the vendor does not know our key or our sender. Nothing was taken; people must mend the settings.

    The customer hears nothing of it, and no other channel is tried.
    """

    def __init__(self, vendor: str, code: str, explanation: str) -> None:
        super().__init__(f"{vendor} refuses our account ({code}): {explanation}")
        self.vendor = vendor
        self.code = code


class CallbackRefused(Refusal):
    """A callback without a valid signature, too old, or unreadable. Nothing of it is kept."""


class DeliveryState(StrEnum):
    """What a callback says of a message; ``NOTED`` changes nothing (opened, clicked, deferred)."""

    NOTED = "noted"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class DeliveryEvent:
    """One thing a vendor said about one message; ``event_id`` is the same when it says it again.

    ``event`` is the vendor's word; ``at`` the vendor's time in real UTC, None when it gave none.
    """

    account_id: str
    notice_id: str
    vendor: str
    event_id: str
    event: str
    state: DeliveryState
    reference: str = ""
    code: str = ""
    explanation: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Callback:
    """A callback as it came in. ``query`` is the raw query string of our address, without the question mark."""

    body: bytes
    headers: Mapping[str, str]
    query: str = ""
    received_at: datetime | None = field(default=None)


@dataclass(frozen=True)
class Heard:
    """A customer wrote to us from a number: any words, or the word that ends messages or begins them again."""

    mobile: str
    reference: str
    stops: bool = False
    starts: bool = False


class Listener(Protocol):
    """Reads what customers write."""

    def parse_incoming(self, callback: Callback) -> Heard | None:
        """What was written; None when it came by another channel. Raises CallbackRefused."""
        ...


class Messenger(Protocol):
    """One channel's vendor."""

    @property
    def vendor(self) -> str: ...

    async def send(self, message: Message) -> SendOutcome:
        """Hand one message over. Raises VendorBusy when the vendor took nothing and wants to be asked later."""
        ...

    async def find(self, message: Message, since: datetime) -> Accepted | None:
        """The message in the vendor's log since a real instant; None when it is not there, or there is no log."""
        ...

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryEvent]:
        """The events of a callback; those that name no notice of ours are left out. Raises CallbackRefused."""
        ...
