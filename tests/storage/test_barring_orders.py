"""Orders to the network: written down first, true only when the network says so, put right when one is silent."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.messages.dunning import BarringResult, OrderCheck
from billing.ports.barring import Confirmation
from tests.builders import a_service
from tests.builders_dunning import DebtWorld, a_debt_world

NUMBER, OTHER = "+31612345678", "+31687654321"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DebtWorld]:
    async with a_debt_world(database_url) as made:
        yield made


async def a_second_line(world: DebtWorld) -> str:
    async with world.work() as work:
        line = await work.accounts.add_service(a_service(world.account_id, identifier=OTHER))
        await work.commit()
    return line.service_id


def word(world: DebtWorld, level: str, order_id: str = "case_1-1") -> Confirmation:
    return Confirmation(world.account_id, order_id, world.line.service_id, level)


async def test_an_order_is_true_when_the_network_confirms_it(world: DebtWorld) -> None:
    line = world.line.service_id
    placed = await world.barring.place_order(world.order("outgoing"))
    assert placed.pending_service_ids == (line,)
    assert world.network.orders == [(NUMBER, "outgoing", f"{world.account_id}/case_1-1/{line}")]
    assert await world.level() == "none"
    assert [await world.barring.confirm(word(world, "outgoing")) for _ in range(2)] == [True, True]
    assert await world.level() == "outgoing"


async def test_a_repeated_order_is_the_same_order(world: DebtWorld) -> None:
    world.network.slow = True
    for _ in range(2):
        await world.barring.place_order(world.order("outgoing"))
    assert len({correlation for _, _, correlation in world.network.orders}) == 1
    (view,) = await world.barring.orders(world.account_id)
    assert (view.order.outcome, [one.times_sent for one in view.services]) == ("placed", [1])


async def test_after_a_lost_answer_the_state_of_the_network_decides(world: DebtWorld) -> None:
    world.network.loses_answers = {NUMBER}
    with pytest.raises(TimeoutError):
        await world.barring.place_order(world.order("outgoing"))
    world.network.loses_answers = set()
    state = world.order("outgoing")
    checked = await world.barring.check_order(OrderCheck(state, (world.line.service_id,), order_again=True))
    assert checked.confirmed_service_ids == (world.line.service_id,)
    assert (len(world.network.orders), await world.level()) == (1, "outgoing")


async def test_a_silent_order_is_repeated_under_a_new_correlation(world: DebtWorld) -> None:
    world.network.slow = True
    state = world.order("full")
    placed = await world.barring.place_order(state)
    await world.barring.check_order(OrderCheck(state, placed.pending_service_ids))
    assert len(world.network.orders) == 1
    await world.barring.check_order(OrderCheck(state, placed.pending_service_ids, order_again=True))
    base = f"{world.account_id}/case_1-1/{world.line.service_id}"
    assert [correlation for _, _, correlation in world.network.orders] == [base, f"{base}/2"]


async def test_one_unreachable_line_does_not_stop_the_others(world: DebtWorld) -> None:
    second = await a_second_line(world)
    world.network.unreachable = {NUMBER}
    with pytest.raises(TimeoutError):
        await world.barring.place_order(world.order("outgoing"))
    assert [identifier for identifier, _, _ in world.network.orders] == [OTHER]
    world.network.unreachable = set()
    placed = await world.barring.place_order(world.order("outgoing"))
    checked = await world.barring.check_order(OrderCheck(world.order("outgoing"), placed.pending_service_ids))
    assert set(checked.confirmed_service_ids) == {world.line.service_id, second}


async def test_a_refused_order_waits_and_is_ordered_again(world: DebtWorld) -> None:
    world.network.refusing = {NUMBER}
    state = world.order("outgoing")
    placed = await world.barring.place_order(state)
    check = OrderCheck(state, placed.pending_service_ids, order_again=True)
    assert (await world.barring.check_order(check)).pending_service_ids == (world.line.service_id,)
    world.network.refusing = set()
    await world.barring.check_order(check)
    assert (await world.barring.check_order(check)).confirmed_service_ids == (world.line.service_id,)


async def test_a_level_is_believed_only_when_the_network_says_so(world: DebtWorld) -> None:
    placed = await world.barring.place_order(world.order("none"))
    assert (placed.confirmed_service_ids, world.network.orders) == ((world.line.service_id,), [])
    world.network.requested[NUMBER] = "outgoing"  # a bar on its way that nobody confirmed
    await world.barring.place_order(world.order("none", "case_1-2"))
    assert [level for _, level, _ in world.network.orders] == ["none"]


async def test_a_late_word_about_an_overtaken_order_changes_nothing(world: DebtWorld) -> None:
    world.network.slow = True
    await world.barring.place_order(world.order("outgoing"))
    world.clock.pass_days(1)
    await world.barring.place_order(world.order("none", "case_1-2"))
    await world.barring.confirm(word(world, "none", "case_1-2"))
    assert await world.barring.confirm(word(world, "outgoing"))
    assert await world.level() == "none"
    state = world.order("outgoing")
    await world.barring.check_order(OrderCheck(state, (world.line.service_id,), order_again=True))
    assert [level for _, level, _ in world.network.orders] == ["outgoing", "none"]


@pytest.mark.parametrize(
    ("account_id", "order_id", "level"),
    [("", "case_9-9", "outgoing"), ("", "case_1-1", "full")],
)
async def test_a_word_about_nothing_of_ours_is_not_kept(
    world: DebtWorld, account_id: str, order_id: str, level: str
) -> None:
    await world.barring.place_order(world.order("outgoing"))
    assert not await world.barring.confirm(word(world, level, order_id))
    assert await world.level() == "none"


async def test_a_withdrawn_order_is_written_down_once_with_its_reason(world: DebtWorld) -> None:
    await world.barring.place_order(world.order("outgoing"))
    for _ in range(2):
        await world.barring.record_outcome(BarringResult(world.account_id, "case_1-1", "outgoing", "withdrawn"))
    (entry,) = await world.timeline("barring")
    assert (entry.reason["reason"], entry.reason["services"]) == ("not paid", {NUMBER: "ordered"})


async def test_restoring_after_a_payment_says_how_long_it_took(world: DebtWorld) -> None:
    await world.pay(await world.an_invoice())
    world.clock.pass_days(0, hour=9)
    await world.bar("case_1-2", "none")
    (entry,) = await world.timeline("barring")
    assert entry.reason["restored_after_payment"] == {"business_seconds": 3600.0, "real_seconds": 3600.0}


async def test_dunning_never_loosens_what_a_person_restricted(world: DebtWorld) -> None:
    await world.bar("hand-1", "full", author="Robin")
    world.clock.pass_days(1)
    placed = await world.barring.place_order(world.order("outgoing", "case_1-2"))
    assert placed.pending_service_ids == ()
    assert ([level for _, level, _ in world.network.orders], await world.level()) == (["full"], "full")


# What caps stop ------------------------------------------------------------------------------------------------------


async def carried_out(world: DebtWorld, level: str, order_id: str) -> None:
    """An order of caps that the network carried out."""
    state = world.order(level, order_id, author="limits", service_ids=(world.line.service_id,))
    placed = await world.barring.place_order(state)
    checked = await world.barring.check_order(OrderCheck(state, placed.pending_service_ids))
    assert not checked.pending_service_ids
    await world.barring.record_outcome(BarringResult(world.account_id, order_id, level, "confirmed", "a cap"))


async def levels(world: DebtWorld) -> tuple[str, str]:
    async with world.work() as work:
        (line,) = await work.accounts.services(world.account_id)
    return line.barring_level, line.usage_stop


async def test_a_bar_and_a_stop_live_apart_and_lifting_one_leaves_the_other(world: DebtWorld) -> None:
    await world.bar("case_1-1", "full")
    await carried_out(world, "stop:data", "limit-1")
    assert await levels(world) == ("full", "stop:data")
    await world.bar("case_1-2", "none")
    assert await levels(world) == ("none", "stop:data")
    await world.bar("case_1-3", "outgoing")
    await carried_out(world, "stop:", "limit-2")
    assert await levels(world) == ("outgoing", "stop:")
    assert world.network.levels == {NUMBER: "outgoing", f"{NUMBER} stop:": "stop:"}


async def test_a_bar_does_not_overtake_a_stop_that_is_on_its_way(world: DebtWorld) -> None:
    world.network.slow = True
    state = world.order("stop:data", "limit-1", author="limits", service_ids=(world.line.service_id,))
    placed = await world.barring.place_order(state)
    await world.barring.place_order(world.order("outgoing", "case_1-1"))
    world.network.slow = False
    await world.barring.check_order(OrderCheck(state, placed.pending_service_ids, order_again=True))
    await world.barring.check_order(OrderCheck(state, placed.pending_service_ids))
    assert await levels(world) == ("none", "stop:data")


async def test_a_newer_stop_overtakes_an_older_one(world: DebtWorld) -> None:
    world.network.slow = True
    older = world.order("stop:data", "limit-1", author="limits", service_ids=(world.line.service_id,))
    placed = await world.barring.place_order(older)
    await world.barring.place_order(world.order("stop:", "limit-2", service_ids=(world.line.service_id,)))
    sent = len(world.network.orders)
    await world.barring.check_order(OrderCheck(older, placed.pending_service_ids, order_again=True))
    assert len(world.network.orders) == sent
    async with world.work() as work:
        assert await work.barring.ordered_stops(world.account_id) == {world.line.service_id: "stop:"}


async def test_a_stop_is_told_on_the_timeline_in_words(world: DebtWorld) -> None:
    await carried_out(world, "stop:data,sms", "limit-1")
    (entry,) = await world.timeline("barring")
    assert entry.summary == "Usage stopped by a cap: data, sms: confirmed by the network"
