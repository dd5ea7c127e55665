"""Notices from request to proof: real database, real SDKs, the simulator's wire and its signed callbacks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from billing.adapters.sendgrid.callbacks import SendGridCallbacks
from billing.adapters.sendgrid.messenger import SendGridMessenger
from billing.adapters.twilio.messenger import TwilioMessenger
from billing.domain.errors import NotFound
from billing.persistence.unit_of_work import make_engine
from billing.ports.messenger import Callback
from billing.ports.notices import Notice, NoticeStatus
from billing.services.notice_callbacks import NoticeCallbacks
from billing.services.notice_composing import Composer
from billing.services.notice_delivery import NoticeDelivery
from billing.services.notices import NoticeService
from tests.builders_notices import THE_DEBIT, Documents, NoticeWorld, a_notice_world, a_paylink
from tests.contracts.simulator_process import ACCOUNT_SID, AUTH_TOKEN, Listener, Simulator, wait_for

pytest_plugins = ["tests.contracts.simulator_fixtures"]


class ClosedProcess:
    """No workflow is open."""

    async def signal(self, workflow_id: str, signal: str, payload: Any) -> None:
        raise NotFound("closed")


@dataclass
class Story:
    """An account whose notices really leave, to the simulator."""

    world: NoticeWorld
    service: NoticeService
    callbacks: NoticeCallbacks
    simulator: Simulator
    listener: Listener

    async def reachable_at(self, email: str, mobile: str) -> None:
        """Addresses no other test uses."""
        async with self.world.work() as work:
            await work.accounts.change(self.world.account.account_id, {"email": email, "mobile": mobile})
            await work.commit()

    async def hear(self, channel: str, path: str, *words: str) -> None:
        """Wait for the vendor's callback with these words and hand it over as our door does."""

        def found() -> Any:
            calls = [one for one in list(self.listener.received) if one.path.split("?")[0] == path]
            return next((one for one in calls if all(word.encode() in one.body for word in words)), None)

        call = wait_for(found)
        await self.callbacks.take(channel, Callback(call.body, call.headers, urlsplit(call.path).query))

    async def notice(self, channel: str) -> Notice:
        async with self.world.work() as work:
            found = await work.notices.of(self.world.account.account_id)
        return next(one for one in found if one.channel == channel)

    async def is_announced(self) -> bool:
        async with self.world.work() as work:
            return await work.notices.announced(self.world.account.account_id, "inv_1001", 4210, THE_DEBIT)

    def inbox(self, to: str) -> list[Any]:
        found: list[Any] = httpx.get(f"{self.simulator.url}/inbox.json", params={"to": to}).json()["messages"]
        return found


@pytest.fixture
async def story(database_url: str, faulty: Simulator, listener: Listener) -> AsyncIterator[Story]:
    engine = make_engine(database_url)
    world = await a_notice_world(engine)
    key = faulty.control("GET", "/sendgrid/public-key")["public_key"]
    mails = SendGridMessenger(
        "SG.sim-story", "", SendGridCallbacks([key]), api_base=f"{faulty.url}/sendgrid", timeout_seconds=1
    )
    texts = TwilioMessenger(
        ACCOUNT_SID,
        AUTH_TOKEN,
        "+15005550006",
        f"{listener.url}/texts",
        api_base=f"{faulty.url}/twilio",
        timeout_seconds=1,
    )
    messengers = {"email": mails, "sms": texts}
    delivery = NoticeDelivery(world.work, world.clock, messengers, Composer(a_paylink, documents=Documents()))
    service = NoticeService(world.work, world.clock, delivery)
    callbacks = NoticeCallbacks(world.work, world.clock, messengers, service, ClosedProcess())  # type: ignore[arg-type]
    yield Story(world, service, callbacks, faulty, listener)
    await engine.dispose()


async def test_a_ready_mail_arrives_with_its_document_and_is_proven(story: Story) -> None:
    await story.reachable_at("ready@customers.example", "")
    assert (await story.service.send(story.world.request())).status == "sent"
    await story.hear("email", "/sendgrid", '"delivered"', "ready@customers.example")
    (mail,) = story.inbox("ready@customers.example")
    assert "42.10 Euro on or just after the 8th of June" in mail["text"]
    assert [one["name"] for one in mail["attachments"]] == ["VONK-20270524-0001.pdf"]
    assert (await story.notice("email")).status is NoticeStatus.DELIVERED
    assert await story.is_announced()


async def test_a_bounced_mail_becomes_a_text_message_that_is_proven_too(story: Story) -> None:
    await story.reachable_at("story@bounce.example", "+31612350001")
    await story.service.send(story.world.request())
    await story.hear("email", "/sendgrid", '"bounce"', "story@bounce.example")
    assert await story.is_announced()
    await story.hear("sms", "/texts", "MessageStatus=delivered", "%2B31612350001")
    assert (await story.notice("email")).status is NoticeStatus.FAILED
    assert (await story.notice("sms")).status is NoticeStatus.DELIVERED


@pytest.mark.parametrize(
    ("vendor", "channel", "to"), [("twilio", "sms", "+31612350002"), ("sendgrid", "email", "hang@customers.example")]
)
async def test_a_vendor_that_hangs_after_taking_it_sends_one_message(
    story: Story, vendor: str, channel: str, to: str
) -> None:
    await story.reachable_at(to if channel == "email" else "", to if channel == "sms" else "")
    story.simulator.fault("hang_after_commit", path=f"/{vendor}", method="POST", count=1, seconds=3)
    assert (await story.service.send(story.world.request())).status == "sent"
    assert len(story.inbox(to)) == 1
    notice = await story.notice(channel)
    assert (notice.possible_duplicate, bool(notice.vendor_reference)) == (False, True)


async def test_a_process_killed_after_the_vendor_took_it_sends_one_message(story: Story) -> None:
    """The row says sending, the message is out, nobody wrote that down: the next try finds it in the log."""
    await story.reachable_at("", "+31612350003")
    await story.service.send(story.world.request())
    sent = await story.notice("sms")
    async with story.world.work() as work:
        forgotten = {"status": "sending", "vendor_reference": "", "accepted_at": None, "sent_on": None}
        await work.notices.change(sent.account_id, sent.notice_id, forgotten)
        await work.commit()
    assert (await story.service.send(story.world.request())).status == "sent"
    assert len(story.inbox("+31612350003")) == 1
    assert (await story.notice("sms")).vendor_reference == sent.vendor_reference
