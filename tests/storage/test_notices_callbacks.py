"""What vendors say afterwards: once, in any order, with a way out when a message bounced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from billing.domain.errors import NotFound
from billing.messages.account import NoticeBounced
from billing.messages.notices import NoticeKind
from billing.persistence.unit_of_work import make_engine
from billing.ports.messenger import Callback, DeliveryEvent, DeliveryState, Unknown, VendorBusy
from billing.ports.notices import Notice, NoticeStatus
from billing.services.notice_callbacks import NoticeCallbacks
from billing.services.notice_delivery import NoticeOutcomeUnknown
from tests.builders_notices import A_MONDAY_MORNING, THE_DEBIT, NoticeWorld, a_notice_world

CALLBACK = Callback(b"", {})
STATES = {"processed": DeliveryState.ACCEPTED, "delivered": DeliveryState.DELIVERED, "bounce": DeliveryState.FAILED}


@dataclass
class ListeningProcess:
    """Keeps the signals; ``closed`` accounts have no workflow any more."""

    signals: list[tuple[str, str, Any]] = field(default_factory=list)
    closed: bool = False

    async def signal(self, workflow_id: str, signal: str, payload: Any) -> None:
        if self.closed:
            raise NotFound("no such workflow")
        self.signals.append((workflow_id, signal, payload))


@dataclass
class CallbackWorld:
    """A notice world with callbacks."""

    notices: NoticeWorld
    process: ListeningProcess
    callbacks: NoticeCallbacks
    coming: list[DeliveryEvent] = field(default_factory=list)

    async def hear(self, notice: Notice, *words: str) -> int:
        """The vendor's callback with these events; how many were new."""
        vendor = "sendgrid" if notice.channel == "email" else "twilio"
        self.coming[:] = [
            DeliveryEvent(
                notice.account_id,
                notice.notice_id,
                vendor,
                f"{notice.notice_id}:{word}",
                word,
                STATES.get(word, DeliveryState.NOTED),
                "ref",
                "5.1.1" if word == "bounce" else "",
                "unknown user" if word == "bounce" else "",
            )
            for word in words
        ]
        return await self.callbacks.take(notice.channel, CALLBACK)

    async def notice(self, channel: str = "email") -> Notice:
        async with self.notices.work() as work:
            found = await work.notices.of(self.notices.account.account_id)
        return next(one for one in found if one.channel == channel)

    async def is_announced(self) -> bool:
        async with self.notices.work() as work:
            return await work.notices.announced(self.notices.account.account_id, "inv_1001", 4210, THE_DEBIT)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[CallbackWorld]:
    engine = make_engine(database_url)
    notices = await a_notice_world(engine)
    process = ListeningProcess()
    messengers = {"email": notices.email, "sms": notices.sms}
    callbacks = NoticeCallbacks(notices.work, notices.clock, messengers, notices.service, process)  # type: ignore[arg-type]
    built = CallbackWorld(notices, process, callbacks)
    for messenger in messengers.values():
        messenger.parse_callback = lambda callback: list(built.coming)  # type: ignore[method-assign]
    yield built
    await engine.dispose()


@pytest.mark.parametrize("order", list(permutations(["processed", "delivered", "open"])))
async def test_delivered_is_the_end_in_whatever_order_it_is_told(world: CallbackWorld, order: tuple[str, ...]) -> None:
    await world.notices.service.send(world.notices.request())
    for word in order:
        await world.hear(await world.notice(), word)
    notice = await world.notice()
    assert (notice.status, notice.delivered_at) == (NoticeStatus.DELIVERED, A_MONDAY_MORNING)


@pytest.mark.parametrize("order", list(permutations(["processed", "delivered", "bounce"])))
async def test_a_bounce_is_the_last_word_and_announces_nothing(world: CallbackWorld, order: tuple[str, ...]) -> None:
    await world.notices.service.send(world.notices.request())
    world.notices.sms.script = [Unknown("no answer")]
    for word in order:
        await world.hear(await world.notice(), word)
    notice = await world.notice()
    assert notice.status is NoticeStatus.FAILED
    assert "unknown user" in notice.failure
    assert not await world.is_announced()


async def test_the_same_callback_again_changes_nothing_and_is_kept_once(world: CallbackWorld) -> None:
    await world.notices.service.send(world.notices.request())
    notice = await world.notice()
    assert await world.hear(notice, "processed", "delivered") == 2
    world.notices.clock.at += timedelta(hours=1)
    assert await world.hear(notice, "processed", "delivered") == 0
    async with world.notices.work() as work:
        events = [one.event for one in await work.notices.evidence(notice.account_id)]
        reached = await work.notices.last_delivered(notice.account_id, NoticeKind.READY, "inv_1001")
    assert events == ["asked", "accepted", "processed", "delivered"]
    assert reached == A_MONDAY_MORNING


async def test_a_bounce_tells_the_account_and_goes_by_the_other_channel(world: CallbackWorld) -> None:
    await world.notices.service.send(world.notices.request())
    bounced = await world.notice()
    await world.hear(bounced, "bounce")
    await world.hear(bounced, "bounce")
    instead = await world.notice("sms")
    assert (instead.status, instead.fallback_of) == (NoticeStatus.ACCEPTED, bounced.notice_id)
    assert len(world.notices.sms.sent) == 1
    assert await world.is_announced()
    told = {(workflow_id, signal, payload) for workflow_id, signal, payload in world.process.signals}
    message = NoticeBounced(message_id=f"bounced/{bounced.notice_id}", notice_id=bounced.notice_id)
    assert told == {("account/vonk/A100001", "notice_bounced", message)}


async def test_a_closed_account_needs_no_signal(world: CallbackWorld) -> None:
    world.process.closed = True
    await world.notices.service.send(world.notices.request())
    assert await world.hear(await world.notice(), "bounce") == 1


async def test_a_bounce_at_night_goes_by_text_message_in_the_morning(world: CallbackWorld) -> None:
    await world.notices.service.send(world.notices.request())
    world.notices.clock.at = datetime(2027, 5, 24, 21, 0, tzinfo=UTC)
    await world.hear(await world.notice(), "bounce")
    waiting = await world.notice("sms")
    assert (waiting.status, waiting.send_after) == (NoticeStatus.WAITING, datetime(2027, 5, 25, 7, 0, tzinfo=UTC))
    assert await world.notices.service.send_waiting() == 0
    world.notices.clock.at = datetime(2027, 5, 25, 7, 0, tzinfo=UTC)
    assert await world.notices.service.send_waiting() == 1
    assert await world.notices.service.send_waiting() == 0
    assert (await world.notice("sms")).status is NoticeStatus.ACCEPTED
    assert await world.is_announced()  # the 25th leaves fourteen days until the debit on the 8th


async def test_a_busy_vendor_on_the_other_channel_is_left_to_the_upkeep(world: CallbackWorld) -> None:
    await world.notices.service.send(world.notices.request())
    world.notices.sms.script = [VendorBusy("twilio")]
    await world.hear(await world.notice(), "bounce")
    assert (await world.notice("sms")).status is NoticeStatus.WAITING
    assert await world.notices.service.send_waiting() == 1
    assert (await world.notice("sms")).fallback_of == (await world.notice()).notice_id


async def test_a_callback_settles_an_outcome_we_never_heard(world: CallbackWorld) -> None:
    world.notices.email.script = [Unknown("no answer")]
    with pytest.raises(NoticeOutcomeUnknown):
        await world.notices.service.send(world.notices.request())
    await world.hear(await world.notice(), "delivered")
    assert (await world.notices.service.send(world.notices.request())).status == "repeated"
    assert len(world.notices.email.sent) == 1
    assert await world.is_announced()


async def test_an_unknown_notice_is_left_alone(world: CallbackWorld) -> None:
    await world.notices.service.send(world.notices.request())
    notice = await world.notice()
    world.coming[:] = []
    for account_id, notice_id in ((notice.account_id, "ntc_999999"), ("acc_1", notice.notice_id), ("x", "y")):
        world.coming.append(DeliveryEvent(account_id, notice_id, "sendgrid", "e", "bounce", DeliveryState.FAILED))
    assert await world.callbacks.take("email", CALLBACK) == 0
    assert (await world.notice()).status is NoticeStatus.ACCEPTED


async def test_a_customer_without_another_address_is_told_nothing_twice(world: CallbackWorld) -> None:
    async with world.notices.work() as work:
        await work.accounts.change(world.notices.account.account_id, {"mobile": ""})
        await work.commit()
    await world.notices.service.send(world.notices.request())
    await world.hear(await world.notice(), "bounce")
    again = await world.notices.service.send(world.notices.request())
    assert (again.status, len(world.notices.email.sent)) == ("failed", 1)
