"""Sending: at most once, outside of quiet hours, by the channel that works, with evidence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from billing.messages.notices import NoticeKind
from billing.persistence.unit_of_work import make_engine
from billing.ports.messenger import Accepted, Failed, Suppressed, Unknown, VendorBusy
from billing.ports.notices import NoticeStatus
from billing.services.notice_delivery import NoticeInFlight, NoticeOutcomeUnknown
from tests.builders_notices import A_MONDAY_MORNING, THE_DEBIT, NoticeWorld, a_notice_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[NoticeWorld]:
    engine = make_engine(database_url)
    yield await a_notice_world(engine)
    await engine.dispose()


async def test_a_ready_notice_goes_out_by_email_and_is_announced(world: NoticeWorld) -> None:
    result = await world.service.send(world.request())
    assert (result.status, result.sent_on, result.channels) == ("sent", date(2027, 5, 24), ("email",))
    words, made_of, document = world.email.sent[0].content.text.split("\n\n")
    assert words == (
        "Hello! Your invoice is now ready to view at https://mijn.vonk.example. "
        "We will collect a payment of 42.10 Euro on or just after the 8th of June"
    )
    assert made_of.splitlines() == [
        "Invoice VONK-20270524-0001",
        "+00 000 000 (Monthly fee): 34.79 Euro",
        "VAT 21%: 7.31 Euro",
        "Total of this invoice: 42.10 Euro",
    ]
    assert document == "Your invoice is attached as PDF."
    account_id = world.account.account_id
    async with world.work() as work:
        assert await work.notices.announced(account_id, "inv_1001", 4210, THE_DEBIT)
        assert await work.notices.announced(account_id, "inv_1001", 4000, THE_DEBIT)
        assert not await work.notices.announced(account_id, "inv_1001", 4211, THE_DEBIT)
        assert not await work.notices.announced(account_id, "inv_1001", 4210, THE_DEBIT + timedelta(days=1))
        assert not await work.notices.announced(account_id, "inv_1002", 4210, THE_DEBIT)
        events = [one.event for one in await work.notices.evidence(account_id)]
        told = await work.timeline.of(account_id)
    assert events == ["asked", "accepted"]
    assert [entry.kind for entry in told] == ["notice_sent"]


async def test_a_notice_sent_too_late_for_its_date_announces_nothing(world: NoticeWorld) -> None:
    await world.service.send(world.request(on=date(2027, 6, 4)))
    async with world.work() as work:
        assert not await work.notices.announced(world.account.account_id, "inv_1001", 4210, date(2027, 6, 4))


async def test_the_same_request_again_sends_nothing(world: NoticeWorld) -> None:
    first = await world.service.send(world.request())
    world.clock.at += timedelta(days=2)
    again = await world.service.send(world.request())
    assert (again.status, again.sent_on) == ("repeated", first.sent_on)
    assert len(world.email.sent) == 1


async def test_ten_at_once_send_one(world: NoticeWorld) -> None:
    outcomes = await asyncio.gather(*(world.service.send(world.request()) for _ in range(10)), return_exceptions=True)
    assert len(world.email.sent) == 1
    others = [one for one in outcomes if isinstance(one, BaseException)]
    assert all(isinstance(one, NoticeInFlight) for one in others)


async def test_a_new_date_or_occasion_is_a_new_notice(world: NoticeWorld) -> None:
    await world.service.send(world.request())
    await world.service.send(world.request(occasion="2027-06-10", on=date(2027, 6, 10)))
    assert len(world.email.sent) == 2


@pytest.mark.parametrize(
    ("at", "allowed_at"),
    [
        (datetime(2027, 5, 24, 19, 30, tzinfo=UTC), datetime(2027, 5, 25, 7, 0, tzinfo=UTC)),
        (datetime(2027, 5, 23, 10, 0, tzinfo=UTC), datetime(2027, 5, 24, 7, 0, tzinfo=UTC)),  # a Sunday
        (datetime(2027, 3, 27, 20, 30, tzinfo=UTC), datetime(2027, 3, 30, 7, 0, tzinfo=UTC)),  # Easter, summer time
    ],
)
async def test_quiet_hours_delay_a_reminder(world: NoticeWorld, at: datetime, allowed_at: datetime) -> None:
    world.clock.at = at
    result = await world.service.send(world.request(NoticeKind.REMINDER))
    assert (result.status, result.wait_until) == ("wait", allowed_at)
    assert world.sms.sent == []
    world.clock.at = allowed_at
    assert (await world.service.send(world.request(NoticeKind.REMINDER))).status == "sent"


async def test_news_that_nobody_waits_with_is_kept_over_quiet_hours_and_sent_once(world: NoticeWorld) -> None:
    world.clock.at = datetime(2027, 5, 24, 21, 30, tzinfo=UTC)
    news = world.request(NoticeKind.MANDATE_NEEDED, keep=True)
    assert [(await world.service.send(news)).status for _ in range(2)] == ["kept", "kept"]
    assert await world.service.send_waiting() == 0
    world.clock.at = datetime(2027, 5, 25, 7, 0, tzinfo=UTC)
    assert [await world.service.send_waiting() for _ in range(2)] == [1, 0]
    assert (await world.service.send(news)).status == "repeated"
    assert len(world.email.sent) + len(world.sms.sent) == 1


async def test_a_receipt_that_the_process_gave_up_is_sent_when_the_messenger_is_back(world: NoticeWorld) -> None:
    receipt = world.request(NoticeKind.THANK_YOU, on=None)
    dated = world.request()
    for request in (receipt, dated):
        world.email.script = [VendorBusy("sendgrid")]
        with pytest.raises(VendorBusy):
            await world.service.send(request)
    await the_minute_is_over(world)
    assert await world.service.send_waiting() == 0, "the process is still at it"
    world.clock.at += timedelta(hours=3)
    assert await world.service.send_waiting() == 1, (
        "one with a date is announced anew by the process, with another date"
    )
    assert (await world.service.send(receipt)).status == "repeated"


@pytest.mark.parametrize("kind", [NoticeKind.THANK_YOU, NoticeKind.RESTORED])
async def test_quiet_hours_never_delay_a_receipt_or_restored_services(world: NoticeWorld, kind: NoticeKind) -> None:
    world.clock.at = datetime(2027, 5, 24, 21, 30, tzinfo=UTC)
    assert (await world.service.send(world.request(kind))).status == "sent"


async def test_a_paylink_the_customer_waits_for_hurries(world: NoticeWorld) -> None:
    world.clock.at = datetime(2027, 5, 24, 21, 30, tzinfo=UTC)
    assert (await world.service.send(world.request(NoticeKind.FAILED))).status == "wait"
    assert (await world.service.send(world.request(NoticeKind.FAILED, hurry=True))).status == "sent"


@pytest.mark.parametrize("refusal", [Failed("400", "bad address"), Suppressed("21610", "STOP")])
async def test_a_refused_message_goes_by_the_other_channel(world: NoticeWorld, refusal: Failed | Suppressed) -> None:
    world.sms.script = [refusal]
    result = await world.service.send(world.request(NoticeKind.REMINDER))
    assert (result.status, result.channels) == ("sent", ("email",))
    async with world.work() as work:
        by_channel = {one.channel: one for one in await work.notices.of(world.account.account_id)}
    assert by_channel["sms"].status is NoticeStatus.FAILED
    assert by_channel["email"].fallback_of == by_channel["sms"].notice_id


async def test_a_notice_that_reaches_nobody_has_failed(world: NoticeWorld) -> None:
    world.sms.script, world.email.script = [Failed("21211", "no number")], [Failed("400", "no address")]
    result = await world.service.send(world.request(NoticeKind.REMINDER))
    assert result.status == "failed"
    assert "21211" in result.explanation


async def test_an_unknown_outcome_is_looked_up_before_anything_is_sent_again(world: NoticeWorld) -> None:
    world.email.script, world.email.log = [Unknown("no answer")], [Accepted("abc")]
    result = await world.service.send(world.request())
    assert result.status == "sent"
    assert len(world.email.sent) == 1
    async with world.work() as work:
        (notice,) = await work.notices.of(world.account.account_id)
    assert (notice.vendor_reference, notice.possible_duplicate) == ("abc", False)


async def test_what_the_log_does_not_show_is_sent_again_later_and_marked(world: NoticeWorld) -> None:
    world.email.script = [Unknown("no answer")]
    with pytest.raises(NoticeOutcomeUnknown):
        await world.service.send(world.request())
    with pytest.raises(NoticeInFlight):  # for a minute the vendor's log or callback may still tell
        await world.service.send(world.request())
    await the_minute_is_over(world)
    assert (await world.service.send(world.request())).status == "sent"
    assert (len(world.email.sent), world.email.looked_up) == (2, 2)
    async with world.work() as work:
        (notice,) = await work.notices.of(world.account.account_id)
        events = [one.event for one in await work.notices.evidence(world.account.account_id)]
    assert notice.possible_duplicate
    assert events == ["asked", "unknown", "asked_again", "accepted"]


async def test_a_busy_vendor_took_nothing_so_the_next_try_is_the_first(world: NoticeWorld) -> None:
    world.email.script = [VendorBusy("sendgrid", 1)]
    with pytest.raises(VendorBusy):
        await world.service.send(world.request())
    assert (await world.service.send(world.request())).status == "sent"
    async with world.work() as work:
        (notice,) = await work.notices.of(world.account.account_id)
    assert not notice.possible_duplicate
    assert world.email.looked_up == 0


async def test_an_account_chooses_its_channels(world: NoticeWorld) -> None:
    async with world.work() as work:
        choice = {"notice_channels": {"ready": ["sms", "email"], "default": "email"}}
        await work.accounts.change(world.account.account_id, choice)
        await work.commit()
    assert (await world.service.send(world.request())).channels == ("sms", "email")
    assert (await world.service.send(world.request(NoticeKind.REMINDER))).channels == ("email",)
    assert world.sms.sent[0].to == "+31612345678"


async def the_minute_is_over(world: NoticeWorld) -> None:
    async with world.work() as work:
        for notice in await work.notices.of(world.account.account_id):
            await work.notices.release(notice.account_id, notice.notice_id)
        await work.commit()


def test_the_day_of_these_tests_is_a_working_day() -> None:
    assert A_MONDAY_MORNING.weekday() == 0


async def test_many_at_once_do_not_wait_for_each_others_connections(database_url: str) -> None:
    """The pay address is read in a unit of work of its own, so no delivery may hold a connection meanwhile."""
    engine = make_engine(database_url, pool_size=1)
    world = await a_notice_world(engine, reads_paylink_from_database=True)
    requests = [world.request(subject=f"inv_{number}") for number in range(2000, 2012)]
    results = await asyncio.wait_for(asyncio.gather(*(world.service.send(one) for one in requests)), 20)
    await engine.dispose()
    assert {one.status for one in results} == {"sent"}


async def test_a_customer_in_a_country_without_a_calendar_is_reached(world: NoticeWorld) -> None:
    async with world.work() as work:
        await work.accounts.change(world.account.account_id, {"country": "XX"})
        await work.commit()
    assert (await world.service.send(world.request())).status == "sent"


async def test_the_invoice_is_attached_to_the_ready_mail_unless_the_brand_says_no(world: NoticeWorld) -> None:
    await world.service.send(world.request())
    (document,) = world.email.sent[0].content.attachments
    assert (document.file_name, document.content) == ("VONK-20270524-0001.pdf", b"%PDF of inv_1001")
    async with world.work() as work:
        brand = replace(await work.accounts.brand("vonk"), brand="leaf", notice_channels={"attach_invoice": False})
        await work.accounts.add_brand(brand)
        await work.accounts.change(world.account.account_id, {"brand": "leaf"})
        await work.commit()
    await world.service.send(world.request(subject="inv_1002"))
    linked = world.email.sent[1].content
    assert linked.attachments == ()
    assert "Your invoice as PDF: https://mijn.vonk.example" in linked.text
    assert "Total of this invoice: 42.10 Euro" in linked.text


async def test_each_customer_reads_their_own_language(world: NoticeWorld) -> None:
    async with world.work() as work:
        await work.accounts.change(world.account.account_id, {"locale": "de-DE"})
        await work.commit()
    await world.service.send(world.request(NoticeKind.REMINDER))
    assert "42,10 € am 8. Juni" in world.sms.sent[0].content.text
