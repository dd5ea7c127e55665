"""Dunning cases on the books: told once, pinned, paused for the right part, closed and lifted when nothing is owed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from billing.domain.dunning_policy import STANDARD, DunningAction, DunningStep
from billing.domain.errors import Conflict
from billing.messages.dunning import CaseCommand, CloseCaseRequest, NextAction, StepDone
from billing.messages.notices import NoticeKind
from billing.messages.payments import PaymentStatus
from billing.ports.notices import NoticeStatus
from tests.builders_dunning import A_TUESDAY_MORNING, DebtWorld, a_debt_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DebtWorld]:
    async with a_debt_world(database_url) as made:
        yield made


# Opening and joining ------------------------------------------------------------------------------------------------


async def test_a_second_failure_joins_the_open_case(world: DebtWorld) -> None:
    first, second = await world.an_invoice(4210), await world.an_invoice(1000)
    opened = await world.open_case(first, attempt="a-1")
    for _ in range(2):
        joined = await world.open_case(second, attempt="a-2")
    assert (joined.case_id, joined.policy_code, joined.policy_version) == (opened.case_id, "default", 1)
    step = await world.decide(opened)
    assert (step.amount_minor, step.invoice_ids, step.occasion) == (5210, (first, second), "a-2")


async def test_a_case_keeps_its_policy_version_when_a_new_one_is_published(world: DebtWorld) -> None:
    case = await world.open_case(await world.an_invoice())
    await world.carry_out_all(case)
    quick = replace(STANDARD, code="default", steps=(DunningStep(1, DunningAction.REMINDER),))
    assert (await world.policies.publish(quick.to_dict())).policy_version == 2
    world.clock.pass_days(1)
    step = await world.decide(case)
    assert step.action is NextAction.WAIT
    assert "policy default version 1" in step.reason


async def test_the_same_definition_stays_the_same_version(world: DebtWorld) -> None:
    published = [await world.policies.publish(replace(STANDARD, code="default").to_dict()) for _ in range(2)]
    assert [one.policy_version for one in published] == [1, 1]
    assert len(await world.policies.all()) == 1


# Telling ------------------------------------------------------------------------------------------------------------


async def test_each_failed_try_is_told_once_and_counts_as_the_first_step(world: DebtWorld) -> None:
    case = await world.open_case(await world.an_invoice(), attempt=await world.a_try("a-1"))
    step = await world.decide(case)
    assert (step.action, step.notice, step.step) == (NextAction.NOTIFY, NoticeKind.FAILED, "failed_notice@0")
    for _ in range(2):  # also when the answer was lost and the step is written down again
        assert (await world.carry_out(case, step)).action is NextAction.WAIT
    assert len(await world.timeline("dunning_step")) == 1


async def test_a_failure_while_the_notice_goes_out_is_told_as_well(world: DebtWorld) -> None:
    invoice = await world.an_invoice()
    case = await world.open_case(invoice, attempt="a-1")
    step = await world.decide(case)
    await world.open_case(invoice, attempt="a-2")
    again = await world.carry_out(case, step)
    assert (again.notice, again.occasion, again.step) == (NoticeKind.FAILED, "a-2", "")
    assert (await world.carry_out(case, again)).action is NextAction.WAIT


async def test_an_interrupted_notice_is_not_done(world: DebtWorld) -> None:
    case = await world.open_case(await world.an_invoice(), attempt="a-1")
    step = await world.decide(case)
    assert await world.carry_out(case, step, "interrupted") == step


async def test_an_unpaid_invoice_without_a_try_is_reminded_of(world: DebtWorld) -> None:
    case = await world.open_case(await world.an_invoice(), category="not_paid")
    step = await world.decide(case)
    assert (step.notice, step.step) == (NoticeKind.DUNNING_REMINDER, "failed_notice@0")


async def test_needed_authentication_is_told_at_once_even_at_night(world: DebtWorld) -> None:
    world.clock.at = A_TUESDAY_MORNING.replace(hour=22)
    attempt = await world.a_try("a-1", PaymentStatus.ACTION_REQUIRED, "needs_customer")
    case = await world.open_case(await world.an_invoice(), category="needs_customer", attempt=attempt)
    step = await world.decide(case)
    assert (step.notice, step.step, step.hurry) == (NoticeKind.FAILED, "failed_notice@0", True)
    assert (await world.carry_out(case, step)).action is NextAction.WAIT


async def test_a_limit_at_the_customers_bank_is_not_told_at_night(world: DebtWorld) -> None:
    attempt = await world.a_try("a-1", PaymentStatus.FAILED, "needs_customer")
    case = await world.open_case(await world.an_invoice(), category="needs_customer", attempt=attempt)
    step = await world.decide(case)
    assert (step.notice, step.hurry) == (NoticeKind.FAILED, False)


async def test_a_plain_decline_waits_for_the_end_of_quiet_hours(world: DebtWorld) -> None:
    attempt = await world.a_try("a-1", PaymentStatus.FAILED, "funds")
    case = await world.open_case(await world.an_invoice(), category="funds", attempt=attempt)
    step = await world.decide(case)
    assert (step.notice, step.hurry) == (NoticeKind.FAILED, False)


async def test_a_reversal_is_not_told_again(world: DebtWorld) -> None:
    attempt = await world.a_try("a-1", PaymentStatus.DISPUTED, "customer_refused")
    case = await world.open_case(await world.an_invoice(), category="customer_refused", attempt=attempt)
    step = await world.decide(case)
    assert step.action is NextAction.WAIT


async def test_our_own_failure_never_reaches_the_customer(world: DebtWorld) -> None:
    invoice = await world.an_invoice()
    case = await world.open_case(invoice, category="merchant_error", attempt="a-1")
    for _ in range(3):
        step = await world.decide(case)
        assert (step.action, step.until) == (NextAction.WAIT, None)
        world.clock.pass_days(10)
    await world.pay(invoice)
    assert (await world.decide(case)).action is NextAction.CLOSE


async def test_a_reported_death_stops_everything(world: DebtWorld) -> None:
    method = await world.a_card()
    attempt = await world.a_try("a-1", category="hard_stop", method_id=method, code="MD07")
    case = await world.open_case(await world.an_invoice(), category="hard_stop", attempt=attempt)
    step = await world.decide(case)
    assert (step.action, step.until) == (NextAction.WAIT, None)
    assert "a person decides" in step.reason


# Retrying -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("category", "retried"), [("funds", True), ("technical", True), ("customer_refused", False)])
async def test_a_method_is_tried_again_where_its_failure_allows(world: DebtWorld, category: str, retried: bool) -> None:
    attempt = await world.a_try("a-1", category=category, method_id=await world.a_card())
    case = await world.open_case(await world.an_invoice(), category=category, attempt=attempt)
    await world.carry_out_all(case)
    world.clock.pass_days(3)
    actions = [step.action for step in await world.carry_out_all(case)]
    assert actions == [*([NextAction.RETRY] if retried else []), NextAction.NOTIFY, NextAction.WAIT]


async def test_a_method_that_came_after_the_failure_may_be_tried(world: DebtWorld) -> None:
    case = await world.open_case(await world.an_invoice(), category="method_dead", attempt=await world.a_try("a-1"))
    await world.carry_out_all(case)
    await world.a_card()
    world.clock.pass_days(3)
    assert (await world.decide(case)).action is NextAction.RETRY


# What is not pursued ------------------------------------------------------------------------------------------------


async def test_a_disputed_part_is_left_out_and_a_whole_dispute_pauses(world: DebtWorld) -> None:
    clear, doubted = await world.an_invoice(4210), await world.an_invoice(1000)
    case = await world.open_case(clear, doubted, attempt="a-1")
    dispute = await world.disputes.open(world.account_id, doubted, 0, "not mine", "Robin")
    step = await world.decide(case)
    assert (step.amount_minor, step.invoice_ids) == (4210, (clear,))
    await world.pay(clear)
    assert (await world.decide(case)).action is NextAction.WAIT
    await world.disputes.close(world.account_id, dispute.dispute_id, "rejected", "it is yours", "Robin")
    assert (await world.decide(case)).amount_minor == 1000


@pytest.mark.parametrize("kind", ["pause", "hold_until", "promise_to_pay"])
async def test_nothing_is_pressed_for_during_a_pause_hold_or_promise(world: DebtWorld, kind: str) -> None:
    fields = {
        "pause": {},
        "hold_until": {"until": A_TUESDAY_MORNING + timedelta(days=5)},
        "promise_to_pay": {"pay_by": date(2027, 6, 12)},
    }
    case = await world.open_case(await world.an_invoice(), attempt="a-1")
    await world.change(kind, **fields[kind])
    step = await world.decide(case)
    assert step.action is NextAction.WAIT
    world.clock.pass_days(7)
    await world.change("resume")
    assert (await world.decide(case)).notice is NoticeKind.FAILED


# Warning, barring, closing ------------------------------------------------------------------------------------------


async def test_an_unpaid_case_ends_fully_barred_and_is_lifted_when_it_is_paid(world: DebtWorld) -> None:
    invoice = await world.an_invoice()
    case = await world.open_case(invoice, attempt="a-1")
    levels = {}
    for day in range(32):
        await world.carry_out_all(case)
        levels[day] = await world.level()
        world.clock.pass_days(1)
    assert (levels[16], levels[17], levels[30], levels[31]) == ("none", "outgoing", "outgoing", "full")
    await world.pay(invoice)
    closing = await world.decide(case)
    assert (closing.action, closing.level) == (NextAction.CLOSE, "full")
    for _ in range(2):
        await world.service.close_case(CloseCaseRequest(world.account_id, case.case_id, "settled"))
    story = await world.service.story(world.account_id)
    assert [one.outcome for one in story.cases] == ["settled"]
    assert [one.kind for one in story.entries][-1] == "case_closed"


async def test_nobody_is_barred_without_a_delivered_warning(world: DebtWorld) -> None:
    case = await world.open_case(await world.an_invoice(), attempt="a-1")
    warned = []
    for _ in range(40):
        steps = await world.carry_out_all(case, delivered=False)
        warned += [step.occasion for step in steps if step.action is NextAction.WARN]
        assert not [step for step in steps if step.action is NextAction.BAR]
        world.clock.pass_days(1)
    assert len(warned) == len(set(warned)) > 1


async def test_a_mail_that_did_not_bounce_within_a_day_has_arrived(world: DebtWorld) -> None:
    case = await world.open_case(await world.an_invoice(), attempt="a-1")
    await world.carry_out_all(case)
    world.clock.pass_days(3)
    await world.carry_out_all(case)
    world.clock.pass_days(7)
    warning = await world.decide(case)
    assert (warning.action, warning.on) == (NextAction.WARN, date(2027, 6, 25))
    await world.a_notice(warning, case.case_id, NoticeStatus.ACCEPTED)
    await world.carry_out(case, warning)
    world.clock.pass_days(7)
    assert (await world.decide(case)).action is NextAction.BAR


async def test_an_accepted_text_message_has_not_arrived_until_it_is_said(world: DebtWorld) -> None:
    case = await world.open_case(await world.an_invoice(), attempt="a-1")
    await world.carry_out_all(case)
    world.clock.pass_days(3)
    await world.carry_out_all(case)
    world.clock.pass_days(7)
    warning = await world.decide(case)
    await world.a_notice(warning, case.case_id, NoticeStatus.ACCEPTED, channel="sms")
    await world.carry_out(case, warning)
    world.clock.pass_days(10)
    assert (await world.decide(case)).action is NextAction.WAIT


async def test_a_bar_withdrawn_half_way_is_lifted_and_may_be_ordered_again(world: DebtWorld) -> None:
    invoice = await world.an_invoice()
    case = await world.open_case(invoice, attempt="a-1")
    world.network.slow = True
    await world.barring.place_order(world.order("outgoing", f"{case.case_id}-1"))
    step = await world.decide(case)
    withdrawn = StepDone("bar_outgoing@17", NextAction.BAR, "withdrawn")
    assert "bar_outgoing@17" not in (await world.decide(case, withdrawn)).step
    assert step.level == "none"
    await world.pay(invoice)
    assert (await world.decide(case)).level == "outgoing"


async def test_what_a_person_barred_is_not_lifted_by_a_payment(world: DebtWorld) -> None:
    invoice = await world.an_invoice()
    case = await world.open_case(invoice, attempt="a-1")
    await world.barring.place_order(world.order("full", "ord-1", author="Robin"))
    await world.pay(invoice)
    assert (await world.decide(case)).level == "none"


async def test_a_command_whose_answer_was_lost_counts_once(world: DebtWorld) -> None:
    until = world.clock.at + timedelta(days=9)
    hold = CaseCommand(world.account_id, "hold_until", "the one", "Robin", "asked for", until=until)
    first = await world.service.change_case(hold)
    await world.change("resume")
    assert await world.service.change_case(hold) == first
    async with world.work() as work:
        assert (await work.accounts.get(world.account_id)).hold_until is None, "what was said later stays"
        told = [one.kind for one in await work.timeline.of(world.account_id) if one.kind in ("hold_until", "resume")]
    assert told == ["hold_until", "resume"]
    with pytest.raises(Conflict, match="The command the one was hold_until"):
        await world.service.change_case(replace(hold, kind="pause"))
