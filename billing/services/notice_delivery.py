"""One notice on one channel: written down, handed to the vendor, and the answer kept as evidence.

The row is committed before the vendor is asked, and only one process at a time talks to the vendor about it. A try of
unknown outcome is looked up in the vendor's own log before the notice is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from billing.messages.notices import NoticeRequest
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.messenger import (
    EMAIL,
    SMS,
    Accepted,
    Failed,
    Message,
    Messenger,
    SendOutcome,
    Suppressed,
    Unknown,
    VendorBusy,
    VendorRefusesUs,
)
from billing.ports.notices import UNFINISHED, Evidence, NewNotice, Notice, NoticeKey, NoticeStatus
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.notice_channels import masked, recipient
from billing.services.notice_composing import Composed, Composer, Customer, text_in_force
from billing.services.notice_timing import is_in_time, sent_on
from billing.services.notice_words import count_segments, read_locale

OURSELVES = "evenflow"
# On WhatsApp words of our own may follow a customer's message for this long; after that only approved templates.
ANSWER_WITHIN = timedelta(hours=24)


class NoticeInFlight(Exception):
    """A fault: another process talks to the vendor about this notice, or did and was lost. Try again in a minute."""


class NoticeOutcomeUnknown(Exception):
    """A fault: the vendor did not answer and its log does not show the message yet. Try again in a minute."""


FAULTS = (NoticeInFlight, NoticeOutcomeUnknown, VendorBusy, VendorRefusesUs)


class NoticeDelivery:
    """``messengers`` by channel."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        messengers: Mapping[str, Messenger],
        composer: Composer,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._messengers = messengers
        self._composer = composer

    async def deliver(
        self, request: NoticeRequest, customer: Customer, channel: str, fallback_of: str | None = None
    ) -> Notice:
        """The notice after the vendor's answer, or as it stood when it was answered before.

        Raises NoticeInFlight, NoticeOutcomeUnknown, VendorBusy or VendorRefusesUs: faults, to be tried again later.
        """
        async with self._make_work() as work:
            changed = await text_in_force(work, request.kind, customer, channel)
        composed = await self._composer.compose(request, customer, channel, changed)
        new = new_notice(request, customer, channel, self._clock.now(), fallback_of=fallback_of)
        async with self._make_work() as work:
            notice, is_fresh = await _write_down(work, new)
            if notice.status in UNFINISHED:
                await add_evidence(work, notice, self._clock.now(), "asked" if is_fresh else "asked_again")
            await work.commit()
        if notice.status not in UNFINISHED:
            return notice
        return await self._hand_over(notice, composed, customer, is_fresh=is_fresh)

    async def _hand_over(self, notice: Notice, composed: Composed, customer: Customer, *, is_fresh: bool) -> Notice:
        messenger = self._messengers[notice.channel]
        message = _message(notice, composed, customer)
        since = notice.first_tried_at or notice.created_at
        logged = None if is_fresh else await messenger.find(message, since)
        outcome = logged or await self._ask(messenger, message)
        if isinstance(outcome, Unknown):
            await self._record_unknown(notice, outcome)
            outcome = await messenger.find(message, since) or outcome
        if isinstance(outcome, Unknown):
            raise NoticeOutcomeUnknown(f"{notice.notice_id}: {outcome.explanation}")
        sent_again = not is_fresh and logged is None
        return await self._record(notice, outcome, composed, customer, possible_duplicate=sent_again)

    async def _ask(self, messenger: Messenger, message: Message) -> SendOutcome:
        try:
            return await messenger.send(message)
        except (VendorBusy, VendorRefusesUs):
            async with self._make_work() as work:  # nothing was taken: the next try is a first one
                values = {"status": NoticeStatus.WAITING, "claimed_until": None}
                await work.notices.change(message.account_id, message.notice_id, values)
                await work.commit()
            raise

    async def _record_unknown(self, notice: Notice, outcome: Unknown) -> None:
        """The claim is kept: for its minute nobody sends again, so that the vendor's log or callback can tell first."""
        async with self._make_work() as work:
            current = await work.notices.lock(notice.account_id, notice.notice_id)
            if current.status is NoticeStatus.SENDING:
                await work.notices.change(notice.account_id, notice.notice_id, {"status": NoticeStatus.UNKNOWN})
            detail = {"explanation": outcome.explanation}
            await add_evidence(work, notice, self._clock.now(), "unknown", detail=detail)
            await work.commit()

    async def _record(
        self,
        notice: Notice,
        outcome: Accepted | Suppressed | Failed,
        composed: Composed,
        customer: Customer,
        *,
        possible_duplicate: bool,
    ) -> Notice:
        now, vendor = self._clock.now(), self._messengers[notice.channel].vendor
        async with self._make_work() as work:
            current = await work.notices.lock(notice.account_id, notice.notice_id)
            values: dict[str, Any] = {
                "vendor": vendor,
                "template_version": composed.template_version,
                "possible_duplicate": current.possible_duplicate or possible_duplicate,
                "claimed_until": None,
            }
            if isinstance(outcome, Accepted):
                values |= _taken(current, outcome, composed, now, customer)
            elif current.status in UNFINISHED:
                failure = f"{outcome.code}: {outcome.explanation}"
                values |= {"status": NoticeStatus.FAILED, "failed_at": now, "failure": failure}
            await work.notices.change(notice.account_id, notice.notice_id, values)
            await _keep_answer(work, current, outcome, vendor, now, possible_duplicate=possible_duplicate)
            changed = await work.notices.get(notice.account_id, notice.notice_id)
            await work.timeline.add(timeline_entry(changed, now))
            await work.commit()
        return changed


async def _write_down(work: UnitOfWork, new: NewNotice) -> tuple[Notice, bool]:
    """The claimed notice, and whether the vendor was never asked about it; a finished one is given as it is."""
    notice = await work.notices.add(new)
    if notice is not None:
        return notice, True
    found = await work.notices.find(new.key)
    assert found is not None
    if found.status not in UNFINISHED:
        return found, False
    notice = await work.notices.claim(found.account_id, found.notice_id)
    if notice is None:
        raise NoticeInFlight(f"{found.notice_id} is with the vendor")
    await work.notices.change(notice.account_id, notice.notice_id, {"status": NoticeStatus.SENDING})
    return notice, notice.status is NoticeStatus.WAITING


def new_notice(
    request: NoticeRequest,
    customer: Customer,
    channel: str,
    now: datetime,
    *,
    fallback_of: str | None = None,
    send_after: datetime | None = None,
) -> NewNotice:
    """What is written down of a request on a channel; it waits when ``send_after`` is given."""
    account = customer.account
    return NewNotice(
        key=NoticeKey(request.account_id, request.subject, request.kind, request.occasion, channel),
        status=NoticeStatus.SENDING if send_after is None else NoticeStatus.WAITING,
        recipient=recipient(account, channel),
        locale=str(read_locale(account.locale, customer.brand.locale)),
        created_at=now,
        amount_minor=request.amount_minor,
        currency=request.currency or customer.brand.currency,
        named_on=request.on,
        invoice_ids=request.invoice_ids,
        hurry=request.hurry,
        fallback_of=fallback_of,
        send_after=send_after,
    )


def acceptance(notice: Notice, now: datetime, customer: Customer) -> dict[str, Any]:
    """What the first acceptance fixes: when, on which local date, and whether that is in time for the debit."""
    if notice.accepted_at is not None:
        return {}
    day = sent_on(now, customer.account)
    in_time = is_in_time(notice.kind, day, notice.named_on, customer.brand, customer.pays_by)
    return {"accepted_at": now, "sent_on": day, "in_time": in_time}


async def add_evidence(
    work: UnitOfWork, notice: Notice, now: datetime, event: str, *, detail: Mapping[str, Any] | None = None
) -> None:
    """Append something we did ourselves."""
    what = Evidence(notice.account_id, notice.notice_id, now, event, OURSELVES, uuid4().hex, detail=detail or {})
    await work.notices.add_evidence(what)


def timeline_entry(notice: Notice, now: datetime) -> TimelineEntry:
    """What became of a notice, and why it was sent this way."""
    to = f"{notice.channel} to {masked(notice.recipient)}"
    has_failed = notice.status is NoticeStatus.FAILED
    reason = {
        "rule": "product.md, the notices",
        "notice_id": notice.notice_id,
        "subject": notice.subject,
        "occasion": notice.occasion,
        "amount_minor": notice.amount_minor,
        "currency": notice.currency,
        "named_on": notice.named_on.isoformat() if notice.named_on else None,
        "in_time": notice.in_time,
        "template_version": notice.template_version,
        "possible_duplicate": notice.possible_duplicate,
        "fallback_of": notice.fallback_of,
        "failure": notice.failure,
    }
    summary = f"Notice {notice.kind.value} by {to}" + (f" failed: {notice.failure}" if has_failed else "")
    return TimelineEntry(notice.account_id, now, "notice_failed" if has_failed else "notice_sent", summary, reason)


def _message(notice: Notice, composed: Composed, customer: Customer) -> Message:
    brand = customer.brand
    by_email = notice.channel == EMAIL
    heard_at = customer.account.whatsapp_heard_at
    return Message(
        account_id=notice.account_id,
        notice_id=notice.notice_id,
        to=notice.recipient,
        sender=brand.email_sender if by_email else brand.sms_sender,
        sender_name=brand.name if by_email else "",
        reply_to=customer.letterhead.email if by_email else "",
        content=composed.content,
        brand=brand.brand,
        # The window is the vendor's: real time, whatever the business clock does.
        answers=heard_at is not None and datetime.now(UTC) - heard_at < ANSWER_WITHIN,
    )


def _taken(current: Notice, outcome: Accepted, composed: Composed, now: datetime, customer: Customer) -> dict[str, Any]:
    values = {
        "vendor_reference": outcome.reference,
        "segments": (outcome.segments or count_segments(composed.content.text)) if current.channel == SMS else 0,
        **acceptance(current, now, customer),
    }
    # A callback may have been faster than this answer; what it said stands.
    return values | ({"status": NoticeStatus.ACCEPTED} if current.status in UNFINISHED else {})


async def _keep_answer(
    work: UnitOfWork,
    notice: Notice,
    outcome: Accepted | Suppressed | Failed,
    vendor: str,
    now: datetime,
    *,
    possible_duplicate: bool,
) -> None:
    word = type(outcome).__name__.lower()
    reference = outcome.reference if isinstance(outcome, Accepted) else ""
    detail: dict[str, Any] = {"possible_duplicate": possible_duplicate}
    if not isinstance(outcome, Accepted):
        detail |= {"code": outcome.code, "explanation": outcome.explanation}
    answer = Evidence(
        notice.account_id,
        notice.notice_id,
        now,
        word,
        vendor,
        f"answer:{reference or uuid4().hex}",
        reference,
        None,
        detail,
    )
    await work.notices.add_evidence(answer)
