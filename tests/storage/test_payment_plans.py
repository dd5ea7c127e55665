"""Payment plans on the books: agreed, collected, kept, missed once, changed, cancelled; and promises beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from billing.domain.dunning_terms import Arrangements as Terms
from billing.domain.errors import InvalidValue
from billing.messages.dunning import NextAction
from billing.messages.notices import NoticeKind
from billing.services.dunning_plans import next_part_of_plan
from billing.services.dunning_promises import UnableToPromise
from billing.services.payment_plans import UnableToAgreePlan, UnableToCancelPlan
from tests.builders_arrangements import Arrangements, an_arranged_debt


@pytest.fixture
async def debt(database_url: str) -> AsyncIterator[Arrangements]:
    async with an_arranged_debt(database_url) as made:
        yield made


# Agreeing -----------------------------------------------------------------------------------------------------------


async def test_a_plan_lets_the_case_rest_and_is_told_on_the_timeline(debt: Arrangements) -> None:
    case, invoice = await debt.a_case()
    done = await debt.agree((5, 2000), (35, 2210))
    again = await debt.agree((5, 2000), (35, 2210))
    assert again == done, "the same command counts once"
    assert (done.invoice_ids, done.amount_minor, done.first_minor) == ((invoice,), 4210, 2000)
    step = await debt.world.decide(case)
    assert (step.action, step.amount_minor) == (NextAction.WAIT, 0)
    assert "in a payment plan 42.10 EUR" in step.reason
    (entry,) = await debt.world.timeline("payment_plan_agreed")
    assert entry.actor == "Robin"
    assert entry.reason["reason"] == "the customer called"


async def test_a_proposal_is_even_and_its_preview_says_the_same(debt: Arrangements) -> None:
    from billing.messages.arrangements import AgreePaymentPlan, PlannedInstalment

    await debt.a_case()
    asked = AgreePaymentPlan(paid_by="paylink")
    proposed = await debt.plans.propose(debt.account_id, asked, 3, None, "week")
    assert [one.amount_minor for one in proposed.instalments] == [1404, 1403, 1403]
    assert proposed.earliest_on == debt.day(1)
    planned = tuple(PlannedInstalment(one.due_on, one.amount_minor) for one in proposed.instalments)
    assert (
        await debt.plans.preview(debt.account_id, AgreePaymentPlan(paid_by="paylink", instalments=planned)) == proposed
    )
    assert await debt.plans.all(debt.account_id) == [], "nothing is stored"


async def test_a_plan_of_other_amounts_or_without_a_method_is_refused_by_field(debt: Arrangements) -> None:
    await debt.a_case()
    with pytest.raises(InvalidValue) as wrong_sum:
        await debt.agree((5, 2000), (35, 2209))
    assert (wrong_sum.value.field, wrong_sum.value.value) == ("instalments", "4209")
    with pytest.raises(UnableToAgreePlan) as no_method:
        await debt.agree((5, 2000), (35, 2210), paid_by="debit")
    assert no_method.value.field == "paid_by"
    with pytest.raises(InvalidValue) as unknown:
        await debt.agree((5, 2000), (35, 2210), paid_by="cheque")
    assert unknown.value.field == "paid_by"
    await debt.a_policy(arrangements=Terms(most_instalments=1).to_dict())
    await debt.world.change("change_dunning_policy", policy_code="default", policy_version=2)
    with pytest.raises(InvalidValue) as too_many:
        await debt.agree((5, 2000), (35, 2210))
    assert too_many.value.field == "instalments"


async def test_nothing_paid_disputed_or_under_way_goes_into_a_plan(debt: Arrangements) -> None:
    case, invoice = await debt.a_case()
    await debt.world.disputes.open(debt.account_id, invoice, 1000, "calls I did not make", "Robin")
    done = await debt.agree((5, 3210))
    assert done.amount_minor == 3210
    assert (await debt.world.decide(case)).action is NextAction.WAIT
    with pytest.raises(UnableToAgreePlan) as running:
        await debt.agree((6, 3210), command_id="plan-2")
    assert running.value.field == "replaces"
    paid = await debt.world.an_invoice(500)
    await debt.world.pay(paid, 500)
    with pytest.raises(UnableToAgreePlan) as idle:
        await debt.agree((6, 3210), command_id="plan-3", invoice_ids=(paid,), replaces=done.subject)
    assert idle.value.value == paid


# Looking after it ---------------------------------------------------------------------------------------------------


async def test_an_instalment_by_paylink_is_told_and_the_plan_is_kept(debt: Arrangements) -> None:
    case, invoice = await debt.a_case()
    await debt.agree((5, 2000), (35, 2210))
    debt.world.clock.pass_days(2)
    step = await debt.world.decide(case)
    assert (step.action, step.notice, step.amount_minor) == (NextAction.NOTIFY, NoticeKind.INSTALMENT_DUE, 2000)
    assert (await debt.world.carry_out(case, step)).action is NextAction.WAIT
    assert (await debt.world.carry_out(case, step)).action is NextAction.WAIT, "written down twice, told once"
    assert len([one for one in await debt.world.timeline("dunning_step") if "instalment" in one.summary]) == 1
    await debt.world.pay(invoice, 2000)
    assert (await debt.world.decide(case)).action is NextAction.WAIT
    await debt.world.pay(invoice, 2210)
    assert (await debt.world.decide(case)).action is NextAction.CLOSE
    assert (await debt.plan()).status == "kept"


async def test_a_debit_is_asked_of_the_account_with_its_amount_and_date(debt: Arrangements) -> None:
    await debt.world.a_card()
    case, invoice = await debt.a_case()
    done = await debt.agree((14, 2000), (45, 2210), paid_by="debit")
    assert (await debt.world.decide(case)).until is not None
    debt.world.clock.pass_days(4)
    step = await debt.world.decide(case)
    due_on = (await debt.plan()).instalments[0]["due_on"]
    assert (step.action, step.amount_minor, str(step.on)) == (NextAction.RETRY, 2000, due_on)
    assert (step.instalment, step.invoice_ids) == (f"{done.subject}-1", (invoice,))
    assert (await debt.world.carry_out(case, step, "asked")).action is NextAction.WAIT
    assert (await debt.plan()).instalments[0]["asked_at"]


async def test_a_failed_instalment_is_told_with_its_amount_and_then_breaks_the_plan(debt: Arrangements) -> None:
    card = await debt.world.a_card()
    case, invoice = await debt.a_case()
    await debt.agree((14, 2000), (45, 2210), paid_by="debit")
    debt.world.clock.pass_days(4)
    await debt.world.carry_out(case, await debt.world.decide(case), "asked")
    debt.world.clock.pass_days(10)
    attempt = await debt.world.a_try(f"{invoice}-2", method_id=card)
    await debt.world.open_case(invoice, attempt=attempt)
    step = await debt.world.decide(case)
    assert (step.notice, step.occasion, step.amount_minor) == (NoticeKind.FAILED, attempt, 2000)
    assert (await debt.world.carry_out(case, step)).action is NextAction.WAIT
    debt.world.clock.pass_days(4)
    resumed = await debt.world.decide(case)
    assert (await debt.plan()).status == "broken"
    assert resumed.amount_minor == 4210, "everything is pressed for again"
    assert len(await debt.world.timeline("payment_plan_ended")) == 1


async def test_scenario_34_a_missed_instalment_resumes_the_ladder_once_and_where_it_stood(debt: Arrangements) -> None:
    case, _ = await debt.a_case()
    debt.world.clock.pass_days(3)
    await debt.world.carry_out_all(case)
    await debt.agree((20, 2000), (50, 2210))
    debt.world.clock.pass_days(17)
    await debt.world.carry_out(case, await debt.world.decide(case))
    debt.world.clock.pass_days(7)  # 24 days after the plan was made
    step = await debt.world.decide(case)
    assert (await debt.plan()).status == "broken"
    assert step.action is NextAction.WAIT, "the warning of day 10 comes as many days later as the plan lasted"
    assert "24 of them at rest" in step.reason
    debt.world.clock.pass_days(7)
    warned = await debt.world.decide(case)
    assert warned.action is NextAction.WARN
    for _ in range(2):
        assert (await debt.world.decide(case)).action is NextAction.WARN
    assert len(await debt.world.timeline("payment_plan_ended")) == 1


async def test_after_a_broken_plan_an_old_warning_does_not_count(debt: Arrangements) -> None:
    case, _ = await debt.a_case()
    for days in (3, 7):
        debt.world.clock.pass_days(days)
        await debt.world.carry_out_all(case)
    await debt.agree((5, 4210))
    debt.world.clock.pass_days(2)
    await debt.world.carry_out(case, await debt.world.decide(case))
    debt.world.clock.pass_days(30)
    assert (await debt.world.decide(case)).action is NextAction.WAIT, "the ladder's bar comes later"
    debt.world.clock.pass_days(7)
    assert (await debt.world.decide(case)).action is NextAction.WARN, "and who is to be barred is warned anew"
    assert await debt.world.level() == "none"


async def test_a_changed_plan_takes_the_place_of_the_old_one_and_a_cancelled_one_ends(debt: Arrangements) -> None:
    case, invoice = await debt.a_case()
    first = await debt.agree((5, 2000), (35, 2210))
    await debt.world.pay(invoice, 1000)
    second = await debt.agree((8, 1605), (38, 1605), command_id="plan-2", replaces=first.subject)
    statuses = {one.plan_id: one.status for one in await debt.plans.all(debt.account_id)}
    assert statuses == {first.subject: "replaced", second.subject: "running"}
    await debt.cancel(second.subject)
    assert (await debt.world.decide(case)).amount_minor == 3210
    with pytest.raises(UnableToCancelPlan) as ended:
        await debt.cancel(second.subject, "cancel-2")
    assert ended.value.field == "plan_id"


async def test_a_pause_holds_a_plan_as_well(debt: Arrangements) -> None:
    case, _ = await debt.a_case()
    await debt.agree((5, 4210))
    await debt.world.change("pause")
    debt.world.clock.pass_days(40)
    step = await debt.world.decide(case)
    assert (step.action, step.until) == (NextAction.WAIT, None)
    assert (await debt.plan()).status == "running"


async def test_the_pay_page_asks_for_the_instalment_in_turn_and_for_what_the_plan_leaves_out(
    debt: Arrangements,
) -> None:
    _, invoice = await debt.a_case()
    await debt.agree((5, 2000), (35, 2210))
    other = await debt.world.an_invoice(500)

    async def payable() -> dict[str, int]:
        async with debt.world.work() as work:
            opened = await work.ledger.open_invoices(debt.account_id)
            return {one.invoice_id: one.open_minor for one in await next_part_of_plan(work, debt.account_id, opened)}

    assert await payable() == {invoice: 2000, other: 500}
    await debt.world.pay(invoice, 1500)
    assert await payable() == {invoice: 500, other: 500}
    await debt.world.pay(invoice, 500)
    assert await payable() == {invoice: 2210, other: 500}


async def test_a_plan_of_which_so_little_is_left_that_nobody_could_pay_it_is_kept(debt: Arrangements) -> None:
    case, invoice = await debt.a_case()
    await debt.agree((5, 2000), (35, 2210))
    await debt.world.pay(invoice, 4190)
    step = await debt.world.decide(case)
    assert ((await debt.plan()).status, step.action, step.invoice_ids) == ("kept", NextAction.CLOSE, (invoice,))


# Promises -----------------------------------------------------------------------------------------------------------


async def test_a_promise_is_kept_when_its_amount_came_and_covers_nothing_more(debt: Arrangements) -> None:
    case, invoice = await debt.a_case()
    await debt.promise(10, 3000)
    await debt.world.pay(invoice, 3000)
    step = await debt.world.decide(case)
    assert await debt.outcomes() == ["kept"]
    assert step.amount_minor == 1210, "the rest is pressed for"
    (told,) = await debt.world.timeline("promise_kept")
    assert "30.00 EUR came" in told.summary


async def test_a_promise_says_what_it_covers_also_to_a_command_sent_again(debt: Arrangements) -> None:
    """The process holds the debits of these invoices: it must hear of them though the first answer was lost."""
    invoice = await debt.world.an_invoice()
    made = [await debt.promise(5) for _ in range(2)]
    assert made[0] == made[1]
    assert (made[0].invoice_ids, made[0].in_case, made[0].until is not None) == ((invoice,), False, True)

    _, later = await debt.a_case()
    pressed = await debt.promise(6, command_id="promise-2")
    assert (pressed.invoice_ids, pressed.in_case) == ((later,), True)


async def test_a_promise_without_its_money_is_broken_once_its_day_is_over(debt: Arrangements) -> None:
    case, invoice = await debt.a_case()
    result = await debt.promise(10, 3000)
    await debt.world.pay(invoice, 2999)
    await debt.world.decide(case)
    assert await debt.outcomes() == [""]
    assert result.until is not None
    debt.world.clock.at = result.until + timedelta(minutes=1)
    assert await debt.promises.end_over() == 1, "upkeep sees it where no case looks"
    assert await debt.promises.end_over() == 0
    assert await debt.outcomes() == ["broken"]


async def test_promises_are_limited_by_the_policy(debt: Arrangements) -> None:
    await debt.a_policy(arrangements=Terms(most_promises=2, longest_promise_days=20).to_dict())
    await debt.a_case()
    with pytest.raises(InvalidValue) as late:
        await debt.promise(21)
    assert (late.value.field, late.value.value) == ("pay_by", str(debt.day(21)))
    with pytest.raises(InvalidValue) as too_much:
        await debt.promise(5, 4211)
    assert too_much.value.field == "amount_minor"
    first = await debt.promise(5)
    assert await debt.promise(5) == first, "the same command counts once"
    await debt.promise(6, command_id="promise-2")
    assert await debt.outcomes() == ["replaced", ""]
    with pytest.raises(UnableToPromise) as third:
        await debt.promise(7, command_id="promise-3")
    assert third.value.field == "promises"


async def test_with_nothing_open_there_is_nothing_to_promise_or_to_pay_in_parts(debt: Arrangements) -> None:
    with pytest.raises(UnableToPromise):
        await debt.promise(5)
    with pytest.raises(UnableToAgreePlan):
        await debt.agree((5, 100))
