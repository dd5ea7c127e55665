"""What services may draw beside their plans: in the balance, once on the invoice, carried on by a billed cycle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from copy import deepcopy
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from billing.adapters.usage_formats import standard_formats
from billing.persistence.invariants import broken_rules
from billing.persistence.usage_invariants import counters_disagree
from billing.ports.usage_corrections import Change, EventsOf
from billing.services.add_ons import AddOnRequest
from billing.services.usage import UsageService
from billing.services.usage_reversal import reverse
from tests.builders import a_plan
from tests.builders_invoicing import VOICE_PLAN, Office, an_office
from tests.builders_usage import RecordingProcess

LINE = "+31610100001"
MINUTES = 60
_numbers = count(1)


def rolling_plan(**rollover: int) -> dict[str, Any]:
    """100 free minutes a month, of which what is left rolls over."""
    plan = deepcopy(VOICE_PLAN)
    plan["allowances"][0]["rollover"] = rollover
    return plan


@pytest.fixture
async def office(database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    async with an_office(database_url, getattr(request, "param", VOICE_PLAN)) as built:
        yield built


@pytest.fixture
def usage(office: Office, tmp_path: Path) -> UsageService:
    return UsageService(office.work, office.clock, RecordingProcess(), standard_formats(), tmp_path)


async def called(usage: UsageService, at: datetime, minutes: int) -> None:
    (result,) = await usage.take(
        [
            {
                "source": "switch",
                "record_id": f"call-{next(_numbers)}",
                "identifier": LINE,
                "meter": "voice_seconds",
                "quantity": minutes * MINUTES,
                "started_at": at.isoformat(),
                "destination": "+31201234567",
            }
        ]
    )
    assert result.outcome in ("accepted", "late")


async def calls_billed(office: Office, account_id: str, invoice_id: str) -> int:
    """Minor units charged for calls on an invoice."""
    async with office.work() as work:
        lines = await work.invoices.lines(account_id, invoice_id)
    return sum(line.amount.amount_minor for line in lines if line.price_code == "voice")


async def left(usage: UsageService, account_id: str) -> dict[str, tuple[int, int]]:
    """By allowance: minutes included and left."""
    (service,) = (await usage.balance(account_id)).services
    return {state.name: (state.included // MINUTES, state.left // MINUTES) for state in service.balance.allowances}


def an_hour(account_id: str, service_id: str, **changes: Any) -> AddOnRequest:
    definition = {"code": "hour", "name": "An hour more", "meter": "voice_seconds", "quantity": 3600}
    values: dict[str, Any] = {"command_id": f"buy-{next(_numbers)}", "author": "sanne", "reason": "bought"}
    return AddOnRequest(account_id, service_id, **values, allowance=definition, **changes)


async def test_an_add_on_covers_usage_from_its_purchase_on_and_no_earlier(office: Office, usage: UsageService) -> None:
    account, service_id = await office.open_account()
    plan = await office.plan_of(account.account_id)
    office.clock.at = bought_at = plan.opens_at + timedelta(days=10)
    await called(usage, bought_at - timedelta(hours=1), 130)
    await usage.add_ons.grant(an_hour(account.account_id, service_id))
    office.clock.at = bought_at + timedelta(days=1)
    await called(usage, bought_at + timedelta(hours=1), 40)
    assert await left(usage, account.account_id) == {"100 minutes": (100, 0), "An hour more": (60, 20)}
    office.clock.at = plan.issue_at
    issued = await office.issue(account.account_id)
    # 30 minutes before the purchase are beyond the allowance; the 40 after it are covered.
    assert await calls_billed(office, account.account_id, issued.invoice_id) == 300
    assert await broken_rules(office.engine) == []


async def test_the_order_of_arrival_does_not_matter_to_an_add_on(office: Office, usage: UsageService) -> None:
    account, service_id = await office.open_account()
    plan = await office.plan_of(account.account_id)
    office.clock.at = bought_at = plan.opens_at + timedelta(days=10)
    await usage.add_ons.grant(an_hour(account.account_id, service_id))
    office.clock.at = bought_at + timedelta(days=2)
    await called(usage, bought_at + timedelta(hours=1), 40)
    await called(usage, bought_at - timedelta(hours=1), 130)
    assert await left(usage, account.account_id) == {"100 minutes": (100, 0), "An hour more": (60, 20)}
    async with office.work() as work:
        assert await counters_disagree(work.connection) == []


async def test_an_add_on_is_not_lost_when_the_plan_changes(office: Office, usage: UsageService) -> None:
    account, service_id = await office.open_account()
    plan = await office.plan_of(account.account_id)
    office.clock.at = bought_at = plan.opens_at + timedelta(days=10)
    await usage.add_ons.grant(an_hour(account.account_id, service_id))
    changed_at = bought_at + timedelta(days=2)
    async with office.work() as work:
        await work.accounts.add_plan(a_plan(VOICE_PLAN, plan_version=2))
        await work.accounts.change_plan(account.account_id, service_id, changed_at, "vonk-basis", 2)
        await work.commit()
    office.clock.at = changed_at + timedelta(days=1)
    await called(usage, changed_at + timedelta(hours=1), 150)
    (_, service) = (await usage.balance(account.account_id)).services
    states = {state.name: state.left // MINUTES for state in service.balance.allowances}
    assert states["An hour more"] < 60


async def test_the_same_purchase_is_granted_once(office: Office, usage: UsageService) -> None:
    account, service_id = await office.open_account()
    plan = await office.plan_of(account.account_id)
    office.clock.at = plan.opens_at + timedelta(days=1)
    request = an_hour(account.account_id, service_id)
    assert await usage.add_ons.grant(request) == await usage.add_ons.grant(request)
    assert await left(usage, account.account_id) == {"100 minutes": (100, 100), "An hour more": (60, 60)}


@pytest.mark.parametrize("office", [rolling_plan(cycles=1, most_quantity=50 * MINUTES)], indirect=True)
async def test_what_a_cycle_leaves_rolls_over_within_its_cap_and_expires(office: Office, usage: UsageService) -> None:
    account, _ = await office.open_account()
    first = await office.plan_of(account.account_id)
    office.clock.at = first.opens_at + timedelta(days=3)
    await called(usage, office.clock.at, 20)
    office.clock.at = first.issue_at
    await office.issue(account.account_id)
    # 80 minutes were left, 50 may roll over.
    assert await left(usage, account.account_id) == {"100 minutes": (100, 100), "100 minutes, rolled over": (50, 50)}
    second = await office.plan_of(account.account_id, 2)
    await called(usage, office.clock.at, 160)
    assert await left(usage, account.account_id) == {"100 minutes": (100, 0), "100 minutes, rolled over": (50, 0)}
    office.clock.at = second.issue_at
    issued = await office.issue(account.account_id, 2)
    assert await calls_billed(office, account.account_id, issued.invoice_id) == 100
    assert await left(usage, account.account_id) == {"100 minutes": (100, 100)}
    assert await broken_rules(office.engine) == []


@pytest.mark.parametrize("office", [rolling_plan(cycles=1, most_quantity=100 * MINUTES)], indirect=True)
async def test_late_usage_cannot_draw_what_was_carried_on(office: Office, usage: UsageService) -> None:
    account, _ = await office.open_account()
    first = await office.plan_of(account.account_id)
    office.clock.at = first.issue_at
    await office.issue(account.account_id)
    assert await left(usage, account.account_id) == {"100 minutes": (100, 100), "100 minutes, rolled over": (100, 100)}
    await called(usage, first.closes_at - timedelta(hours=1), 30)
    second = await office.plan_of(account.account_id, 2)
    office.clock.at = second.issue_at
    issued = await office.issue(account.account_id, 2)
    # All of the first cycle's minutes were carried on, so its late half hour is charged: nothing is drawn twice.
    assert await calls_billed(office, account.account_id, issued.invoice_id) == 300


async def test_usage_that_came_before_its_purchase_and_starts_after_it_is_counted_again(
    office: Office, usage: UsageService
) -> None:
    account, service_id = await office.open_account()
    plan = await office.plan_of(account.account_id)
    office.clock.at = bought_at = plan.opens_at + timedelta(days=10)
    await called(usage, bought_at + timedelta(hours=1), 40)
    await called(usage, bought_at - timedelta(hours=1), 130)
    assert await left(usage, account.account_id) == {"100 minutes": (100, 0)}
    await usage.add_ons.grant(an_hour(account.account_id, service_id))
    assert await left(usage, account.account_id) == {"100 minutes": (100, 0), "An hour more": (60, 20)}
    async with office.work() as work:
        assert await counters_disagree(work.connection) == []
    assert await broken_rules(office.engine) == []


async def test_usage_that_is_taken_back_at_that_moment_is_not_counted_again(
    office: Office, usage: UsageService
) -> None:
    account, service_id = await office.open_account()
    plan = await office.plan_of(account.account_id)
    office.clock.at = bought_at = plan.opens_at + timedelta(days=10)
    await called(usage, bought_at + timedelta(hours=1), 40)
    await called(usage, bought_at + timedelta(hours=2), 7)
    await usage.add_ons._granted(an_hour(account.account_id, service_id), bought_at)

    async def count_again() -> int:
        async with office.work() as work:
            moved = await work.grants.count_again(account.account_id, bought_at, bought_at)
            await work.commit()
        return moved

    async with office.work() as work:
        await work.usage.begin_intake()
        taken = await work.usage.take_out(EventsOf(bought_at, bought_at + timedelta(hours=1)), 10)
        await reverse(work, taken, Change("cancelled", "wrong", "sanne", bought_at))
        counting = asyncio.create_task(count_again())
        await asyncio.sleep(0.5)
        await work.commit()
    assert await counting == 1
    async with office.work() as work:
        assert await counters_disagree(work.connection) == []
    assert (await left(usage, account.account_id))["100 minutes"] == (100, 93)


async def test_a_week_pass_covers_its_week_only(office: Office, usage: UsageService) -> None:
    account, service_id = await office.open_account()
    plan = await office.plan_of(account.account_id)
    office.clock.at = begins = plan.opens_at + timedelta(days=5)
    ends = begins + timedelta(days=7)
    await usage.add_ons.grant(an_hour(account.account_id, service_id, valid_to=ends))
    office.clock.at = ends + timedelta(days=1)
    await called(usage, ends, 15)
    await called(usage, ends - timedelta(hours=1), 120)
    # Of the week's 120 minutes 100 are the plan's and 20 the pass's; the 15 after it are charged.
    assert await left(usage, account.account_id) == {"100 minutes": (100, 0), "An hour more": (60, 40)}


async def test_an_add_on_of_several_cycles_goes_on_with_what_is_left(office: Office, usage: UsageService) -> None:
    account, service_id = await office.open_account()
    first = await office.plan_of(account.account_id)
    office.clock.at = first.opens_at + timedelta(days=1)
    await usage.add_ons.grant(an_hour(account.account_id, service_id, cycles=2))
    await called(usage, office.clock.at, 120)
    office.clock.at = first.closes_at + timedelta(hours=1)
    both = {"100 minutes": (100, 100), "An hour more": (40, 40)}
    # The first cycle is over and not billed: what it will leave can be used already.
    assert await left(usage, account.account_id) == both
    office.clock.at = first.issue_at
    await office.issue(account.account_id)
    assert await left(usage, account.account_id) == both
    second = await office.plan_of(account.account_id, 2)
    office.clock.at = second.issue_at
    await office.issue(account.account_id, 2)
    assert await left(usage, account.account_id) == {"100 minutes": (100, 100)}


@pytest.mark.parametrize("office", [rolling_plan(cycles=2, most_cycles=1)], indirect=True)
async def test_rollover_is_there_before_the_bill_and_follows_late_records_until_then(
    office: Office, usage: UsageService
) -> None:
    account, _ = await office.open_account()
    first = await office.plan_of(account.account_id)
    office.clock.at = first.closes_at + timedelta(hours=1)
    assert (await left(usage, account.account_id))["100 minutes, rolled over"] == (100, 100)
    await called(usage, first.closes_at - timedelta(hours=1), 30)
    await called(usage, first.closes_at + timedelta(minutes=1), 120)
    seen = {"100 minutes": (100, 0), "100 minutes, rolled over": (70, 50)}
    assert await left(usage, account.account_id) == seen
    office.clock.at = first.issue_at
    await office.issue(account.account_id)
    assert await left(usage, account.account_id) == seen
    (base, rolled) = (await usage.balance(account.account_id)).services[0].balance.allowances
    third = await office.plan_of(account.account_id, 2)
    assert base.expires_at == third.closes_at
    assert rolled.expires_at is not None
    assert rolled.expires_at > third.closes_at


@pytest.mark.parametrize("office", [rolling_plan(cycles=1)], indirect=True)
async def test_what_rolled_over_announces_no_threshold(office: Office, usage: UsageService) -> None:
    account, _ = await office.open_account()
    first = await office.plan_of(account.account_id)
    office.clock.at = first.issue_at
    await office.issue(account.account_id)
    await called(usage, office.clock.at, 200)
    async with office.work() as work:
        found = [
            entry.reason["included"]
            for entry in await work.timeline.of(account.account_id)
            if entry.kind == "usage.threshold_crossed"
        ]
    assert found == [6000, 6000]
