"""Retries by the policy in force: dates, paydays, the ladder, the memory of a card, and why, on the timeline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from billing.domain.errors import Conflict, InvalidValue, NotFound
from billing.domain.retry_policy import STANDARD
from billing.messages.announcing import AnnounceRetryRequest
from billing.messages.payments import PaymentStatus, RetryPlan, RetryPlanRequest
from billing.ports.payments import MethodStatus, PaymentMethod
from billing.ports.retries import InstrumentTry
from billing.services.old_tries import OldTries
from billing.services.retry_policies import RetryPolicyService
from tests.builders import an_account
from tests.builders_collection import CollectionWorld, a_collection
from tests.builders_payments import TillWorld
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]

PAYDAYS = {"days_of_month": [25], "last_banking_day": False, "window_days": 14}
CARDS = {"instruments": ["card"], "categories": ["funds"], "most_retries": 2, "days_between": 3}


@pytest.fixture
async def world(database_url: str, faulty: Simulator) -> AsyncIterator[CollectionWorld]:
    async with a_collection(database_url, faulty) as made:
        yield made


def policies(world: CollectionWorld) -> RetryPolicyService:
    return RetryPolicyService(world.till.work, world.till.clock)


async def publish(world: CollectionWorld, brand: str = "", **definition: Any) -> int:
    """A policy of card rules; its version."""
    wanted = {"rules": [CARDS | definition.pop("rule", {})], **definition}
    return (await policies(world).publish(brand, wanted, "ann", "a test")).policy_version


async def planned(world: CollectionWorld, invoice: str) -> RetryPlan:
    request = RetryPlanRequest(world.account_id, (invoice,), world.till.clock.now())
    return await world.till.service.plan_retry(request)


async def another_account(world: CollectionWorld, number: str = "A100002") -> TillWorld:
    """A second account of the brand, at the same till."""
    till = world.till
    async with till.work() as work:
        account = await work.accounts.add(an_account(number=number, email="other@example.com"))
        await work.commit()
    return TillWorld(till.engine, till.clock, till.simulator, till.provider, account, attempts=500)


async def the_same_card(till: TillWorld, fingerprint: str) -> PaymentMethod:
    """A card that is one with all others of this fingerprint."""
    card = await till.a_card()
    await till.control("POST", f"/payment-methods/{card.provider_method}/update", {"fingerprint": fingerprint})
    await till.methods.refresh(till.account_id, card.method_id)
    async with till.work() as work:
        return await work.payments.method(till.account_id, card.method_id)


async def test_the_built_in_policy_holds_until_one_is_published_and_a_brands_own_before_everybodys(
    world: CollectionWorld,
) -> None:
    invoice, _ = await world.a_failed_debit("insufficient_funds")
    builtin = await planned(world, invoice)
    assert (builtin.possible, builtin.rule, builtin.policy_version) == (True, "card funds", 0)
    assert "the built-in policy" in builtin.explanation
    assert await publish(world) == 1
    assert (await planned(world, invoice)).policy_version == 1
    assert await publish(world, "vonk", rule={"most_retries": 0}) == 1
    own = await planned(world, invoice)
    assert (own.possible, own.explanation) == (False, "0 retries of this debt were made")
    assert await publish(world, "vonk", rule={"most_retries": 0}) == 1
    assert await publish(world, "vonk", rule={"most_retries": 5}) == 2
    assert (await planned(world, invoice)).policy_version == 2


async def test_a_retry_keeps_the_days_between_tries_and_its_notice(world: CollectionWorld) -> None:
    await publish(world, rule={"days_between": 6})
    invoice, _ = await world.a_failed_debit("insufficient_funds")
    plan = await planned(world, invoice)
    assert (plan.notify_at, plan.debit_on) == (world.till.clock.now() + timedelta(days=6), date(2027, 6, 16))


async def test_want_of_funds_waits_for_the_payday_and_another_failure_does_not(world: CollectionWorld) -> None:
    await publish(world, paydays=PAYDAYS, rule={"on_payday": True, "categories": ["funds", "technical"]})
    world.pass_days(7)  # Tuesday the 15th
    invoice, _ = await world.a_failed_debit("insufficient_funds")
    plan = await planned(world, invoice)
    assert (plan.debit_on, plan.inputs["payday"]) == (date(2027, 6, 25), "the next payday is 2027-06-25")
    assert plan.submit_at == datetime(2027, 6, 25, 6, tzinfo=UTC)
    broken, _ = await world.a_failed_debit("processing_error")
    assert (await planned(world, broken)).debit_on == date(2027, 6, 22)


async def test_nothing_waits_for_a_payday_beyond_the_ladders_next_bar(world: CollectionWorld) -> None:
    await publish(world, paydays=PAYDAYS | {"window_days": 31}, rule={"on_payday": True})
    invoice, result = await world.a_failed_debit("insufficient_funds")
    assert (await planned(world, invoice)).debit_on == date(2027, 6, 25)
    case = await world.hand_over(invoice, result)
    plan = await planned(world, invoice)  # outgoing calls are barred on day 17: the 25th
    assert (plan.debit_on, plan.inputs["services_restricted_on"]) == (date(2027, 6, 15), "2027-06-25")
    assert "would come too late" in plan.inputs["payday"]
    async with world.till.work() as work:
        await work.dunning.change_case(world.account_id, case.case_id, {"steps_done": ["bar_outgoing@17"]})
        await work.commit()
    assert (await planned(world, invoice)).debit_on == date(2027, 6, 25)


async def test_each_decision_is_on_the_timeline_with_rule_version_and_inputs(world: CollectionWorld) -> None:
    await publish(world)
    invoice, _ = await world.a_failed_debit("insufficient_funds")
    world.pass_days(3)
    request = AnnounceRetryRequest(world.account_id, (invoice,), world.till.clock.now(), f"{invoice}-2")
    assert (await world.announcing.announce_retry(request)).told
    assert (await world.announcing.announce_retry(request)).told
    (entry,) = await world.timeline("retry_planned")
    assert (entry.reason["rule"], entry.reason["policy_version"]) == ("card funds", 1)
    assert entry.reason["inputs"]["failed_tries_of_this_debt"] == "1"
    assert entry.reason["inputs"]["scheme"] == "visa"
    await publish(world, rule={"most_retries": 0})
    again = AnnounceRetryRequest(world.account_id, (invoice,), world.till.clock.now(), f"{invoice}-3")
    assert not (await world.announcing.announce_retry(again)).told
    (refused,) = await world.timeline("retry_not_possible")
    assert (refused.reason["policy_version"], refused.summary) == (
        2,
        "No further debit: 0 retries of this debt were made",
    )


async def test_a_card_that_was_lost_for_one_account_is_not_tried_for_another(world: CollectionWorld) -> None:
    till = world.till
    mine = await the_same_card(till, "one-card")
    await world.script(mine, "stolen_card")
    lost = await world.debit(await till.an_announced_invoice(4210))
    assert lost.category == "hard_stop"
    other = await another_account(world)
    theirs = await the_same_card(other, "one-card")
    invoice = await other.an_announced_invoice(4210)
    result = await other.service.collect(other.a_request(invoice))
    assert (result.status, await other.charges()) == (PaymentStatus.METHOD_MISSING, [])
    async with till.work() as work:
        kept = await work.payments.method(other.account_id, theirs.method_id)
    assert (kept.status, "forbids any further try" in kept.blocked_reason) == (MethodStatus.BLOCKED, True)


async def test_a_card_stored_again_keeps_what_it_suffered(world: CollectionWorld) -> None:
    till = world.till
    first = await the_same_card(till, "one-card")
    await world.script(first, "insufficient_funds")
    invoice = await till.an_announced_invoice(4210)
    await world.debit(invoice)
    await till.methods.remove(till.account_id, first.method_id, "ann")
    await the_same_card(till, "one-card")
    plan = await planned(world, invoice)
    assert (plan.inputs["failed_tries_of_this_debt"], plan.rule) == ("1", "card funds")


async def test_the_budget_of_a_card_is_shared_by_its_accounts_and_a_debit_too_many_is_announced_anew(
    world: CollectionWorld,
) -> None:
    other = await another_account(world)
    await the_same_card(other, "one-card")
    now = world.till.clock.now()
    async with world.till.work() as work:
        for number in range(20):
            await work.retries.add_try(_declined(other.account_id, number, now - timedelta(days=number)))
        await work.commit()
    await the_same_card(world.till, "one-card")
    result = await world.debit(await world.till.an_announced_invoice(4210))
    assert (result.status, "20 tries in 30 days" in result.explanation) == (PaymentStatus.NOTICE_MISSING, True)
    invoice = await world.till.an_invoice(1000)
    plan = await planned(world, invoice)
    assert plan.possible
    assert plan.submit_at is not None
    assert plan.submit_at >= now - timedelta(days=19) + timedelta(days=30)


def _declined(account_id: str, number: int, at: datetime) -> Any:
    return InstrumentTry("stripe", "one-card", f"other-{number}", account_id, at, "funds", "51", is_settled=True)


async def test_two_accounts_at_once_cannot_both_take_the_last_try_of_a_card(world: CollectionWorld) -> None:
    till, other = world.till, await another_account(world)
    now = till.clock.now()
    async with till.work() as work:
        for number in range(19):
            await work.retries.add_try(_declined("acc_999999", number, now - timedelta(days=number)))
        await work.commit()
    requests = []
    for one in (till, other):
        await world.script(await the_same_card(one, "one-card"), "insufficient_funds")
        requests.append((one, one.a_request(await one.an_announced_invoice(4210))))
    results = await asyncio.gather(*(one.service.collect(request) for one, request in requests))
    assert sorted(one.status for one in results) == ["failed", "notice_missing"]
    async with till.work() as work:
        tries = await work.retries.tries("stripe", "one-card")
    assert len([one for one in tries if one.category]) == 20


async def test_publishing_refuses_what_cannot_be_kept_and_an_unknown_brand(world: CollectionWorld) -> None:
    with pytest.raises(InvalidValue, match="most_retries"):
        await publish(world, rule={"most_retries": 20})
    with pytest.raises(NotFound):
        await publish(world, "nobody")
    assert await policies(world).all() == []
    outcomes = await asyncio.gather(publish(world), publish(world, rule={"most_retries": 1}), return_exceptions=True)
    assert [one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, Conflict)] == []


async def test_a_preview_shows_every_retry_of_a_debt_that_fails_alike(world: CollectionWorld) -> None:
    failed_at = datetime(2027, 6, 1, 6, tzinfo=UTC)
    service = policies(world)
    preview = await service.preview("vonk", STANDARD.to_dict(), "sepa", "funds", "AM04", failed_at)
    assert [one.debit_on for one in preview.retries] == [date(2027, 6, 8), date(2027, 6, 14)]
    assert preview.ends_because == "2 retries of this debt were made"
    never = await service.preview("vonk", None, "visa", "hard_stop", "41", failed_at)
    assert (never.retries, "forbids any further try" in never.ends_because) == ([], True)
    for field, words in {"scheme": ("cheque", "funds"), "category": ("visa", "bad luck")}.items():
        with pytest.raises(InvalidValue) as refused:
            await service.preview("vonk", None, *words, "", failed_at)
        assert refused.value.field == field


async def test_upkeep_forgets_tries_that_count_in_no_budget_but_never_what_ended_a_card(world: CollectionWorld) -> None:
    now, till = world.till.clock.now(), world.till
    old, young = now - timedelta(days=33), now - timedelta(days=31)
    tries = [
        replace(_declined("acc_999999", 1, old), attempt_id="old"),
        replace(_declined("acc_999999", 2, old), attempt_id="stolen", code="43"),
        replace(_declined("acc_999999", 3, old), attempt_id="stopped", category="hard_stop", code=""),
        replace(_declined("acc_999999", 4, old), attempt_id="unknown", is_settled=False),
        replace(_declined("acc_999999", 5, young), attempt_id="young"),
    ]
    async with till.work() as work:
        for one in tries:
            await work.retries.add_try(one)
        await work.commit()
    upkeep = OldTries(till.work, till.clock)
    assert [await upkeep.forget(), await upkeep.forget()] == [1, 0]
    async with till.work() as work:
        left = {one.attempt_id for one in await work.retries.tries("stripe", "one-card")}
    assert left == {"stolen", "stopped", "unknown", "young"}
