"""Limits: told once when usage passes them, stopping what they cover, raised at once and lowered later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from billing.domain.errors import InvalidValue, UnableTo
from billing.domain.limits import LimitState
from billing.persistence.unit_of_work import make_engine
from billing.services.limit_checks import MOST_LIMITS
from billing.services.usage_counting import FEW_ACCOUNTS
from tests.builders import a_service, an_account
from tests.builders_limits import MB, LimitsWorld, a_limits_world
from tests.builders_usage import a_customer, an_event

CAP = "hard:amount:account:all"
NEXT_CYCLE = datetime(2027, 2, 15, 12, tzinfo=UTC)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[LimitsWorld]:
    engine = make_engine(database_url)
    yield await a_limits_world(engine, tmp_path)
    await engine.dispose()


async def test_a_cap_is_told_at_80_percent_and_stops_at_100(world: LimitsWorld) -> None:
    await world.sets(1000)
    for euros, expected in ((7, []), (1, [("usage_80", 800, False)]), (1, []), (1, [("usage_stopped", 1000, True)])):
        before = world.told()
        await world.uses(quantity=100 * euros * MB)
        assert world.told() == [*before, *expected]
    await world.uses(quantity=900 * MB)
    assert len(world.told()) == 2, "each percent is told once"


async def test_of_several_percents_passed_at_once_the_highest_is_told(world: LimitsWorld) -> None:
    await world.sets(1000)
    await world.uses(quantity=5000 * MB)
    assert world.told() == [("usage_stopped", 5000, True)]
    kinds = [one.kind for one in await world.timeline()]
    assert kinds.count("usage.limit_crossed") == 2


async def test_a_soft_limit_tells_and_does_not_stop(world: LimitsWorld) -> None:
    await world.sets(2 * MB, kind="soft", measure="quantity", meter="data")
    await world.uses(quantity=2 * MB)
    assert world.told() == [("usage_100", 0, False)]
    assert (await world.review(1)).orders == ()
    view = await world.limit("soft:quantity:account:data")
    assert (view.use.state, view.use.left) == (LimitState.REACHED, 0)


async def test_a_limit_of_one_meter_leaves_the_others_alone(world: LimitsWorld) -> None:
    await world.sets(10, measure="quantity", meter="sms")
    await world.uses(quantity=900 * MB)
    assert world.told() == []
    await world.uses("sms", 10)
    assert world.told() == [("usage_stopped", 0, True)]


async def test_two_writers_together_cross_a_cap_that_neither_crosses_alone(world: LimitsWorld) -> None:
    await world.sets(1000)
    await asyncio.gather(world.uses(quantity=500 * MB), world.uses(quantity=500 * MB))
    assert world.told()[-1] == ("usage_stopped", 1000, True)
    assert [notice for notice, _, _ in world.told()].count("usage_stopped") == 1


async def test_a_cap_is_found_when_a_large_batch_is_counted(world: LimitsWorld) -> None:
    async with world.usage.work() as work:
        for number in range(FEW_ACCOUNTS):
            await a_customer(work, number=f"B{number}", identifier=f"+3162{number:07}")
        await work.commit()
    await world.sets(1000)
    events = [an_event(meter="sms", quantity=1, identifier=f"+3162{number:07}") for number in range(FEW_ACCOUNTS)]
    await world.usage.service.take([*events, an_event(meter="sms", quantity=200)])
    assert world.told() == []
    await world.usage.service.counting.count_all()
    assert world.told() == [("usage_stopped", 1000, True)]


# Raising and lowering ------------------------------------------------------------------------------------------------


async def test_raising_works_at_once_and_lowering_from_the_next_cycle(world: LimitsWorld) -> None:
    await world.sets(1000)
    assert (await world.sets(2000)).from_cycle == 1
    lowered = await world.sets(500)
    assert (lowered.from_cycle, "from cycle 2 on" in lowered.summary) == (2, True)
    view = await world.limit(CAP)
    assert view.coming is not None
    assert (view.use.limit.value, view.coming.value, view.coming.from_cycle) == (2000, 500, 2)
    world.usage.clock.at = NEXT_CYCLE
    view = await world.limit(CAP)
    assert (view.use.limit.value, view.coming) == (500, None)


async def test_a_raise_overtakes_a_lowering_that_waits(world: LimitsWorld) -> None:
    for value in (1000, 500, 3000):
        await world.sets(value)
    view = await world.limit(CAP)
    assert (view.use.limit.value, view.coming) == (3000, None)
    world.usage.clock.at = NEXT_CYCLE
    assert (await world.limit(CAP)).use.limit.value == 3000


async def test_what_was_passed_before_a_raise_is_not_told_again(world: LimitsWorld) -> None:
    await world.sets(1000)
    await world.uses(quantity=1000 * MB)
    await world.sets(1200)
    await world.uses(quantity=10 * MB)
    assert [notice for notice, _, _ in world.told()] == ["usage_stopped"]
    await world.uses(quantity=190 * MB)
    assert world.told()[-1] == ("usage_stopped", 1200, True)


async def test_a_first_cap_below_what_is_used_stops_at_once(world: LimitsWorld) -> None:
    await world.uses(quantity=1500 * MB)
    await world.sets(1000)
    assert world.told() == [("usage_stopped", 1500, True)]
    (order,) = (await world.review(1)).orders
    assert order.level == "stop:*"


async def test_the_next_cycle_begins_from_nothing(world: LimitsWorld) -> None:
    await world.sets(1000)
    await world.uses(quantity=1000 * MB)
    assert (await world.review(1)).look_again_at == world.usage.clock.at + timedelta(days=1)
    world.usage.clock.at = datetime(2027, 2, 14, 22, tzinfo=UTC)
    assert (await world.review(1)).look_again_at == datetime(2027, 2, 14, 23, tzinfo=UTC)
    world.usage.clock.at = NEXT_CYCLE
    review = await world.review(2)
    assert ([order.level for order in review.orders], review.look_again_at) == (["stop:"], None)
    await world.uses(quantity=1000 * MB, started_at=NEXT_CYCLE.isoformat())
    assert [stops for _, _, stops in world.told()] == [True, True]


async def test_usage_that_comes_after_the_cycle_is_over_stops_nothing(world: LimitsWorld) -> None:
    await world.sets(1000)
    world.usage.clock.at = NEXT_CYCLE
    await world.uses(quantity=2000 * MB)
    assert world.told() == []


async def test_a_command_counts_once(world: LimitsWorld) -> None:
    first = await world.sets(1000, command_id="one")
    assert await world.sets(1000, command_id="one") == first
    entries = [one for one in await world.timeline() if one.kind == "set_usage_limit"]
    assert [(one.actor, one.reason["reason"]) for one in entries] == [("the agent", "asked by telephone")]


async def test_a_removed_cap_is_gone_and_usage_goes_on(world: LimitsWorld) -> None:
    await world.sets(1000)
    await world.uses(quantity=1000 * MB)
    assert [order.level for order in (await world.review(1)).orders] == ["stop:*"]
    await world.sets(None)
    assert [view.use.limit.by_policy for view in await world.shown()] == [True], "only the brand's own is left"
    assert [order.level for order in (await world.review(2)).orders] == ["stop:"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "firm"}, "kind"),
        ({"measure": "pages"}, "measure"),
        ({"asked_by": "a friend"}, "asked_by"),
        ({"measure": "quantity"}, "meter"),
        ({"meter": "pages"}, "meter"),
        ({"service_id": "svc_1"}, "service_id"),
        ({"value": -1}, "value"),
        ({"roaming": True}, "service_id"),
        ({"roaming": True, "kind": "soft"}, "roaming"),
        ({"reason": " "}, "reason"),
    ],
)
async def test_a_limit_that_cannot_hold_is_refused_by_its_field(
    world: LimitsWorld, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidValue) as refused:
        await world.sets(**({"value": 1000} | changes))
    assert refused.value.field == field
    assert refused.value.remedy


async def test_an_account_has_a_bounded_number_of_limits(world: LimitsWorld) -> None:
    async with world.usage.work() as work:
        for number in range(MOST_LIMITS):
            values = {"kind": "soft", "measure": "amount", "service_id": None, "meter": f"m{number}", "roaming": False}
            more = {"value": 1, "from_cycle": 1, "set_at": world.usage.clock.at, "asked_by": "customer"}
            said = {"account_id": world.usage.account_id, "author": "a", "reason": "b"}
            await work.limits.add_change(values | more | said)
        await work.commit()
    with pytest.raises(UnableTo, match="at most"):
        await world.sets(1000)


# What the network is told --------------------------------------------------------------------------------------------


async def test_a_review_writes_one_order_and_a_repeat_answers_it_again(world: LimitsWorld) -> None:
    await world.sets(1000, meter="data", service_id=world.usage.service_id)
    await world.uses(quantity=1000 * MB)
    review = await world.review(7)
    (order,) = review.orders
    assert (order.order_id, order.level, order.service_ids) == ("limit-7", "stop:data", (world.usage.service_id,))
    assert await world.review(7) == review
    assert (await world.review(8)).orders == (), "the network was told"


async def test_a_cap_of_the_account_stops_each_of_its_services(world: LimitsWorld) -> None:
    async with world.usage.work() as work:
        second = await work.accounts.add_service(a_service(world.usage.account_id, identifier="+31687654321"))
        await work.commit()
    await world.sets(1000)
    await world.uses(quantity=1000 * MB)
    (order,) = (await world.review(1)).orders
    assert order.service_ids == (world.usage.service_id, second.service_id)


async def test_usage_that_was_taken_back_lets_go_on_what_it_stopped(world: LimitsWorld) -> None:
    await world.sets(1000)
    await world.uses(quantity=1000 * MB)
    assert [order.level for order in (await world.review(1)).orders] == ["stop:*"]
    async with world.usage.work() as work:
        await work.connection.execute(text("UPDATE usage_counters SET quantity = 1, amount = 0"))
        await work.commit()
    review = await world.review(2)
    assert ([order.level for order in review.orders], review.look_again_at) == (["stop:"], None)


async def test_a_line_that_is_added_while_all_is_stopped_is_stopped_too(world: LimitsWorld) -> None:
    await world.sets(1000)
    await world.uses(quantity=1000 * MB)
    await world.review(1)
    async with world.usage.work() as work:
        second = await work.accounts.add_service(a_service(world.usage.account_id, identifier="+31687654321"))
        await work.commit()
    (order,) = (await world.review(2)).orders
    assert (order.level, order.service_ids) == ("stop:*", (second.service_id,))


# Data abroad ---------------------------------------------------------------------------------------------------------


async def test_data_abroad_stops_at_50_euro_until_the_customer_agrees(world: LimitsWorld) -> None:
    await world.uses(quantity=5000 * MB)  # at home: not counted
    for megabytes in (39, 1, 10):
        await world.uses(quantity=megabytes * MB, visited="BE")
    assert world.told() == [("roaming_80", 4000, False), ("roaming_stopped", 5000, True)]
    assert [order.level for order in (await world.review(1)).orders] == ["stop:roaming_data"]
    await world.agrees()
    assert [order.level for order in (await world.review(2)).orders] == ["stop:"]
    (view,) = await world.shown()
    assert (view.use.state, view.use.limit.by_policy, view.change) == (LimitState.AGREED, True, None)


async def test_gone_on_beyond_the_cap_the_customer_is_told_again_at_100_euro(world: LimitsWorld) -> None:
    await world.uses(quantity=50 * MB, visited="BE")
    await world.agrees()
    await world.uses(quantity=49 * MB, visited="DE")
    assert len(world.told()) == 1
    await world.uses(quantity=1 * MB, visited="FR")
    await world.uses(quantity=1 * MB, visited="FR")
    assert world.told()[1:] == [("roaming_reminder", 10_000, False)]


async def test_who_agreed_before_the_cap_is_told_and_not_stopped(world: LimitsWorld) -> None:
    await world.uses(visited="BE")
    await world.agrees()
    await world.uses(quantity=50 * MB, visited="BE")
    assert world.told() == [("usage_100", 5100, False)]
    assert (await world.review(1)).orders == ()


async def test_an_agreement_ends_with_its_cycle(world: LimitsWorld) -> None:
    await world.agrees()
    world.usage.clock.at = NEXT_CYCLE
    await world.uses(quantity=50 * MB, visited="BE", started_at=NEXT_CYCLE.isoformat())
    assert world.told() == [("roaming_stopped", 5000, True)]


async def test_a_customer_may_choose_another_cap_abroad_or_none(world: LimitsWorld) -> None:
    line = world.usage.service_id
    assert (await world.sets(8000, roaming=True, service_id=line)).from_cycle == 1
    await world.uses(quantity=60 * MB, visited="BE")
    assert world.told() == []
    assert (await world.sets(2000, roaming=True, service_id=line)).from_cycle == 2
    await world.sets(None, roaming=True, service_id=line)
    await world.uses(quantity=200 * MB, visited="BE")
    assert (world.told(), await world.shown()) == ([], [])


async def test_a_business_has_no_cap_abroad_by_itself_and_nothing_to_agree_to(world: LimitsWorld) -> None:
    async with world.usage.work() as work:
        assert an_account()["customer_kind"] == "consumer"
        await work.accounts.change(world.usage.account_id, {"customer_kind": "business"})
        await work.commit()
    await world.uses(quantity=90 * MB, visited="BE")
    assert world.told() == []
    with pytest.raises(UnableTo, match="No cap"):
        await world.agrees()


async def test_a_brand_may_turn_its_cap_abroad_off(world: LimitsWorld) -> None:
    off = """UPDATE brands SET limit_policy = '{"roaming_data": {"enabled": false}}'"""
    async with world.usage.work() as work:
        await work.connection.execute(text(off))
        await work.commit()
    await world.uses(quantity=90 * MB, visited="BE")
    assert (world.told(), await world.shown()) == ([], [])
