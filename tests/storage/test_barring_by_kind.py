"""Several causes hold one service: the network is told their union, and lifting one leaves the others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.domain.errors import NotFound
from billing.messages.dunning import BarringResult, OrderCheck
from billing.ports.barring import Confirmation
from billing.services.service_restrictions import Change, RestrictionDesk
from tests.builders_dunning import DebtWorld, a_debt_world

NUMBER = "+31612345678"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DebtWorld]:
    async with a_debt_world(database_url) as made:
        yield made


async def by_hand(world: DebtWorld, order_id: str, level: str, **changes: Any) -> None:
    """An order of a person, a minute after the last one, that the network carried out."""
    world.clock.at = world.clock.at.replace(minute=world.clock.at.minute + 1)
    await world.bar(order_id, level, author="Robin", **changes)


async def dunning(world: DebtWorld, order_id: str, level: str) -> None:
    world.clock.at = world.clock.at.replace(minute=world.clock.at.minute + 1)
    await world.bar(order_id, level)


def told(world: DebtWorld) -> list[str]:
    """The levels the network was told, in order."""
    return [level for _, level, _ in world.network.orders]


async def causes(world: DebtWorld) -> dict[str, list[str]]:
    """What holds the line, by cause."""
    found: dict[str, list[str]] = {}
    async with world.work() as work:
        for one in await work.barring.held(world.account_id):
            found.setdefault(one.cause, []).append(one.kind)
    return found


async def test_paying_lifts_what_the_debt_held_and_leaves_the_lost_phone_barred(world: DebtWorld) -> None:
    await dunning(world, "case_1-1", "bars:international,premium")
    await by_hand(world, "hand-1", "bars:outgoing_calls,roaming", cause="lost_or_stolen")
    await dunning(world, "case_1-2", "none")
    union = "bars:international,outgoing_calls,premium,roaming"
    assert told(world) == ["bars:international,premium", union, "bars:international,outgoing_calls,roaming"]
    assert await world.level() == told(world)[-1]
    assert list(await causes(world)) == ["lost_or_stolen"]


async def test_two_causes_hold_one_kind_and_the_network_is_told_only_of_the_last_lifting(world: DebtWorld) -> None:
    await dunning(world, "case_1-1", "outgoing")
    await by_hand(world, "hand-1", "outgoing", cause="court")
    await dunning(world, "case_1-2", "none")
    assert (told(world), await world.level()) == (["outgoing"], "outgoing")
    await by_hand(world, "hand-2", "none", lift_causes=("court",))
    assert (told(world), await world.level()) == (["outgoing", "none"], "none")


async def test_a_person_without_a_cause_lifts_operators_and_dunning_and_nothing_else(world: DebtWorld) -> None:
    await dunning(world, "case_1-1", "bars:premium")
    await by_hand(world, "hand-1", "bars:roaming")
    await by_hand(world, "hand-2", "bars:incoming_calls", cause="fraud")
    await by_hand(world, "hand-3", "none")
    assert await causes(world) == {"fraud": ["incoming_calls"]}
    assert await world.level() == "bars:incoming_calls"


async def test_one_kind_is_lifted_and_the_rest_of_its_cause_stays(world: DebtWorld) -> None:
    await by_hand(world, "hand-1", "bars:international,premium", cause="customer")
    await by_hand(world, "hand-2", "none", lift_causes=("customer",), lift_kinds=("premium",))
    assert (await causes(world), await world.level()) == ({"customer": ["international"]}, "bars:international")


async def test_another_rate_replaces_the_rate_of_the_same_cause(world: DebtWorld) -> None:
    await by_hand(world, "hand-1", "bars:data_throttled@512")
    await by_hand(world, "hand-2", "bars:data_throttled@1024")
    assert await world.level() == "bars:data_throttled@1024"
    shown = await RestrictionDesk(world.work, world.clock).of_service(world.account_id, world.line.service_id)
    assert [one.data_kbps for one in shown.held] == [1024]
    assert [(one.data_kbps, one.lift_order_id) for one in shown.lifted] == [(512, "hand-2")]


async def test_what_holds_a_line_is_shown_with_cause_author_reason_and_order(world: DebtWorld) -> None:
    await by_hand(world, "hand-1", "bars:roaming", cause="customer", reason="asked by telephone")
    shown = await RestrictionDesk(world.work, world.clock).of_service(world.account_id, world.line.service_id)
    (held,) = shown.held
    assert (held.kind, held.cause, held.author, held.reason) == ("roaming", "customer", "Robin", "asked by telephone")
    assert (held.order_id, shown.in_step, shown.confirmed.level) == ("hand-1", True, "bars:roaming")
    assert shown.confirmed.restrictions["roaming"] == "barred"
    with pytest.raises(NotFound):
        await RestrictionDesk(world.work, world.clock).of_service(world.account_id, "svc_999")


async def test_a_line_whose_order_is_on_its_way_is_shown_as_out_of_step(world: DebtWorld) -> None:
    world.network.slow = True
    await world.barring.place_order(world.order("full", "hand-1", author="Robin"))
    shown = await RestrictionDesk(world.work, world.clock).of_service(world.account_id, world.line.service_id)
    assert (shown.in_step, shown.wanted.level, shown.confirmed.level) == (False, "full", "none")


async def test_a_preview_is_what_the_network_is_then_told(world: DebtWorld) -> None:
    desk = RestrictionDesk(world.work, world.clock)
    await dunning(world, "case_1-1", "outgoing")
    (bar,) = await desk.preview(world.account_id, Change(lifts=False, kinds=("full",), cause="fraud"))
    assert (bar.now.level, bar.then.level, bar.changes) == ("outgoing", "full", True)
    (lifting,) = await desk.preview(world.account_id, Change(lifts=True, causes=("fraud",)))
    assert (lifting.then.level, lifting.changes) == ("outgoing", False)
    assert told(world) == ["outgoing"]
    await by_hand(world, "hand-1", bar.then.level, cause="fraud")
    assert told(world) == ["outgoing", bar.then.level]


# Orders about the same service ---------------------------------------------------------------------------------------


async def test_an_older_order_is_over_when_the_newer_one_is_confirmed(world: DebtWorld) -> None:
    """Or a case would wait for ever for a level that the network will never have."""
    world.network.slow = True
    older = world.order("outgoing")
    pending = (await world.barring.place_order(older)).pending_service_ids
    world.clock.pass_days(1)
    await world.barring.place_order(world.order("full", "hand-1", author="Robin", cause="fraud"))
    waiting = await world.barring.check_order(OrderCheck(older, pending, order_again=True))
    assert waiting.pending_service_ids == pending
    await world.barring.confirm(Confirmation(world.account_id, "hand-1", world.line.service_id, "full"))
    over = await world.barring.check_order(OrderCheck(older, pending, order_again=True))
    assert (over.pending_service_ids, over.silent, told(world)) == ((), True, ["outgoing", "full"])
    assert (await world.level(), sorted(await causes(world))) == ("full", ["dunning", "fraud"])


async def test_a_repeat_of_an_older_order_never_undoes_a_newer_one(world: DebtWorld) -> None:
    world.network.unreachable = {NUMBER}
    with pytest.raises(TimeoutError):
        await world.barring.place_order(world.order("outgoing"))
    world.network.unreachable = set()
    world.clock.pass_days(1)
    await world.bar("hand-1", "full", author="Robin")
    await world.barring.place_order(world.order("outgoing"))
    assert (told(world), world.network.levels[NUMBER]) == (["full"], "full")


async def test_an_older_order_that_arrives_late_is_followed_by_the_newer_one_again(world: DebtWorld) -> None:
    """The call was under way while the newer order was placed: the network's last word must be the newer one."""
    world.network.slow = True

    async def a_newer_order() -> None:
        world.clock.pass_days(1)
        await world.barring.place_order(world.order("none", "hand-1", author="Robin", lift_causes=("dunning",)))

    world.network.meanwhile = a_newer_order
    await world.barring.place_order(world.order("outgoing"))
    assert told(world)[-2:] == ["outgoing", "none"]
    assert len({correlation for _, _, correlation in world.network.orders}) == len(told(world))


async def test_a_word_is_about_the_level_of_the_line_and_not_of_the_order(world: DebtWorld) -> None:
    await by_hand(world, "hand-1", "full", cause="fraud")
    world.network.slow = True
    world.clock.pass_days(1)
    await world.barring.place_order(world.order("bars:premium", "case_1-1"))
    line = world.line.service_id
    assert not await world.barring.confirm(Confirmation(world.account_id, "case_1-1", line, "bars:premium"))
    assert await world.barring.confirm(Confirmation(world.account_id, "case_1-1", line, "full"))


async def test_the_customer_hears_of_an_end_only_when_nothing_is_left(world: DebtWorld) -> None:
    await dunning(world, "case_1-1", "outgoing")
    await by_hand(world, "hand-1", "bars:roaming", cause="customer")
    world.clock.pass_days(1)
    assert (await world.barring.place_order(world.order("none", "case_1-2"))).silent
    world.clock.pass_days(1)
    lifting = world.order("none", "hand-2", author="Robin", lift_causes=("customer",))
    assert not (await world.barring.place_order(lifting)).silent
    assert (await world.barring.place_order(world.order("full", "hand-3", author="Robin", cause="court"))).silent


# The brand's hours ---------------------------------------------------------------------------------------------------


async def with_hours(world: DebtWorld) -> None:
    """The brand restricts for debts on working days from 9 to 17 only."""
    await world.set_barring_policy({"restricting_hours": {}})


async def test_a_debt_restricts_only_at_the_brands_hours_and_nothing_else_waits(world: DebtWorld) -> None:
    await with_hours(world)
    world.clock.at = datetime(2027, 6, 11, 16, 0, tzinfo=UTC)  # a Friday, 18:00 in Amsterdam
    placed = await world.barring.place_order(world.order("outgoing"))
    monday = datetime(2027, 6, 14, 7, 0, tzinfo=UTC)
    assert (placed.wait_until, placed.pending_service_ids, told(world)) == (monday, (), [])
    assert await world.barring.orders(world.account_id) == []
    await by_hand(world, "hand-1", "bars:roaming", cause="lost_or_stolen")
    await dunning(world, "case_1-2", "none")
    assert told(world) == ["bars:roaming"]
    world.clock.at = monday
    assert (await world.barring.place_order(world.order("outgoing"))).wait_until is None
    assert told(world)[-1] == "outgoing"


async def test_an_order_withdrawn_while_it_waited_left_nothing_behind(world: DebtWorld) -> None:
    await with_hours(world)
    world.clock.at = datetime(2027, 6, 12, 9, 0, tzinfo=UTC)
    await world.barring.place_order(world.order("outgoing"))
    await world.barring.record_outcome(BarringResult(world.account_id, "case_1-1", "outgoing", "withdrawn"))
    assert (await world.timeline("barring"), await causes(world)) == ([], {})


async def test_an_order_that_was_never_written_down_is_placed_by_its_check(world: DebtWorld) -> None:
    """The database was away while it was handed in: nothing may be called confirmed that nobody ordered."""
    state = world.order("outgoing")
    checked = await world.barring.check_order(OrderCheck(state, ()))
    assert (checked.pending_service_ids, told(world)) == ((world.line.service_id,), ["outgoing"])
    with pytest.raises(NotFound):
        await world.barring.record_outcome(BarringResult(world.account_id, "case_9-9", "outgoing", "confirmed"))
