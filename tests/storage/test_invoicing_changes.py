"""Another cycle day and the end of an account: billed periods stay, the bridge costs what its policy says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from billing.domain.cycle_calendar import local_date
from billing.domain.errors import InvalidValue
from billing.messages.invoicing import (
    AdjustBalanceRequest,
    ChangeCycleDayRequest,
    CloseAccountRequest,
    CyclePlanChanged,
)
from billing.persistence.invariants import broken_rules
from billing.services.invoicing_changes import UnableToChangeCycleDay, UnableToChangeOpenCycle
from tests.builders_invoicing import Office, an_office


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


async def change(office: Office, account_id: str, day: int, policy: str, command_id: str = "cmd-1") -> CyclePlanChanged:
    return await office.service.change_cycle_day(
        ChangeCycleDayRequest(account_id, day, policy, "payday", "sanne", command_id)
    )


@pytest.mark.parametrize(
    ("policy", "closes", "totals"),
    [
        # 15 February to 20 February are 5 of 28 days: 3.57 net.
        ("extended", [date(2027, 2, 20), date(2027, 3, 20)], [2420, 2420]),
        ("free", [date(2027, 2, 15), date(2027, 3, 20)], [2420, 2420]),
        ("prorated", [date(2027, 2, 20), date(2027, 3, 20)], [2357 + 495, 2420]),
    ],
)
async def test_the_bridge_costs_what_its_policy_says(
    office: Office, policy: str, closes: list[date], totals: list[int]
) -> None:
    account, _ = await office.open_account()
    office.clock.at = datetime(2027, 1, 20, tzinfo=UTC)
    changed = await change(office, account.account_id, 20, policy)
    assert changed.cycle_day == 20
    assert local_date(changed.plan.closes_at, "Europe/Amsterdam") == closes[0]
    issued = [await office.issue(account.account_id, number) for number in (1, 2)]
    assert [each.plan.invoice_date for each in issued] == closes
    assert [each.total_minor for each in issued] == totals


async def test_cycles_after_a_change_have_no_gap(office: Office) -> None:
    account, _ = await office.open_account()
    await office.issue(account.account_id)
    await change(office, account.account_id, 31, "free")
    await office.issue(account.account_id, 2)
    async with office.work() as work:
        cycles = await work.accounts.cycles(account.account_id)
    assert all(earlier.closes_at == later.opens_at for earlier, later in pairwise(cycles))


async def test_while_a_closed_cycle_waits_to_be_billed_the_next_one_changes(office: Office) -> None:
    account, _ = await office.open_account()
    first = await office.plan_of(account.account_id)
    office.clock.at = first.closes_at
    changed = await change(office, account.account_id, 20, "extended")
    assert changed.plan == first
    assert (await office.issue(account.account_id)).plan.closes_at == first.closes_at
    assert local_date((await office.plan_of(account.account_id, 2)).closes_at, "Europe/Amsterdam") == date(2027, 3, 20)


async def test_a_change_counts_once_and_an_impossible_one_is_refused(office: Office) -> None:
    account, _ = await office.open_account()
    office.clock.at = datetime(2027, 1, 20, tzinfo=UTC)
    assert await change(office, account.account_id, 20, "free") == await change(office, account.account_id, 20, "free")
    with pytest.raises(UnableToChangeCycleDay, match="day 20 already"):
        await change(office, account.account_id, 20, "free", "cmd-2")
    with pytest.raises(InvalidValue, match="bridge"):
        await change(office, account.account_id, 21, "gratis", "cmd-3")


async def test_closing_ends_the_services_and_bills_the_cycle_as_the_last_one(office: Office) -> None:
    account, _ = await office.open_account()
    office.clock.at = datetime(2027, 1, 25, 10, tzinfo=UTC)
    request = CloseAccountRequest(account.account_id, "moves abroad", "sanne", "cmd-1")
    closed = await office.service.close_account(request)
    assert closed.plan.closes_at == office.clock.at
    assert await office.service.close_account(request) == closed
    issued = await office.issue(account.account_id)
    assert (issued.total_minor, issued.next_plan) == (2420, None)
    async with office.work() as work:
        (service,) = await work.accounts.services(account.account_id)
        assert await work.accounts.open_cycle(account.account_id) is None
        assert await work.accounts.owner_of(service.identifier, office.clock.at) is None
    with pytest.raises(UnableToChangeOpenCycle, match="closing"):
        await office.service.close_account(CloseAccountRequest(account.account_id, "again", "sanne", "cmd-2"))


async def test_closing_while_a_cycle_waits_to_be_billed_bills_both(office: Office) -> None:
    account, _ = await office.open_account()
    first = await office.plan_of(account.account_id)
    office.clock.at = datetime(2027, 2, 15, 12, tzinfo=UTC)
    closed = await office.service.close_account(CloseAccountRequest(account.account_id, "moves", "sanne", "cmd-1"))
    assert closed.plan == first
    issued = await office.issue(account.account_id)
    assert issued.next_plan is not None
    assert issued.next_plan.closes_at == datetime(2027, 2, 15, 12, tzinfo=UTC)
    assert (await office.issue(account.account_id, 2)).next_plan is None


@pytest.mark.parametrize(
    ("adjusted_minor", "open_minor", "said"),
    [(-1970, 0, "it is written off"), (-5000, 0, "Credit of 36.30 EUR is left and is to be refunded")],
)
async def test_a_last_invoice_leaves_no_small_amount_and_names_credit_to_refund(
    office: Office, adjusted_minor: int, open_minor: int, said: str
) -> None:
    account, _ = await office.open_account()
    office.clock.at = datetime(2027, 1, 25, 10, tzinfo=UTC)
    adjustment = AdjustBalanceRequest(account.account_id, adjusted_minor, "Goodwill", "outage", "sanne", "cmd-1")
    await office.service.adjust_balance(adjustment)
    await office.service.close_account(CloseAccountRequest(account.account_id, "moves", "sanne", "cmd-2"))
    issued = await office.issue(account.account_id)
    assert said in issued.explanation
    async with office.work() as work:
        assert sum(each.open_minor for each in await work.ledger.open_invoices(account.account_id)) == open_minor
    assert await broken_rules(office.engine) == []
