"""Codes, tries and sessions in the database: one use whoever is faster, counts of all processes, and an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.domain.errors import Refusal
from billing.messages.notices import NoticeKind
from billing.persistence.unit_of_work import make_engine
from billing.ports.messenger import Failed
from billing.ports.notices import NoticeStatus
from billing.services.access_notices import AccessNotices
from billing.services.customer_access import CustomerAccess, WrongCode
from billing.services.customer_secrets import CustomerSecrets, read_contact
from billing.services.customer_sessions import KEPT, CustomerSessions
from billing.services.customer_tries import HOUR, Allowance, CustomerTries, TooManyTries
from tests.builders_notices import NoticeWorld, a_notice_world, a_paylink
from tests.builders_portal import EMAIL, RealTime

BEGUN = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)


class AccessWorld:
    """The services of one process; several may share a database."""

    def __init__(self, notices: NoticeWorld) -> None:
        self.notices, self.time, self.work = notices, RealTime(), notices.work
        secrets = CustomerSecrets("a key")
        messengers = {"email": notices.email, "sms": notices.sms}
        sender = AccessNotices(self.work, notices.clock, messengers, a_paylink)
        self.tries = CustomerTries(self.work, secrets)
        self.access = CustomerAccess(self.work, secrets, self.tries, sender, "https://x/my/link", self.time)
        self.sessions = CustomerSessions(self.work, notices.clock, secrets, self.time)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def world(engine: AsyncEngine) -> AccessWorld:
    return AccessWorld(await a_notice_world(engine))


async def test_of_many_who_enter_the_right_code_at_once_one_gets_in(world: AccessWorld) -> None:
    asked = await world.access.ask(EMAIL, "192.0.2.1")
    assert await world.access.deliver(asked)
    tries = [world.access.check(asked.request_id, asked.code, "192.0.2.1") for _ in range(4)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert [one for one in answers if not isinstance(one, Exception)] == [(world.notices.account.account_id,)]
    assert len([one for one in answers if isinstance(one, WrongCode)]) == 3


async def test_many_guesses_at_once_are_no_more_than_five(world: AccessWorld) -> None:
    asked = await world.access.ask(EMAIL, "192.0.2.1")
    await world.access.deliver(asked)
    guesses = [f"{(int(asked.code) + place) % 10**6:06}" for place in range(1, 12)]
    tries = [world.access.check(asked.request_id, guess, "192.0.2.1") for guess in guesses]
    assert all(isinstance(one, WrongCode) for one in await asyncio.gather(*tries, return_exceptions=True))
    async with world.work() as work:
        (counted,) = (await work.connection.execute(text("SELECT tries FROM customer_sign_ins"))).scalars()
    assert counted == 5
    with pytest.raises(WrongCode):
        await world.access.check(asked.request_id, asked.code, "192.0.2.1")


async def test_a_link_uses_the_code_up_and_the_code_the_link(world: AccessWorld) -> None:
    by_link = await world.access.ask(EMAIL, "192.0.2.1")
    await world.access.deliver(by_link)
    assert await world.access.open_link(by_link.link, "192.0.2.1")
    with pytest.raises(WrongCode):
        await world.access.check(by_link.request_id, by_link.code, "192.0.2.1")
    by_code = await world.access.ask(EMAIL, "192.0.2.1")
    await world.access.deliver(by_code)
    assert await world.access.check(by_code.request_id, by_code.code, "192.0.2.1")
    with pytest.raises(WrongCode):
        await world.access.open_link(by_code.link, "192.0.2.1")


async def test_a_strangers_right_code_opens_nothing(world: AccessWorld) -> None:
    asked = await world.access.ask("nobody@example.com", "192.0.2.1")
    assert not await world.access.deliver(asked)
    with pytest.raises(Refusal):
        await world.access.check(asked.request_id, asked.code, "192.0.2.1")
    with pytest.raises(Refusal):
        await world.access.open_link(asked.link, "192.0.2.1")


async def test_tries_are_counted_together_and_begin_anew_with_the_window(engine: AsyncEngine) -> None:
    notices = await a_notice_world(engine)
    processes = [AccessWorld(notices).tries for _ in range(2)]
    allowed = Allowance("test", 3, HOUR)
    tries = [processes[place % 2].count(allowed, "somebody", BEGUN) for place in range(5)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert len([one for one in answers if isinstance(one, TooManyTries)]) == 2
    await processes[0].count(allowed, "somebody else", BEGUN)
    await processes[0].count(allowed, "somebody", BEGUN + HOUR)


async def test_contacts_and_addresses_are_kept_only_as_hashes(world: AccessWorld) -> None:
    await world.access.ask("secret@example.com", "192.0.2.77")
    async with world.work() as work:
        tables = ("customer_sign_ins", "customer_tries")
        rows = [str((await work.connection.execute(text(f"SELECT * FROM {name}"))).all()) for name in tables]
    assert not [found for found in rows if "secret@" in found or "192.0.2.77" in found]


async def test_old_rows_are_forgotten_when_somebody_signs_in(world: AccessWorld) -> None:
    account_id = world.notices.account.account_id
    await world.access.ask(EMAIL, "192.0.2.1")
    old = await world.sessions.begin([account_id], "code")
    world.time.at += KEPT + timedelta(days=2)
    await world.sessions.begin([account_id], "code")
    assert await world.sessions.of(old) is None
    async with world.work() as work:
        counts = [
            (await work.connection.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one()
            for name in ("customer_sign_ins", "customer_tries", "customer_sessions")
        ]
    assert counts == [0, 0, 1]


async def test_a_code_that_bounces_is_not_sent_elsewhere_or_again(world: AccessWorld) -> None:
    world.notices.email.script = [Failed("550", "no such mailbox")]
    await world.access.deliver(await world.access.ask(EMAIL, "192.0.2.1"))
    async with world.work() as work:
        (notice,) = await work.notices.of(world.notices.account.account_id)
    assert (notice.kind, notice.status) == (NoticeKind.SIGN_IN_CODE, NoticeStatus.FAILED)
    assert await world.notices.service.fall_back(notice) is None
    async with world.work() as work:
        await work.notices.change(notice.account_id, notice.notice_id, {"status": NoticeStatus.UNKNOWN})
        await work.commit()
    world.notices.clock.at += timedelta(days=1)
    assert await world.notices.service.send_waiting() == 0
    assert (len(world.notices.email.sent), world.notices.sms.sent) == (1, [])


async def test_who_wants_fewer_messages_still_gets_what_must_be_known(world: AccessWorld) -> None:
    account_id = world.notices.account.account_id
    async with world.work() as work:
        await work.accounts.change(account_id, {"quiet_notices": ["thank_you", "failed"]})
        await work.commit()
    left_out = await world.notices.service.send(world.notices.request(NoticeKind.THANK_YOU))
    told = await world.notices.service.send(world.notices.request(NoticeKind.FAILED))
    assert (left_out.status, told.status) == ("unwanted", "sent")
    assert world.notices.email.sent == []


@pytest.mark.parametrize(
    ("written", "channel", "kept"),
    [
        (" Sanne@Example.COM ", "email", "sanne@example.com"),
        ("06 12345678", "sms", "+31612345678"),
        ("+31 6-1234 5678", "sms", "+31612345678"),
        ("sanne@localhost", "", "sanne@localhost"),
        ("a b@example.com", "", "a b@example.com"),
        ("@example.com", "", "@example.com"),
        ("12", "", "12"),
        ("", "", ""),
    ],
)
def test_an_address_is_read_however_it_is_typed(written: str, channel: str, kept: str) -> None:
    contact = read_contact(written, "NL")
    assert (contact.channel, contact.address) == (channel, kept)
