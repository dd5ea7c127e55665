"""What holds when processes do it at once: codes, links, tries, the last administrator; and when sessions end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.persistence.session_store import SqlSessionStore
from billing.persistence.tries import SqlTries
from billing.persistence.unit_of_work import make_engine
from billing.persistence.user_store import SqlUserStore
from billing.ports.users import ACTIVE, DISABLED, INVITATION, OPEN, Link, NewSession, NewUser, User, UserFilter

NOW = datetime(2027, 2, 1, 12, tzinfo=UTC)
AT_ONCE = 8


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    made = make_engine(database_url)
    yield made
    await made.dispose()


@pytest.fixture
async def users(engine: AsyncEngine) -> SqlUserStore:
    return SqlUserStore(engine)


async def a_user(users: SqlUserStore, email: str = "sanne@vonk.example", role: str = "admin") -> User:
    added = await users.add(NewUser(email, "Sanne", role, ACTIVE, NOW, "admin"))
    assert added is not None
    return added


def a_session(user: User, word: str, started_at: datetime = NOW) -> NewSession:
    ends = started_at + timedelta(hours=12)
    return NewSession(word, user.user_id, "", "password", OPEN, started_at, ends, "192.0.2.7", "Firefox")


async def test_an_address_is_one_user(users: SqlUserStore) -> None:
    await a_user(users)
    assert await users.add(NewUser("sanne@vonk.example", "Another", "viewer", ACTIVE, NOW, "admin")) is None
    assert [one.name for one in await users.find(UserFilter())] == ["Sanne"]


async def test_users_are_found_by_parts_of_their_name_without_wildcards(users: SqlUserStore) -> None:
    await a_user(users)
    for sought, number in (("ANNE", 1), ("vonk", 1), ("%", 0), ("_", 0), ("robin", 0)):
        assert (sought, len(await users.find(UserFilter(sought)))) == (sought, number)


async def test_a_code_is_taken_once_and_no_older_one_after_it(users: SqlUserStore) -> None:
    user = await a_user(users)
    taken = await asyncio.gather(*(users.take_step(user.user_id, 100) for _ in range(AT_ONCE)))
    assert sorted(taken) == [False] * (AT_ONCE - 1) + [True]
    assert await users.take_step(user.user_id, 99) is False
    assert await users.take_step(user.user_id, 101) is True


async def test_a_recovery_code_is_taken_once(users: SqlUserStore) -> None:
    user = await a_user(users)
    await users.replace_codes(user.user_id, ["one", "two"])
    taken = await asyncio.gather(*(users.take_code(user.user_id, "one", NOW) for _ in range(AT_ONCE)))
    assert sorted(taken) == [False] * (AT_ONCE - 1) + [True]
    assert await users.codes_left(user.user_id) == 1
    await users.replace_codes(user.user_id, [])
    assert await users.take_code(user.user_id, "two", NOW) is False


async def test_a_link_is_used_once_before_it_is_over(users: SqlUserStore) -> None:
    user = await a_user(users)
    ends = NOW + timedelta(hours=2)
    await users.add_link(Link("first", user.user_id, INVITATION, NOW, "admin", ends))
    await users.add_link(Link("word", user.user_id, INVITATION, NOW, "admin", ends))
    values = {"password_hash": "hash"}
    assert await users.use_link("first", NOW, values) is None  # a later one ended it
    assert await users.use_link("word", ends, values) is None
    used = await asyncio.gather(*(users.use_link("word", NOW, values) for _ in range(AT_ONCE)))
    assert [one for one in used if one] == [user.user_id]


async def test_two_administrators_cannot_take_each_others_role_at_once(users: SqlUserStore) -> None:
    admins = [await a_user(users, f"admin{number}@vonk.example") for number in range(4)]
    changes = [users.change_keeping_an_admin(one.user_id, {"role": "viewer"}) for one in admins]
    assert sorted(await asyncio.gather(*changes)) == [False, True, True, True]
    left = [one for one in await users.find(UserFilter(role="admin")) if one.status == ACTIVE]
    assert len(left) == 1
    assert await users.change_keeping_an_admin(left[0].user_id, {"status": DISABLED}) is False
    assert await users.change_keeping_an_admin(left[0].user_id, {"name": "Still there"}) is True


async def test_sessions_end_by_idling_by_age_and_by_hand(engine: AsyncEngine, users: SqlUserStore) -> None:
    sessions, user = SqlSessionStore(engine), await a_user(users)
    first = await sessions.add(a_session(user, "first"))
    hour_ago = timedelta(hours=1)
    assert await sessions.find("first", NOW, NOW - hour_ago) is not None
    later = NOW + timedelta(minutes=61)
    assert await sessions.find("first", later, later - hour_ago) is None
    await sessions.seen(first.session_id, later)
    assert await sessions.find("first", later, later - hour_ago) is not None
    old = NOW + timedelta(hours=12)
    await sessions.seen(first.session_id, old)
    assert await sessions.find("first", old, old - hour_ago) is None


async def test_all_sessions_of_a_user_end_but_the_one_that_asks(engine: AsyncEngine, users: SqlUserStore) -> None:
    sessions, user = SqlSessionStore(engine), await a_user(users)
    other = await a_user(users, "robin@vonk.example")
    made = [await sessions.add(a_session(user, word)) for word in ("one", "two", "three")]
    await sessions.add(a_session(other, "others"))
    assert await sessions.end_of_user(user.user_id, NOW, but=made[1].session_id) == 2
    left = await sessions.of_user(user.user_id, NOW, NOW - timedelta(hours=1))
    assert [one.session_id for one in left] == [made[1].session_id]
    assert await sessions.find("others", NOW, NOW - timedelta(hours=1)) is not None


async def test_tries_are_counted_by_all_processes_together(engine: AsyncEngine) -> None:
    processes = [SqlTries(engine), SqlTries(engine)]
    tried = [processes[number % 2].count("5 per 10 minutes", "person", "sanne") for number in range(12)]
    assert sum(await asyncio.gather(*tried)) == 5
    assert await processes[0].is_over("5 per 10 minutes", "person", "sanne")
    assert not await processes[0].is_over("5 per 10 minutes", "person", "robin")
    await processes[1].forget("5 per 10 minutes", "person", "sanne")
    assert await processes[0].count("5 per 10 minutes", "person", "sanne")
