"""Fees on the next invoice, policies by segment, cases moved on purpose, and warnings on channels that count."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from billing.domain.dunning_policy import STANDARD
from billing.domain.errors import InvalidValue, NotFound
from billing.messages.account import ChangeDunningPolicy
from billing.messages.dunning import CloseCaseRequest, NextAction
from billing.ports.dunning import CaseFilter
from billing.ports.notices import NoticeStatus
from billing.services.dunning_fees import UnableToWaiveFee
from tests.builders_arrangements import Arrangements, an_arranged_debt

FEES = {"reminder_minor": 1000, "free_reminders": 1, "most_per_case_minor": 1500, "reconnection_minor": 3000}
FOUR_REMINDERS = [{"day": day, "action": "reminder"} for day in (1, 2, 3, 6)]


@pytest.fixture
async def debt(database_url: str) -> AsyncIterator[Arrangements]:
    async with an_arranged_debt(database_url) as made:
        yield made


async def lines(debt: Arrangements) -> list[tuple[str, int, str]]:
    """What waits for the next invoice."""
    async with debt.world.work() as work:
        pending = await work.invoices.pending_adjustments(debt.account_id)
    return [(one.description, one.amount_minor, one.tax_code) for one in pending]


async def reminded(debt: Arrangements) -> None:
    """A case with four reminders."""
    await debt.a_policy(steps=FOUR_REMINDERS, fees=FEES)
    case, _ = await debt.a_case()
    for days in (1, 1, 1, 3):
        debt.world.clock.pass_days(days)
        await debt.world.carry_out_all(case)


# Fees ---------------------------------------------------------------------------------------------------------------


async def test_the_first_reminder_is_free_and_a_case_costs_at_most_its_bound(debt: Arrangements) -> None:
    await debt.a_next_invoice()
    await reminded(debt)
    assert [(one.occasion, one.amount_minor) for one in await debt.charged()] == [
        ("reminder@2", 1000),
        ("reminder@3", 500),
    ]
    assert await lines(debt) == [("Herinneringskosten", 1000, "outside"), ("Herinneringskosten", 500, "outside")]
    assert all(one.summary.endswith("on the next invoice") for one in await debt.world.timeline("fee_charged"))


async def test_a_waived_fee_is_taken_back_on_the_next_invoice_once(debt: Arrangements) -> None:
    await debt.a_next_invoice()
    await reminded(debt)
    fee = (await debt.charged())[0]
    for _ in range(2):
        waived = await debt.fees.waive(debt.account_id, fee.fee_id, "goodwill", "Robin")
    assert (waived.waived_by, waived.waive_reason) == ("Robin", "goodwill")
    assert await lines(debt) == [
        ("Herinneringskosten", 1000, "outside"),
        ("Herinneringskosten", 500, "outside"),
        ("Herinneringskosten kwijtgescholden", -1000, "outside"),
    ]
    with pytest.raises(NotFound):
        await debt.fees.waive(debt.account_id, "fee_9", "goodwill", "Robin")


async def test_without_a_next_invoice_nothing_is_charged_and_it_says_why(debt: Arrangements) -> None:
    await reminded(debt)
    assert await lines(debt) == []
    fee = (await debt.charged())[0]
    assert (fee.adjustment_id, fee.note) == (None, "no invoice follows")
    with pytest.raises(UnableToWaiveFee):
        await debt.fees.waive(debt.account_id, fee.fee_id, "goodwill", "Robin")


async def test_a_reconnection_is_charged_once_and_only_after_a_bar(debt: Arrangements) -> None:
    await debt.a_next_invoice()
    await debt.a_policy(fees=FEES)
    case, invoice = await debt.a_case()
    for days in (10, 7):
        debt.world.clock.pass_days(days)
        await debt.world.carry_out_all(case)
    assert await debt.world.level() == "outgoing"
    await debt.world.pay(invoice)
    for _ in range(2):
        await debt.world.service.close_case(CloseCaseRequest(debt.account_id, case.case_id, "settled"))
    assert await lines(debt) == [("Heraansluitkosten", 3000, "standard")]
    other, another = await debt.a_case()
    await debt.world.pay(another)
    await debt.world.service.close_case(CloseCaseRequest(debt.account_id, other.case_id, "settled"))
    assert len(await debt.charged()) == 1


# Policies -----------------------------------------------------------------------------------------------------------


def a_policy(code: str, day: int, **fields: Any) -> dict[str, Any]:
    return {"code": code, "steps": [{"day": day, "action": "reminder"}], **fields}


async def test_a_segment_has_its_policy_before_the_brand_and_an_account_its_own_before_both(debt: Arrangements) -> None:
    await debt.world.policies.publish(a_policy("business", 20))
    await debt.assignments.assign("vonk", "business", "business", None, "Robin", "agreed terms")
    await debt.assignments.move_account(debt.account_id, "business", "Robin", "a company now")
    case, invoice = await debt.a_case()
    assert case.policy_code == "business"
    await debt.world.pay(invoice)
    await debt.world.service.close_case(CloseCaseRequest(debt.account_id, case.case_id, "settled"))
    await debt.assignments.assign("vonk", "business", "", None, "Robin", "back to the brand's")
    second, another = await debt.a_case()
    assert second.policy_code == "default"
    await debt.world.pay(another)
    await debt.world.service.close_case(CloseCaseRequest(debt.account_id, second.case_id, "settled"))
    await debt.world.change("change_dunning_policy", policy_code="business", policy_version=1)
    assert (await debt.a_case())[0].policy_code == "business"


async def test_an_assignment_names_what_exists(debt: Arrangements) -> None:
    with pytest.raises(NotFound) as policy:
        await debt.assignments.assign("vonk", "business", "nowhere", None, "Robin", "x")
    assert policy.value.field == "policy_code"
    with pytest.raises(NotFound):
        await debt.assignments.assign("nobody", "business", "default", None, "Robin", "x")
    with pytest.raises(InvalidValue):
        await debt.assignments.move_account(debt.account_id, " ", "Robin", "x")


async def test_a_policy_is_checked_against_its_law_pack_when_it_is_published_and_previewed(debt: Arrangements) -> None:
    hasty = STANDARD.to_dict() | {"code": "be", "law_pack": "be"}
    with pytest.raises(InvalidValue) as refused:
        await debt.world.policies.publish(hasty)
    assert refused.value.field == "minimum_days_after_warning"
    with pytest.raises(InvalidValue):
        await debt.world.policies.preview(hasty, debt.world.clock.at, "Europe/Brussels")


async def test_a_preview_shows_what_reminders_cost(debt: Arrangements) -> None:
    definition = a_policy("dear", 1) | {"steps": FOUR_REMINDERS, "fees": FEES}
    steps = await debt.world.policies.preview(definition, debt.world.clock.at, "Europe/Amsterdam", "NL")
    assert [one.fee_minor for one in steps] == [0, 1000, 500, 0]


# Moving cases -------------------------------------------------------------------------------------------------------


async def test_cases_are_moved_by_filter_after_a_preview_with_its_count(debt: Arrangements) -> None:
    case, _ = await debt.a_case()
    await debt.world.policies.publish(a_policy("gentle", 40))
    wanted = CaseFilter(brand="vonk", policy_code="default")
    preview = await debt.moves.preview(wanted, "gentle", 1)
    assert (preview.matched, preview.left, preview.to_policy) == (1, 0, "gentle version 1")
    assert "reminder@3" in preview.cases[0].next_now
    assert "reminder@40" in preview.cases[0].next_then
    assert debt.world.process.commands == []
    command = ChangeDunningPolicy("move-1", "Robin", "new terms", "gentle", 1)
    with pytest.raises(InvalidValue) as other:
        await debt.moves.move(wanted, "gentle", 1, 2, command)
    assert (other.value.field, other.value.value) == ("expected", "2")
    moved = await debt.moves.move(wanted, "gentle", 1, 1, command)
    assert [one.outcome for one in moved.cases] == ["moved"]
    ((workflow_id, update, sent),) = debt.world.process.commands
    assert (workflow_id, update) == ("account/vonk/A100001", "change_dunning_policy")
    assert (sent.command_id, sent.case_only) == (f"move-1-{case.case_id}", True)


async def test_a_moved_case_leaves_later_ones_to_their_own_policy(debt: Arrangements) -> None:
    case, invoice = await debt.a_case()
    await debt.world.policies.publish(a_policy("gentle", 40))
    await debt.world.change("change_dunning_policy", policy_code="gentle", policy_version=1, case_only=True)
    assert "policy gentle version 1" in (await debt.world.decide(case)).reason
    assert (await debt.moves.preview(CaseFilter(brand="vonk"), "gentle", 1)).matched == 0, "it is there already"
    await debt.world.pay(invoice)
    await debt.world.service.close_case(CloseCaseRequest(debt.account_id, case.case_id, "settled"))
    assert (await debt.a_case())[0].policy_code == "default"


async def test_a_move_names_whom_it_means(debt: Arrangements) -> None:
    with pytest.raises(InvalidValue) as everything:
        await debt.moves.preview(CaseFilter(), "default", 1)
    assert everything.value.field == "brand"


# Warnings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("channel", "barred"), [("email", True), ("sms", False)])
async def test_a_warning_counts_on_the_channels_of_the_policy_only(
    debt: Arrangements, channel: str, barred: bool
) -> None:
    await debt.a_policy(warning_channels=["email"])
    case, _ = await debt.a_case()
    debt.world.clock.pass_days(10)
    step = await debt.world.decide(case)
    while step.action is not NextAction.WARN:
        step = await debt.world.carry_out(case, step)
    await debt.world.a_notice(step, case.case_id, NoticeStatus.DELIVERED, channel)
    await debt.world.carry_out(case, step)
    debt.world.clock.pass_days(7)
    assert ((await debt.world.decide(case)).action is NextAction.BAR) is barred
