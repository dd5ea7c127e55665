"""Issuing: amounts recomputed by hand, one invoice per cycle, dates, credit, carry-over, discounts and VAT."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from billing.domain import ledger as books
from billing.messages.dunning import OpenCaseRequest
from billing.messages.invoicing import IssueInvoiceRequest
from billing.messages.payments import MethodKind
from billing.services.dunning import DunningService
from billing.services.dunning_policies import ensure_default
from billing.services.invoicing import UnableToIssueInvoice
from tests.builders_invoicing import Office, an_office


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


async def test_an_invoice_of_fee_and_calls_is_what_a_clerk_computes(office: Office) -> None:
    account, line = await office.open_account()
    await office.count(account.account_id, line, minutes=130)

    issued = await office.issue(account.account_id)

    # 20.00 fee + (130 - 100) minutes x 0.10 = 23.00 net; 21 % VAT = 4.83; 27.83 gross.
    assert (issued.total_minor, issued.to_collect_minor, issued.currency) == (2783, 2783, "EUR")
    assert issued.collect_invoice_ids == (issued.invoice_id,)
    assert issued.number == "VONK-20270215-0001"
    assert issued.method is MethodKind.NONE
    async with office.work() as work:
        invoice = await work.invoices.get(account.account_id, issued.invoice_id)
        lines = await work.invoices.lines(account.account_id, issued.invoice_id)
        taxes = await work.invoices.taxes(account.account_id, issued.invoice_id)
        assert await work.ledger.open_of(account.account_id, issued.invoice_id) == 2783
        timeline = await work.timeline.of(account.account_id)
    assert (invoice.net_minor, invoice.vat_minor, invoice.total_minor) == (2300, 483, 2783)
    assert [(each.description, each.amount.amount_minor) for each in lines] == [("Vonk Basis", 2000), ("Calls", 300)]
    assert [(str(tax.percent.normalize()), tax.net_minor, tax.vat_minor) for tax in taxes] == [("21", 2300, 483)]
    assert "less 6000 seconds from the allowance 100 minutes" in lines[1].explanation
    assert [entry.kind for entry in timeline] == ["invoice_issued"]
    assert timeline[0].reason["vat"] == ["21 % of 23.00 EUR = 4.83 EUR"]


async def test_the_same_request_again_answers_the_same_invoice(office: Office) -> None:
    account, _ = await office.open_account()
    first = await office.issue(account.account_id)
    assert await office.issue(account.account_id) == first


async def test_two_issuers_at_once_make_one_invoice(office: Office) -> None:
    account, _ = await office.open_account()
    office.clock.at = (await office.plan_of(account.account_id)).issue_at
    request = IssueInvoiceRequest(account.account_id, 1)
    answers = await asyncio.gather(*(office.service.issue_invoice(request) for _ in range(4)))
    assert len({answer.invoice_id for answer in answers}) == 1
    async with office.work() as work:
        assert len(await work.ledger.entries(account.account_id)) == 1


async def test_a_cycle_is_not_billed_before_it_closes_nor_before_an_earlier_one(office: Office) -> None:
    account, _ = await office.open_account()
    with pytest.raises(UnableToIssueInvoice, match="closes at"):
        await office.service.issue_invoice(IssueInvoiceRequest(account.account_id, 1))
    office.clock.at = (await office.plan_of(account.account_id, 2)).issue_at
    with pytest.raises(UnableToIssueInvoice, match=r"Cycle 1 .* is not billed yet"):
        await office.service.issue_invoice(IssueInvoiceRequest(account.account_id, 2))


async def test_the_next_cycle_begins_where_the_billed_one_ends(office: Office) -> None:
    account, _ = await office.open_account()
    issued = await office.issue(account.account_id)
    assert issued.next_plan is not None
    assert issued.plan.closes_at == issued.next_plan.opens_at == datetime(2027, 2, 14, 23, tzinfo=UTC)
    assert issued.plan.debit_on == date(2027, 3, 2)  # 14 days after the notice of 16 February
    assert issued.next_plan == await office.plan_of(account.account_id, 2)
    async with office.work() as work:
        cycles = await work.accounts.cycles(account.account_id)
    assert [(cycle.cycle_number, cycle.status) for cycle in cycles] == [(1, "issued"), (2, "open"), (3, "open")]


async def test_day_31_is_billed_on_the_last_day_of_shorter_months(office: Office) -> None:
    at = datetime(2027, 1, 31, 10, tzinfo=UTC)
    account, _ = await office.open_account(cycle_day=31, activated_at=at)
    dates = [(await office.issue(account.account_id, cycle)).plan.invoice_date for cycle in (1, 2, 3)]
    assert dates == [date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30)]


async def test_a_late_issue_moves_the_debit_and_keeps_the_notice_period(office: Office) -> None:
    account, _ = await office.open_account()
    office.clock.at = datetime(2027, 2, 20, 9, tzinfo=UTC)  # four days after its date, a Saturday
    issued = await office.service.issue_invoice(IssueInvoiceRequest(account.account_id, 1))
    assert issued.plan.debit_on == date(2027, 3, 8)


async def test_nothing_used_and_no_fee_is_a_zero_invoice_without_a_debit(office: Office) -> None:
    account, _ = await office.open_account(discounts=[{"code": "gift", "name": "A free month", "percent": "100"}])
    issued = await office.issue(account.account_id)
    assert (issued.total_minor, issued.to_collect_minor, issued.collect_invoice_ids) == (0, 0, ())
    assert issued.number == "VONK-20270215-0001"
    async with office.work() as work:
        assert await work.ledger.open_invoices(account.account_id) == []


async def test_a_discount_comes_off_before_vat(office: Office) -> None:
    account, line = await office.open_account(discounts=[{"code": "ten", "name": "Ten percent off", "percent": "10"}])
    await office.count(account.account_id, line, minutes=130)
    issued = await office.issue(account.account_id)
    # 23.00 - 2.30 = 20.70 net; 21 % = 4.347 -> 4.35; 25.05 gross.
    assert issued.total_minor == 2505
    async with office.work() as work:
        lines = await work.invoices.lines(account.account_id, issued.invoice_id)
    assert (lines[-1].description, lines[-1].amount.amount_minor) == ("Ten percent off", -230)


async def test_a_business_in_another_member_state_accounts_for_the_vat_itself(office: Office) -> None:
    account, _ = await office.open_account(country="BE", vat_number="BE0123456789", customer_kind="business")
    issued = await office.issue(account.account_id)
    assert issued.total_minor == 2000
    async with office.work() as work:
        (tax,) = await work.invoices.taxes(account.account_id, issued.invoice_id)
    assert (tax.category, tax.vat_minor) == ("AE", 0)
    assert "Reverse charge" in tax.note


async def test_a_credit_invoice_becomes_credit_and_is_used_on_the_next(office: Office) -> None:
    account, _ = await office.open_account()
    async with office.work() as work:
        await work.invoices.add_adjustment(an_adjustment(account.account_id, -5000))
        await work.commit()
    # 20.00 - 50.00 = -30.00 net, -6.30 VAT.
    credit = await office.issue(account.account_id)
    assert (credit.total_minor, credit.to_collect_minor) == (-3630, 0)
    # 24.20 is covered by the credit of 36.30; 12.10 of it is left for the third invoice.
    assert (await office.issue(account.account_id, 2)).to_collect_minor == 0
    assert (await office.issue(account.account_id, 3)).to_collect_minor == 2420 - 1210
    async with office.work() as work:
        assert await work.ledger.credit_minor(account.account_id, "EUR") == 0
        assert [each.open_minor for each in await work.ledger.open_invoices(account.account_id)] == [1210]


async def test_an_amount_below_the_minimum_is_collected_with_the_next_invoice(office: Office) -> None:
    account, _ = await office.open_account()
    async with office.work() as work:
        await work.invoices.add_adjustment(an_adjustment(account.account_id, -1970))
        await work.commit()
    small = await office.issue(account.account_id)  # 0.30 net, 0.06 VAT
    assert (small.total_minor, small.to_collect_minor, small.collect_invoice_ids) == (36, 0, ())
    async with office.work() as work:
        (waiting,) = await work.ledger.open_invoices(account.account_id)
    assert waiting.due_on == (await office.plan_of(account.account_id, 2)).debit_on

    following = await office.issue(account.account_id, 2)
    assert following.to_collect_minor == 36 + 2420
    assert following.collect_invoice_ids == (small.invoice_id, following.invoice_id)
    third = await office.issue(account.account_id, 3)
    assert third.collect_invoice_ids == (third.invoice_id,)


async def _paid(office: Office, account_id: str, invoice_id: str, amount_minor: int) -> None:
    async with office.work() as work:
        shares = {invoice_id: amount_minor}
        reference = f"tx-{invoice_id}"
        await work.ledger.post(
            books.payment_received(account_id, "bank", reference, office.clock.now(), amount_minor, "EUR", shares)
        )
        await work.commit()


async def test_a_rest_that_is_too_little_to_be_paid_is_collected_with_the_next_invoice(office: Office) -> None:
    account, _ = await office.open_account()
    first = await office.issue(account.account_id)
    await _paid(office, account.account_id, first.invoice_id, 2400)
    following = await office.issue(account.account_id, 2)
    assert following.to_collect_minor == 20 + 2420
    assert following.collect_invoice_ids == (first.invoice_id, following.invoice_id)
    async with office.work() as work:
        dates = {one.due_on for one in await work.ledger.open_invoices(account.account_id)}
    assert dates == {(await office.plan_of(account.account_id, 2)).debit_on}
    third = await office.issue(account.account_id, 3)
    assert third.collect_invoice_ids == (third.invoice_id,), "both are still to be debited together"


@pytest.mark.parametrize("left_minor", [20, 50])
async def test_what_can_be_paid_or_is_pressed_for_is_not_announced_twice(office: Office, left_minor: int) -> None:
    account, _ = await office.open_account()
    first = await office.issue(account.account_id)
    await _paid(office, account.account_id, first.invoice_id, 2420 - left_minor)
    if left_minor == 20:
        await ensure_default(office.work, office.clock)
        dunning = DunningService(office.work, office.clock)
        await dunning.open_case(OpenCaseRequest(account.account_id, (first.invoice_id,)))
    following = await office.issue(account.account_id, 2)
    assert following.collect_invoice_ids == (following.invoice_id,)


async def test_late_usage_is_priced_with_the_allowance_of_its_own_cycle(office: Office) -> None:
    account, line = await office.open_account()
    await office.count(account.account_id, line, minutes=90)
    assert (await office.issue(account.account_id)).total_minor == 2420  # all calls are within the 100 minutes
    await office.count_late(account.account_id, line, minutes=25)

    # 90 + 25 - 100 = 15 minutes beyond the allowance of January: 1.50; with the fee 21.50 net, 4.52 VAT.
    issued = await office.issue(account.account_id, 2)
    assert issued.total_minor == 2150 + 452
    async with office.work() as work:
        late = [each for each in await work.invoices.lines(account.account_id, issued.invoice_id) if each.period_from]
    assert [(each.kind, each.amount.amount_minor, each.events) for each in late] == [("late_usage", 150, 25)]
    assert (late[0].period_from, late[0].period_to) == (date(2027, 1, 16), date(2027, 1, 18))
    assert (await office.issue(account.account_id, 3)).total_minor == 2420  # billed once


async def test_late_usage_in_two_instalments_adds_up_to_the_cycle_as_a_whole(office: Office) -> None:
    account, line = await office.open_account()
    await office.issue(account.account_id)
    await office.count_late(account.account_id, line, minutes=110)
    assert (await office.issue(account.account_id, 2)).total_minor == 2100 + 441
    await office.count_late(account.account_id, line, minutes=10)
    assert (await office.issue(account.account_id, 3)).total_minor == 2100 + 441


async def test_while_dunning_runs_no_debit_is_planned(office: Office) -> None:
    account, _ = await office.open_account()
    issued = await office.issue(account.account_id, in_dunning=True)
    assert issued.method is MethodKind.NONE
    assert not issued.plan.debit_is_planned


async def test_a_bank_account_is_debited_after_the_lead_its_provider_needs(office: Office) -> None:
    account, _ = await office.open_account()
    await office.a_method(account.account_id, MethodKind.SEPA_DEBIT)
    issued = await office.issue(account.account_id)
    assert issued.method is MethodKind.SEPA_DEBIT
    assert issued.plan.submit_at == issued.plan.debit_at - timedelta(days=3)
    assert issued.next_plan is not None
    assert issued.next_plan.debit_is_planned


async def test_a_card_that_expires_before_the_debit_is_not_counted_on(office: Office) -> None:
    account, _ = await office.open_account()
    await office.a_method(account.account_id, MethodKind.CARD, expires_on=date(2027, 2, 28))
    assert (await office.issue(account.account_id)).method is MethodKind.NONE  # issued 16 February, debit 2 March


async def test_credit_that_covers_the_invoice_leaves_nothing_to_collect(office: Office) -> None:
    account, _ = await office.open_account()
    async with office.work() as work:
        at = office.clock.at
        await work.ledger.post(
            books.payment_received(account.account_id, "stripe", "pi_surplus", at, 1000, "EUR", shares={})
        )
        await work.commit()
    issued = await office.issue(account.account_id)
    assert (issued.total_minor, issued.to_collect_minor) == (2420, 1420)


async def test_scenario_27_money_of_another_currency_pays_no_later_invoice_by_itself(office: Office) -> None:
    account, _ = await office.open_account()
    async with office.work() as work:
        dollars = books.payment_received(
            account.account_id, "stripe", "pi_dollars", office.clock.at, 2420, "USD", shares={}
        )
        await work.ledger.post(dollars)
        await work.commit()
    issued = await office.issue(account.account_id)
    async with office.work() as work:
        held = [await work.ledger.credit_minor(account.account_id, currency) for currency in ("USD", "EUR")]
    assert (issued.total_minor, issued.to_collect_minor, held) == (2420, 2420, [2420, 0])


def an_adjustment(account_id: str, amount_minor: int) -> dict[str, object]:
    return {
        "account_id": account_id,
        "amount_minor": amount_minor,
        "currency": "EUR",
        "tax_code": "standard",
        "description": "Goodwill",
        "reason": "an outage",
        "author": "sanne",
        "created_at": datetime(2027, 1, 20, tzinfo=UTC),
    }
