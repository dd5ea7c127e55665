"""Customers of a British brand, debited by Bacs: instructions, ten working days' notice, failures, the Guarantee."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from billing.domain.banking_days import add_banking_days
from billing.messages.payments import MethodKind, MethodReview, PaymentStatus, RetryPlanRequest
from billing.ports.payments import MandateStatus, MethodStatus, PaymentMethod
from tests.builders import a_brand
from tests.builders_payments import TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]

BRITISH: dict[str, Any] = {
    "currency": "GBP",
    "zone": "Europe/London",
    "country": "GB",
    "locale": "en_GB",
    "cycle_policy": {"scheme_calendar": "GB", "country": "GB"},
}


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    async with a_till(database_url, faulty, a_brand(**BRITISH)) as world:
        yield world


async def an_account_of(till: TillWorld, name: str = "success", *, accepted: bool = True) -> PaymentMethod:
    """A stored UK account, its instruction accepted by the bank or refused, as its number says."""
    method = await till.a_bank_account(f"pm_bacsDebit_{name}")
    if accepted:
        await till.control("POST", "/mandates/decide", {"payment_method": method.provider_method})
        await till.methods.refresh(till.account_id, method.method_id)
    async with till.work() as work:
        return await work.payments.method(till.account_id, method.method_id)


async def a_pending_debit(till: TillWorld, name: str = "success") -> tuple[str, str]:
    """A debit that the bank has taken: the invoice and the attempt."""
    await an_account_of(till, name)
    invoice = await told_in_time(till)
    request = till.a_request(invoice, lead_days=5)
    assert (await till.service.collect(request)).status == PaymentStatus.PENDING
    return invoice, request.attempt_id


async def told_in_time(till: TillWorld, *, days_before: int = 30) -> str:
    """An invoice whose debit in five days was announced as many days before it."""
    invoice, debit_on = await till.an_invoice(), till.today + timedelta(days=5)
    await till.announce(4210, debit_on, invoice, sent_on=debit_on - timedelta(days=days_before))
    return invoice


async def bank_answers(till: TillWorld, attempt_id: str) -> None:
    await till.control("POST", "/settle", {"payment_intent": await till.provider_payment(attempt_id)})


async def timeline(till: TillWorld, kind: str) -> list[Any]:
    async with till.work() as work:
        return [one for one in await work.timeline.of(till.account_id) if one.kind == kind]


async def test_a_new_instruction_is_with_the_bank_and_may_be_debited_meanwhile(till: TillWorld) -> None:
    method = await an_account_of(till, accepted=False)
    assert (method.kind, method.label, method.last_four) == (MethodKind.BACS_DEBIT, "10-88-00", "2345")
    assert (method.mandate_status, method.usable_on(till.today)) == (MandateStatus.PENDING, True)
    await till.control("POST", "/mandates/decide", {"payment_method": method.provider_method})
    await till.methods.refresh(till.account_id, method.method_id)
    (told,) = await timeline(till, "mandate_changed")
    assert told.summary == f"Mandate {method.mandate_reference} is active."


async def test_a_customer_is_debited_in_pounds_and_paid_days_later(till: TillWorld) -> None:
    invoice, attempt_id = await a_pending_debit(till)
    assert await till.open_of(invoice) == 4210
    await bank_answers(till, attempt_id)
    assert (await till.settle(attempt_id)).status == PaymentStatus.SUCCEEDED
    assert (await till.open_of(invoice), await till.kinds()) == (0, ["payment_received"])


async def test_an_instruction_that_the_bank_refuses_is_debited_no_more(till: TillWorld) -> None:
    method = await an_account_of(till, "mandateRefused")
    assert (method.mandate_status, method.usable_on(till.today)) == (MandateStatus.INACTIVE, False)
    (told,) = await timeline(till, "mandate_changed")
    assert told.summary.endswith("is inactive: debit not authorized.")
    assert (await till.service.review_method(MethodReview(till.account_id))).kind is MethodKind.NONE


async def test_a_debit_under_an_instruction_that_is_refused_meanwhile_fails_and_ends_the_method(
    till: TillWorld,
) -> None:
    method = await an_account_of(till, "mandateRefused", accepted=False)
    request = till.a_request(await told_in_time(till), lead_days=5)
    assert (await till.service.collect(request)).status == PaymentStatus.PENDING
    await till.control("POST", "/mandates/decide", {"payment_method": method.provider_method})
    await bank_answers(till, request.attempt_id)
    failed = await till.settle(request.attempt_id)
    assert (failed.status, failed.category, failed.code) == (PaymentStatus.FAILED, "mandate_dead", "ARUDD-1")


async def test_want_of_funds_comes_back_days_later_and_is_presented_once_more_within_a_month(till: TillWorld) -> None:
    invoice, attempt_id = await a_pending_debit(till, "insufficientFunds")
    await bank_answers(till, attempt_id)
    failed = await till.settle(attempt_id)
    assert (failed.status, failed.category, failed.code) == (PaymentStatus.FAILED, "funds", "ARUDD-0")
    plan = await till.service.plan_retry(RetryPlanRequest(till.account_id, (invoice,), till.clock.now()))
    assert (plan.possible, plan.rule) == (True, "bacs_debit funds/technical")
    assert plan.debit_on is not None
    assert plan.notify_at is not None
    assert plan.debit_on >= add_banking_days(plan.notify_at.date(), 5, "GB")
    late = till.clock.now() + timedelta(days=31)
    refused = await till.service.plan_retry(RetryPlanRequest(till.account_id, (invoice,), late))
    assert (refused.possible, "within 30 days" in refused.explanation) == (False, True)


async def test_a_cancelled_instruction_ends_method_and_mandate(till: TillWorld) -> None:
    invoice, attempt_id = await a_pending_debit(till, "debitNotAuthorized")
    await bank_answers(till, attempt_id)
    failed = await till.settle(attempt_id)
    assert (failed.category, failed.code) == ("mandate_dead", "ARUDD-1")
    plan = await till.service.plan_retry(RetryPlanRequest(till.account_id, (invoice,), till.clock.now()))
    assert (plan.possible, plan.explanation) == (False, "No stored method may be debited.")


async def test_a_bank_that_reports_a_cancellation_or_a_new_bank_ends_the_mandate_with_its_reason(
    till: TillWorld,
) -> None:
    method = await an_account_of(till)
    await till.control(
        "POST", "/mandates/revoke", {"payment_method": method.provider_method, "reason": "bank_ownership_changed"}
    )
    await till.methods.refresh(till.account_id, method.method_id)
    mandates, _ = await till.methods.mandates(till.account_id)
    assert [(one.status, one.ended_by) for one in mandates] == [("inactive", "bank_ownership_changed")]


async def test_a_claim_under_the_guarantee_is_paid_back_at_once_and_cannot_be_contested(till: TillWorld) -> None:
    invoice, attempt_id = await a_pending_debit(till, "dispute")
    await bank_answers(till, attempt_id)
    disputed = await till.settle(attempt_id)
    assert (disputed.status, await till.open_of(invoice)) == (PaymentStatus.DISPUTED, 4210)
    assert await till.kinds() == ["payment_received", "payment_reversed"]
    (told,) = await timeline(till, "payment_reversed")
    assert told.summary.endswith("it cannot be contested.")
    plan = await till.service.plan_retry(RetryPlanRequest(till.account_id, (invoice,), till.clock.now()))
    assert not plan.possible


@pytest.mark.parametrize(("days_before", "debited"), [(9, False), (30, True)])
async def test_no_bacs_debit_without_ten_working_days_notice_though_the_brands_notice_is_shorter(
    till: TillWorld, days_before: int, debited: bool
) -> None:
    await an_account_of(till)
    invoice = await told_in_time(till, days_before=days_before)
    result = await till.service.collect(till.a_request(invoice, lead_days=5))
    assert result.status == (PaymentStatus.PENDING if debited else PaymentStatus.NOTICE_MISSING)


async def test_a_debt_never_asked_of_this_method_is_announced_for_the_whole_notice_period(till: TillWorld) -> None:
    till.clock.at = datetime(2027, 3, 1, 12, tzinfo=UTC)
    await an_account_of(till)
    invoice = await till.an_invoice()
    plan = await till.service.plan_retry(RetryPlanRequest(till.account_id, (invoice,), till.clock.now()))
    assert plan.debit_on == date(2027, 3, 15)


async def test_only_pounds_are_debited_and_a_setup_page_offers_card_and_bacs(till: TillWorld) -> None:
    assert till.provider.kinds_for("GBP") == (MethodKind.CARD, MethodKind.BACS_DEBIT)
    page = await till.methods.start_setup(till.account_id, "https://a.example", "https://a.example")
    assert page.url
    method = await an_account_of(till)
    await till.methods.remove(till.account_id, method.method_id, "ann", "asked by phone")
    async with till.work() as work:
        assert (await work.payments.method(till.account_id, method.method_id)).status == MethodStatus.REMOVED
