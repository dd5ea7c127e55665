"""A warning counts as delivered by one definition: what dunning bars on is what the rules of the books accept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from billing.domain.dunning_policy import STANDARD
from billing.messages.notices import NoticeKind
from billing.persistence.invariants import check_books
from billing.ports.messenger import EMAIL, SMS
from billing.ports.notices import NewNotice, NoticeKey, NoticeStatus
from billing.services.dunning_facts import read_view
from tests.builders_dunning import DebtWorld, a_debt_world

LEFT = timedelta(0)
HOURS_23, DAY, DAYS_3, DAYS_4 = (timedelta(hours=hours) for hours in (23, 24, 72, 96))
ACCEPTED, DELIVERED, FAILED = NoticeStatus.ACCEPTED, NoticeStatus.DELIVERED, NoticeStatus.FAILED


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DebtWorld]:
    async with a_debt_world(database_url) as made:
        yield made


async def _warn(world: DebtWorld, case_id: str, channel: str, status: NoticeStatus, **after: timedelta) -> None:
    """A warning taken by the vendor now; ``after`` says how long afterwards what happened to it."""
    left = world.clock.at
    values: dict[str, Any] = {name: left + delay for name, delay in after.items()}
    async with world.work() as work:
        key = NoticeKey(world.account_id, case_id, NoticeKind.BARRING_WARNING, "first", channel)
        notice = await work.notices.add(NewNotice(key, status, "somebody", "en", left))
        assert notice is not None
        await work.notices.change(world.account_id, notice.notice_id, {"status": status, "accepted_at": left} | values)
        await work.commit()


async def _counts_for_dunning(world: DebtWorld, case_id: str) -> bool:
    async with world.work() as work:
        case = await work.dunning.case(world.account_id, case_id)
        view = await read_view(work, world.account, case, STANDARD, world.clock.at)
    return view.facts.warning_delivered_at is not None


async def _is_fair_for_the_books(world: DebtWorld) -> bool:
    findings = await check_books(world.engine)
    return not next(one for one in findings if one.invariant.name == "no unfair bar").violations


@pytest.mark.parametrize(
    ("channel", "status", "after", "barred_after", "is_delivered"),
    [
        (EMAIL, DELIVERED, {"delivered_at": LEFT}, HOURS_23, True),
        (SMS, DELIVERED, {"delivered_at": LEFT}, HOURS_23, True),
        (EMAIL, ACCEPTED, {}, HOURS_23, False),
        (EMAIL, ACCEPTED, {}, DAY, True),
        (SMS, ACCEPTED, {}, DAYS_3, False),
        (EMAIL, FAILED, {"failed_at": HOURS_23}, DAYS_3, False),
        (SMS, FAILED, {"failed_at": HOURS_23}, DAYS_3, False),
    ],
)
async def test_dunning_and_the_books_agree_on_what_is_delivered(
    world: DebtWorld,
    channel: str,
    status: NoticeStatus,
    after: dict[str, timedelta],
    barred_after: timedelta,
    is_delivered: bool,
) -> None:
    case = await world.open_case(await world.an_invoice(), attempt="a-1")
    await _warn(world, case.case_id, channel, status, **after)
    world.clock.at += barred_after
    assert await _counts_for_dunning(world, case.case_id) is is_delivered
    await world.bar(f"{case.case_id}-1-outgoing", "outgoing")
    assert await _is_fair_for_the_books(world) is is_delivered


async def test_a_mail_that_bounced_only_after_the_bar_had_arrived_when_it_counted(world: DebtWorld) -> None:
    case = await world.open_case(await world.an_invoice(), attempt="a-1")
    await _warn(world, case.case_id, EMAIL, FAILED, failed_at=DAYS_4)
    world.clock.at += DAYS_3
    await world.bar(f"{case.case_id}-1-outgoing", "outgoing")
    assert await _is_fair_for_the_books(world)
