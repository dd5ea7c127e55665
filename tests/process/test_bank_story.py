"""Customers who pay by bank file, from the bill to the bank's statement, through the real worker and both folders."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from billing.messages.account import RefundPayment
from billing.persistence.invariants import broken_rules
from evenflow.intake import running
from tests.builders_bank_files import GOOD_IBAN, an_iban
from tests.builders_bank_till import a_creditor, a_mandate
from tests.process.people import FEE_MINOR, Customer, a_customer
from tests.process.world import World

pytestmark = [pytest.mark.xdist_group("worlds"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
async def bank(world: World) -> AsyncIterator[World]:
    """The world with a creditor; what an earlier world's bank left in the folder is gone."""
    folder = world.settings.bank.folder
    assert folder is not None
    for name in ("incoming", "outgoing", "taken", ".staged"):
        await asyncio.to_thread(shutil.rmtree, folder / name, True)
    # Half a day before the cut-off: a payout is made for the next date the bank takes, and two hours of such a day are
    # over before a busy machine has handed the file over.
    creditor = a_creditor(first_sequence="FRST", make_hours_before=12, cut_off_hour_local=14)
    await world.parts.bank.creditors.put("vonk", creditor, "tests")
    async with running(world.parts.bank_in.tasks()):
        yield world


async def a_bank_customer(world: World, iban: str) -> Customer:
    """A customer with a mandate for this account."""
    customer = await a_customer(world, days_to_close=3)
    signed_on = (world.now() - timedelta(days=1)).date()
    await world.parts.bank.mandates.add(customer.account_id, a_mandate(iban=iban, signed_on=signed_on), "tests")
    return customer


@pytest.fixture(scope="module")
async def customers(bank: World) -> dict[str, Customer]:
    """One whose account pays, one whose account is closed, one whose account was empty; all billed at once."""
    accounts = {"pays": GOOD_IBAN, "closed": an_iban("11"), "empty": an_iban("20")}
    return {name: await a_bank_customer(bank, iban) for name, iban in accounts.items()}


async def first_debit(world: World, customer: Customer) -> Any:
    return (await world.get("/v1/bank-debits", params={"account_id": customer.account_id}))[0]


async def told(customer: Customer) -> list[str]:
    """The kinds of notices, without the reminder: on a busy machine a day of seconds may pass it over."""
    return [kind for kind in await customer.kinds() if kind != "reminder"]


async def test_a_customer_with_a_mandate_is_billed_debited_by_file_and_thanked(
    bank: World, customers: dict[str, Customer]
) -> None:
    customer = customers["pays"]
    await customer.told("thank_you")
    assert await told(customer) == ["mandate_confirmed", "ready", "thank_you"]
    assert (await customer.cash_minor(), await customer.open_minor()) == (FEE_MINOR, 0)
    debit, (attempt, *_) = await first_debit(bank, customer), await customer.attempts()
    assert (debit["status"], debit["sequence"], debit["amount_minor"]) == ("settled", "FRST", FEE_MINOR)
    assert (attempt.provider, attempt.status) == ("bank_files", "succeeded")


async def test_a_refund_goes_back_by_file_and_the_banks_statement_confirms_it(
    bank: World, customers: dict[str, Customer]
) -> None:
    customer = customers["pays"]
    await customer.told("thank_you")
    paid = next(one for one in await customer.attempts() if one.status == "succeeded")
    command = RefundPayment("refund-1", "Kim", "goodwill", attempt_id=paid.attempt_id, amount_minor=500)
    assert (await customer.command("refund_payment", command)).accepted
    payout: Any = {}
    async with asyncio.timeout(240):
        while payout.get("status") != "paid":
            await asyncio.sleep(0.5)
            (payout,) = await bank.get("/v1/bank-payouts", params={"account_id": customer.account_id})
    assert (payout["attempt_id"], payout["amount_minor"]) == (paid.attempt_id, 500)
    assert await customer.cash_minor() == FEE_MINOR - 500


async def test_a_debit_the_bank_refuses_becomes_a_paylink(bank: World, customers: dict[str, Customer]) -> None:
    customer = customers["closed"]
    await customer.told("failed")
    assert "thank_you" not in await customer.kinds()
    debit = await first_debit(bank, customer)
    assert (debit["status"], debit["reason_code"]) == ("rejected", "AC04")
    await customer.pay_by_paylink()
    await customer.told("thank_you")
    assert await customer.open_minor() == 0


async def test_scenario_18_a_debit_returned_after_the_thank_you_owes_again(
    bank: World, customers: dict[str, Customer]
) -> None:
    customer = customers["empty"]
    await customer.told("failed")
    assert (await told(customer))[:4] == ["mandate_confirmed", "ready", "thank_you", "failed"]
    debit = await first_debit(bank, customer)
    assert (debit["status"], debit["reason_code"], debit["returned_minor"]) == ("returned", "AM04", FEE_MINOR)


async def test_the_books_and_the_files_agree_after_all_stories(bank: World, customers: dict[str, Customer]) -> None:
    assert await broken_rules(bank.parts.engine) == []
