"""A promise is confirmed to the customer, once, in their language, and not at night."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import update

from billing.persistence.tables import accounts
from billing.services.dunning_promises import settle_promises
from billing.services.notice_composing import Composer
from billing.services.notice_delivery import NoticeDelivery
from billing.services.notices import NoticeService
from billing.services.promise_notices import PromiseNotices
from tests.builders_arrangements import Arrangements, an_arranged_debt
from tests.builders_notices import ScriptedMessenger

PAYLINK = "https://pay.example/1"


@dataclass
class Promised:
    """A debt, upkeep's confirmations, and what the customer got."""

    debt: Arrangements
    upkeep: PromiseNotices
    notices: NoticeService
    phone: ScriptedMessenger
    letter_box: ScriptedMessenger

    async def speaks(self, locale: str, **channels: str) -> None:
        async with self.debt.world.engine.begin() as connection:
            await connection.execute(update(accounts.accounts).values(locale=locale, notice_channels=channels))


@pytest.fixture
async def promised(database_url: str) -> AsyncIterator[Promised]:
    async with an_arranged_debt(database_url) as debt:
        phone, letter_box = ScriptedMessenger("twilio"), ScriptedMessenger("sendgrid")

        async def paylink_for(account_id: str) -> str:
            return PAYLINK

        messengers: Any = {"sms": phone, "email": letter_box}
        world = debt.world
        delivery = NoticeDelivery(world.work, world.clock, messengers, Composer(paylink_for))
        notices = NoticeService(world.work, world.clock, delivery)
        yield Promised(debt, PromiseNotices(world.work, world.clock, notices), notices, phone, letter_box)


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en_GB", "your promise of 12.50 Euro by the 13th of June"),
        ("nl_NL", "je toezegging van € 12,50 voor 13 juni"),
        ("fr_BE", "votre promesse de 12,50 € pour le 13 juin"),
        ("de_DE", "Ihre Zusage über 12,50 € bis zum 13. Juni"),
        ("es_ES", "tu promesa de 12,50 € para el 13 de junio"),
    ],
)
async def test_the_customer_reads_amount_and_day_in_their_language(promised: Promised, locale: str, words: str) -> None:
    await promised.speaks(locale, promise="sms")
    await promised.debt.a_case()
    await promised.debt.promise(5, 1250)
    assert await promised.upkeep.send_due() == 1
    (message,) = promised.phone.sent
    assert words in message.content.text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert PAYLINK in message.content.text


async def test_it_is_confirmed_once_on_every_chosen_channel_and_stands_on_the_timeline(promised: Promised) -> None:
    async with promised.debt.world.engine.begin() as connection:
        await connection.execute(update(accounts.accounts).values(notice_channels={"promise": ["email", "sms"]}))
    await promised.debt.a_case()
    await promised.debt.promise(5)
    assert [await promised.upkeep.send_due() for _ in range(3)] == [1, 0, 0]
    assert (len(promised.phone.sent), len(promised.letter_box.sent)) == (1, 1)
    (entry,) = await promised.debt.world.timeline("promise_confirmed")
    assert "confirmed to the customer" in entry.summary


async def test_only_the_newest_promise_is_confirmed_and_none_that_was_kept_at_once(promised: Promised) -> None:
    _, invoice = await promised.debt.a_case()
    await promised.debt.promise(5, 500)
    await promised.debt.promise(9, 600, command_id="promise-2")
    assert await promised.upkeep.send_due() == 1
    ((message,),) = [one for one in (promised.phone.sent, promised.letter_box.sent) if one]
    assert "6" in message.content.text
    await promised.debt.promise(12, 0, command_id="promise-3")
    await promised.debt.world.pay(invoice)
    async with promised.debt.world.work() as work:
        account = await work.accounts.get(promised.debt.account_id)
        await settle_promises(work, account, promised.debt.world.clock.now())
        await work.commit()
    assert await promised.upkeep.send_due() == 0
    assert await promised.debt.outcomes() == ["replaced", "replaced", "kept"]


async def test_at_night_it_is_kept_until_the_morning(promised: Promised) -> None:
    await promised.debt.a_case()
    promised.debt.world.clock.at = promised.debt.world.clock.at.replace(hour=20)
    await promised.debt.promise(5)
    assert await promised.upkeep.send_due() == 1
    assert not promised.phone.sent + promised.letter_box.sent
    assert await promised.upkeep.send_due() == 0
    promised.debt.world.clock.pass_days(1)
    assert await promised.notices.send_waiting() == 1
    assert len(promised.phone.sent + promised.letter_box.sent) == 1
