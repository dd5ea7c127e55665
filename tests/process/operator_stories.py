"""What operators do to an account while its process runs, and what customers do twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from billing.domain.bulk_actions import BulkKind, BulkOrder
from billing.domain.work_list import WorkFilter
from billing.messages.account import (
    AdjustBalance,
    ChangeCycleDay,
    ChangeDunningPolicy,
    CloseAccount,
    PauseCollection,
    PromiseToPay,
    RefundPayment,
    ResumeCollection,
    RetryCollection,
    WaiveInvoice,
)
from billing.messages.identities import bulk_action_workflow_id
from billing.services.access import Caller
from tests.process.customer_stories import Story
from tests.process.people import FEE_MINOR, Customer, a_customer
from tests.process.world import World

WHO = {"author": "clerk", "reason": "the test asks for it"}


async def paused_and_resumed(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa")
    await customer.told("ready")
    await customer.command("pause_collection", PauseCollection("pause-1", **WHO))
    before = await customer.notices()
    await asyncio.sleep(world.day_seconds * 28)
    assert await customer.notices() == before, "nothing is asked for while collection is paused"
    assert await customer.attempts() == []
    await customer.command("resume_collection", ResumeCollection("resume-1", **WHO))
    await customer.told("thank_you")
    assert "retry" in await customer.notices(), "the date had passed, so a new one was announced"


async def cycle_day_changed(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", days_to_close=3)
    before = await customer.view()
    day = 28 if before.cycle_number == 1 else 27
    result = await customer.command("change_cycle_day", ChangeCycleDay("day-1", **WHO, cycle_day=day))
    assert result.accepted, result
    async with world.parts.make_work() as work:
        assert (await work.accounts.get(customer.account_id)).cycle_day == day
    again = await customer.command("change_cycle_day", ChangeCycleDay("day-1", **WHO, cycle_day=5))
    assert again == result, "the same command id is answered as the first time"


async def promise_holds_dunning(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["lost_card"])
    await customer.told("failed")
    pay_by = (world.now() + timedelta(days=25)).date()
    result = await customer.command("promise_to_pay", PromiseToPay("promise-1", **WHO, pay_by=pay_by))
    assert result.accepted, result
    await asyncio.sleep(world.day_seconds * 20)
    assert await customer.levels() == ["none"], "no bar during a promise"
    assert "barring_warning" not in await customer.notices()


async def promise_holds_the_announced_debit(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa")
    await customer.told("ready")
    pay_by = (world.now() + timedelta(days=20)).date()
    result = await customer.command("promise_to_pay", PromiseToPay("promise-1", **WHO, pay_by=pay_by))
    assert result.accepted, result
    await asyncio.sleep(world.day_seconds * 18)
    assert await customer.attempts() == [], "no debit before the promised day"
    await customer.told("thank_you")
    assert "retry" in await customer.notices(), "what was not paid by then was announced anew"
    assert await customer.open_minor() == 0


async def disputed_before_the_debit_and_rejected(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa")
    await customer.told("ready")
    async with world.parts.make_work() as work:
        invoice = (await work.ledger.open_invoices(customer.account_id))[0]
    path = f"/v1/accounts/{customer.account_id}/disputes"
    opened = await world.api.post(path, json={"invoice_id": invoice.invoice_id, "reason": "not mine"})
    assert opened.status_code == 201, opened.text

    async def waits_in_a_case() -> bool:
        async with world.parts.make_work() as work:
            return bool(await work.dunning.cases(customer.account_id))

    await world.until(waits_in_a_case, 60, "nobody collects what was disputed", customer.story)
    assert await customer.attempts() == []
    closed = await world.api.post(
        f"{path}/{opened.json()['dispute_id']}/close", json={"outcome": "rejected", "decision": "it is yours"}
    )
    assert closed.status_code == 200, closed.text
    await customer.told("thank_you")
    assert await customer.open_minor() == 0


async def handed_over_then_pays(world: World) -> None:
    ladder = (("failed_notice", 0), ("warn", 1), ("bar_full", 8), ("hand_over", 40))
    steps = [{"action": action, "day": day} for action, day in ladder]
    answer = await world.api.post("/v1/dunning-policies", json={"definition": {"code": "swift", "steps": steps}})
    assert answer.status_code == 201, answer.text
    customer = await a_customer(world, "pm_card_visa", ["lost_card"])
    choice = ChangeDunningPolicy("policy-1", **WHO, policy_code="swift")
    assert (await customer.command("change_dunning_policy", choice)).accepted
    await customer.reaches("full", 80)

    async def handed_over() -> bool:
        async with world.parts.make_work() as work:
            return [one.outcome for one in await work.dunning.cases(customer.account_id)] == ["handed_over"]

    await world.until(handed_over, 60, "the case was not handed over", customer.story)
    assert await customer.levels() == ["full"], "what was handed over stays barred"
    await customer.gets_money()
    await customer.pay_by_paylink()
    await customer.reaches("none", 20)
    await customer.told("restored", 20)


async def retried_by_hand(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["insufficient_funds"])
    refused = await customer.command("retry_collection", RetryCollection("retry-0", **WHO))
    assert not refused.accepted
    assert refused.field == "invoice_id"
    await customer.told("failed")
    await customer.gets_money()
    await customer.command("retry_collection", RetryCollection("retry-1", **WHO))
    await customer.told("thank_you")
    assert await customer.open_minor() == 0


async def waived(world: World) -> None:
    customer = await a_customer(world)
    await customer.told("ready_to_pay")
    async with world.parts.make_work() as work:
        invoice = (await work.ledger.open_invoices(customer.account_id))[0]
    result = await customer.command("waive_invoice", WaiveInvoice("waive-1", **WHO, invoice_id=invoice.invoice_id))
    assert result.accepted, result
    assert await customer.open_minor() == 0


async def refunded(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa")
    await customer.told("thank_you")
    attempt = (await customer.attempts())[0].attempt_id
    command = RefundPayment("refund-1", **WHO, attempt_id=attempt, amount_minor=500)
    assert (await customer.command("refund_payment", command)).accepted
    assert (await customer.command("refund_payment", command)).accepted, "asked twice, refunded once"
    await asyncio.sleep(world.day_seconds)
    assert await customer.cash_minor() == FEE_MINOR - 500


async def credit_carries_over(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", days_to_close=4)
    credit = AdjustBalance("credit-1", **WHO, amount_minor=-5000, description="Goodwill")
    assert (await customer.command("adjust_balance", credit)).accepted
    await customer.told("nothing_to_pay")
    assert await customer.attempts() == []
    async with world.parts.make_work() as work:
        assert await work.ledger.credit_minor(customer.account_id, "EUR") > 0


async def pays_twice_in_two_tabs(world: World) -> None:
    customer = await a_customer(world)
    await customer.told("ready_to_pay")
    first, second = await customer.open_page(), await customer.open_page()
    assert first == second, "the same open page serves both tabs"
    await customer.pay_on(first)
    await customer.told("thank_you")
    answer = await customer.pay_on(second)
    assert "Already paid" in answer.text
    await asyncio.sleep(world.day_seconds)
    assert await customer.cash_minor() == FEE_MINOR
    assert await customer.open_page() == "", "nothing is open any more"


async def account_closed(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", days_to_close=10)
    result = await customer.command("close_account", CloseAccount("close-1", **WHO))
    assert result.accepted, result
    await customer.told("thank_you")

    async def ended() -> bool:
        async with world.parts.make_work() as work:
            return (await work.accounts.get(customer.account_id)).status == "closed"

    await world.until(ended, 10, "the account did not end", customer.story)


async def held_in_bulk_and_put_back(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["lost_card"], segment="bulk")
    await customer.told("failed")
    actions, boss = world.parts.collections.actions, Caller("clerk", "admin")
    order = BulkOrder(BulkKind.HOLD, until=world.now() + timedelta(days=60))
    action = await actions.preview(order, WorkFilter(segment="bulk"), "clerk")

    async def chosen() -> bool:
        nonlocal action
        action = await actions.preview(order, WorkFilter(segment="bulk"), "clerk")
        return action.accounts == 1

    await world.until(chosen, 20, "the account is not overdue", customer.story)
    for _ in range(2):  # the action, then its undoing
        customer.workflows.append(bulk_action_workflow_id(action.bulk_id))
        await actions.confirm(action.bulk_id, 1, "an outage", boss)
        await _ended(world, customer, action.bulk_id)
        async with world.parts.make_work() as work:
            held = (await work.accounts.get(customer.account_id)).hold_until
        if action.undoes is None:
            assert held == order.until
            action = await actions.preview_undo(action.bulk_id, "clerk")
    assert held is None


async def _ended(world: World, customer: Customer, bulk_id: str) -> None:
    async def ended() -> bool:
        report = await world.parts.collections.actions.report(bulk_id)
        assert report.refused + report.failed + report.skipped == 0, report
        return report.state == "done"

    await world.until(ended, 20, f"{bulk_id} did not end", customer.story)


async def still_sleeping(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", days_to_close=25)
    await asyncio.sleep(world.day_seconds)
    assert (await customer.view()).collection_state == "open"


OPERATOR_STORIES: tuple[Story, ...] = (
    paused_and_resumed,
    cycle_day_changed,
    promise_holds_dunning,
    promise_holds_the_announced_debit,
    disputed_before_the_debit_and_rejected,
    handed_over_then_pays,
    retried_by_hand,
    waived,
    refunded,
    credit_carries_over,
    pays_twice_in_two_tabs,
    account_closed,
    held_in_bulk_and_put_back,
    still_sleeping,
)
