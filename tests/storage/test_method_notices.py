"""What customers are told about their methods: a mandate is confirmed, a card expires; and what banks change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from billing.messages.notices import NoticeKind, NoticeRequest, NoticeResult
from billing.messages.payments import PaymentStatus
from billing.ports.payments import PaymentMethod
from billing.services.method_links import MethodLinks
from billing.services.method_notices import MethodNotices, MethodWords
from billing.services.notice_composing import Composer
from billing.services.notice_delivery import NoticeDelivery
from billing.services.notice_rounds import SomeNoticesFailed
from billing.services.notices import NoticeService
from tests.builders_collection import CollectionWorld, a_collection
from tests.builders_notices import ScriptedMessenger
from tests.builders_payments import PAY_BASE, SIGNING_KEY
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@dataclass
class Told:
    """A customer, the upkeep of notices about methods, and what was sent."""

    world: CollectionWorld
    upkeep: MethodNotices
    mails: ScriptedMessenger

    @property
    def texts(self) -> list[str]:
        return [message.content.text for message in self.mails.sent]

    async def a_card(self, month: int, year: int, *, test_id: str = "pm_card_visa") -> PaymentMethod:
        """A card in use that expires at the end of a month."""
        card = await self.world.till.a_card(test_id)
        await self.bank_changes(card, exp_month=month, exp_year=year)
        return card

    async def bank_changes(self, card: PaymentMethod, **changes: Any) -> None:
        """The bank sends a new card, and we hear of it."""
        till = self.world.till
        await till.control("POST", f"/payment-methods/{card.provider_method}/update", changes)
        await till.methods.refresh(till.account_id, card.method_id)


@pytest.fixture
async def told(database_url: str, faulty: Simulator) -> AsyncIterator[Told]:
    async with a_collection(database_url, faulty) as world:
        till, mails = world.till, ScriptedMessenger("sendgrid")
        words = MethodWords(till.work, MethodLinks(till.work, (SIGNING_KEY,), PAY_BASE).paylink_for)
        composer = Composer(till.paylinks.paylink_for, method_words=words)
        messengers: Any = {"email": mails, "sms": ScriptedMessenger("twilio")}
        delivery = NoticeDelivery(till.work, till.clock, messengers, composer)
        notices = NoticeService(till.work, till.clock, delivery)
        yield Told(world, MethodNotices(till.work, till.clock, notices, ahead_days=28), mails)


async def test_a_new_mandate_is_confirmed_once_with_reference_creditor_and_notice_period(told: Told) -> None:
    account = await told.world.till.a_bank_account()
    assert await told.upkeep.send_due() == 1
    assert await told.upkeep.send_due() == 0
    (text,) = told.texts
    async with told.world.till.work() as work:
        mandate = await work.payments.mandate(account.account_id, account.method_id)
    assert mandate is not None
    assert f"Mandate reference: {mandate.reference}. We tell you amount and date at least 14 days before" in text
    assert f"{PAY_BASE}/methods/" in text
    assert mandate.confirmed_at == told.world.till.clock.now()
    (entry,) = await told.world.timeline("mandate_confirmed")
    assert entry.reason["mandate"] == mandate.reference


async def test_a_confirmation_waits_for_the_morning_and_is_not_sent_twice(told: Told) -> None:
    await told.world.till.a_bank_account()
    told.world.till.clock.at = datetime(2027, 6, 8, 20, 30, tzinfo=UTC)
    assert await told.upkeep.send_due() == 1
    assert told.texts == []
    assert await told.upkeep.send_due() == 0
    async with told.world.till.work() as work:
        (kept,) = await work.notices.of(told.world.account_id)
    assert (kept.kind, kept.status, kept.send_after) == (
        NoticeKind.MANDATE_CONFIRMED,
        "waiting",
        datetime(2027, 6, 9, 7, tzinfo=UTC),
    )


async def test_a_mandate_nobody_can_be_told_of_is_written_down(told: Told) -> None:
    await told.world.till.a_bank_account()
    async with told.world.till.work() as work:
        await work.accounts.change(told.world.account_id, {"email": "", "mobile": ""})
        await work.commit()
    assert await told.upkeep.send_due() == 0
    (entry,) = await told.world.timeline("mandate_confirmed")
    assert "could not be confirmed" in entry.summary
    assert await told.upkeep.send_due() == 0


async def test_a_card_is_told_four_weeks_before_it_expires_once_per_card_and_last_day(told: Told) -> None:
    card = await told.a_card(6, 2027)
    told.world.till.clock.at = datetime(2027, 6, 1, 9, tzinfo=UTC)
    assert await told.upkeep.send_due() == 0  # twenty-nine days ahead
    told.world.till.clock.at = datetime(2027, 6, 2, 9, tzinfo=UTC)
    assert await told.upkeep.send_due() == 1
    assert await told.upkeep.send_due() == 0
    (text,) = told.texts
    assert "Your card ending in 4242 expires on the 30th of June." in text
    assert f"{PAY_BASE}/methods/" in text
    (entry,) = await told.world.timeline("card_expiring")
    assert entry.reason["told_on"] == "2027-06-02"
    await told.bank_changes(card, exp_month=6, exp_year=2030)
    told.world.till.clock.at = datetime(2030, 6, 10, 9, tzinfo=UTC)
    assert await told.upkeep.send_due() == 1


async def test_only_the_card_in_use_is_told_of_and_one_that_has_ended_is_not(told: Told) -> None:
    await told.a_card(6, 2027)
    told.world.till.clock.at = datetime(2027, 6, 10, 9, tzinfo=UTC)
    await told.a_card(12, 2029)
    assert await told.upkeep.send_due() == 0
    await told.a_card(5, 2027)
    assert await told.upkeep.send_due() == 0


async def test_a_card_the_bank_renewed_by_itself_is_debited_after_its_old_last_day(told: Told) -> None:
    card = await told.a_card(6, 2027)
    await told.bank_changes(card, exp_month=9, exp_year=2031, last4="1881")
    (_, changed) = await told.world.timeline("method_updated")
    assert changed.reason["changed"] == {
        "last_four": ["4242", "1881"],
        "expires_on": ["2027-06-30", "2031-09-30"],
    }
    told.world.till.clock.at = datetime(2027, 8, 3, 9, tzinfo=UTC)
    result = await told.world.debit(await told.world.till.an_announced_invoice(4210))
    assert result.status == PaymentStatus.SUCCEEDED
    async with told.world.till.work() as work:
        kept = await work.payments.method(card.account_id, card.method_id)
    assert (kept.provider_method, kept.expires_on) == (card.provider_method, date(2031, 9, 30))


async def test_hearing_of_a_change_again_writes_nothing_more(told: Told) -> None:
    card = await told.a_card(6, 2029)
    for _ in range(2):
        await told.world.till.methods.refresh(card.account_id, card.method_id)
    assert len(await told.world.timeline("method_updated")) == 1


async def test_each_time_the_bank_wants_the_customer_is_counted_on_the_timeline(told: Told) -> None:
    world = told.world
    card = await world.till.a_card()
    await world.script(card, "authentication_required", "authentication_required")
    for _ in range(2):
        result = await world.debit(await world.till.an_announced_invoice(4210))
        assert result.status == PaymentStatus.ACTION_REQUIRED
        world.pass_days(1)
    entries = await world.timeline("payment_action_required")
    assert [one.reason["times"] for one in entries] == [1, 2]
    assert entries[0].reason["rule"] == "authentication off session: paylink at once, no retry"


async def test_one_notice_that_fails_keeps_no_other_waiting(told: Told) -> None:
    await told.world.till.a_bank_account()
    await told.a_card(6, 2027)
    told.world.till.clock.at = datetime(2027, 6, 10, 9, tzinfo=UTC)
    sent: list[NoticeRequest] = []

    class Broken:
        async def send(self, request: NoticeRequest) -> NoticeResult:
            sent.append(request)
            if request.kind is NoticeKind.MANDATE_CONFIRMED:
                raise TimeoutError("the vendor is away")
            return NoticeResult("sent")

    upkeep = MethodNotices(told.world.till.work, told.world.till.clock, Broken(), ahead_days=28)
    with pytest.raises(SomeNoticesFailed, match="1 of 2 failed"):
        await upkeep.send_due()
    assert [one.kind for one in sent] == [NoticeKind.MANDATE_CONFIRMED, NoticeKind.CARD_EXPIRING]
    assert (await told.world.timeline("card_expiring"))[0].at - timedelta(0)
