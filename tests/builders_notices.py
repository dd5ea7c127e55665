"""Test data about notices that reads as business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.domain.letterhead import Letterhead
from billing.messages.notices import NoticeKind, NoticeRequest
from billing.persistence.tables import accounts
from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.ports.accounts import Account
from billing.ports.documents import InvoiceDocument
from billing.ports.messenger import Accepted, Callback, DeliveryEvent, Message, SendOutcome
from billing.ports.notices import LogoPictures
from billing.services.notice_composing import Composer
from billing.services.notice_delivery import NoticeDelivery
from billing.services.notices import NoticeService
from billing.services.specimen import specimen
from tests.builders import a_brand, an_account
from tests.builders_documents import LETTERHEAD

A_MONDAY_MORNING = datetime(2027, 5, 24, 8, 30, tzinfo=UTC)  # 10:30 in Amsterdam
THE_DEBIT = date(2027, 6, 8)


@dataclass
class StandingClock:
    """A business clock that stands until it is set."""

    at: datetime = A_MONDAY_MORNING

    def now(self) -> datetime:
        return self.at

    def segment(self) -> ClockSegment:
        return NORMAL_TIME


@dataclass
class ScriptedMessenger:
    """Answers as scripted, accepting when the script is over; keeps what it was given and what its log shows."""

    vendor: str
    script: list[SendOutcome | Exception] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    log: list[Accepted] = field(default_factory=list)
    looked_up: int = 0

    async def send(self, message: Message) -> SendOutcome:
        self.sent.append(message)
        answer = self.script.pop(0) if self.script else Accepted(f"{self.vendor}-{len(self.sent)}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def find(self, message: Message, since: datetime) -> Accepted | None:
        self.looked_up += 1
        return self.log[0] if self.log else None

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryEvent]:
        return []


@dataclass
class NoticeWorld:
    """An account, its customer's letter box and phone, and the service under test."""

    engine: AsyncEngine
    clock: StandingClock
    email: ScriptedMessenger
    sms: ScriptedMessenger
    whatsapp: ScriptedMessenger
    service: NoticeService
    account: Account

    def work(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self.engine)

    async def choose_for_brand(self, work: SqlUnitOfWork, choice: Mapping[str, Any]) -> None:
        """The brand's channels from now on; the caller commits."""
        await work.connection.execute(update(accounts.brands).values(notice_channels=choice))

    def request(self, kind: NoticeKind = NoticeKind.READY, **changes: Any) -> NoticeRequest:
        """A notice of 42.10 Euro on the 8th of June about the account's invoice."""
        values: dict[str, Any] = {
            "account_id": self.account.account_id,
            "kind": kind,
            "subject": "inv_1001",
            "amount_minor": 4210,
            "currency": "EUR",
            "on": THE_DEBIT,
            "invoice_ids": ("inv_1001",),
        }
        return NoticeRequest(**(values | changes))


async def a_paylink(account_id: str) -> str:
    """A pay address as customers see it."""
    return f"https://pay.vonk.example/pay/{account_id}"


class Documents:
    """Every invoice has a document."""

    async def pdf(self, account_id: str, invoice_id: str) -> bytes:
        return f"%PDF of {invoice_id}".encode()

    async def document(self, account_id: str, invoice_id: str) -> InvoiceDocument:
        """Calls of 34.79 Euro with the highest VAT: 42.10 Euro in all."""
        document = specimen(a_brand(), Letterhead.from_dict(LETTERHEAD), A_MONDAY_MORNING)
        return replace(document, invoice=replace(document.invoice, number="VONK-20270524-0001", invoice_id=invoice_id))


async def a_notice_world(
    engine: AsyncEngine,
    *,
    reads_paylink_from_database: bool = False,
    logos: LogoPictures | None = None,
    **account: Any,
) -> NoticeWorld:
    """An account of the Dutch brand on a database of its own."""
    async with SqlUnitOfWork(engine) as work:
        await work.accounts.add_brand(a_brand())
        stored = await work.accounts.add(an_account(**{"locale": "en", **account}))
        await work.commit()
    clock, email, sms = StandingClock(), ScriptedMessenger("sendgrid"), ScriptedMessenger("twilio")
    whatsapp = ScriptedMessenger("twilio")

    async def paylink_for(account_id: str) -> str:
        async with SqlUnitOfWork(engine) as work:
            return await a_paylink((await work.accounts.get(account_id)).account_id)

    paylinks = paylink_for if reads_paylink_from_database else a_paylink
    composer = Composer(paylinks, documents=Documents(), logos=logos)
    messengers = {"email": email, "sms": sms, "whatsapp": whatsapp}
    delivery = NoticeDelivery(lambda: SqlUnitOfWork(engine), clock, messengers, composer)
    service = NoticeService(lambda: SqlUnitOfWork(engine), clock, delivery)
    return NoticeWorld(engine, clock, email, sms, whatsapp, service, stored)
