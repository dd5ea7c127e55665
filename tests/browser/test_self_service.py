"""Self-service on the whole running system, in a browser on a phone: read, pay, change, dispute, watch."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.builders_portal_world import PersonOnline, a_browser, online
from tests.process.people import a_customer
from tests.process.world import World

pytestmark = pytest.mark.xdist_group("worlds")


async def test_a_customer_signs_in_reads_the_bill_and_pays_without_javascript(world: World) -> None:
    customer = await a_customer(world, "")
    await customer.told("ready_to_pay")
    async with a_browser() as browser, online(world, browser, customer, scripts=False) as person:
        page = person.page
        await person.go("/my")
        await person.picture("sign-in")
        await person.sign_in_from_message()
        await expect(page.get_by_text("€12.10").first).to_be_visible()
        await person.picture("now")
        await page.get_by_role("link", name="Bills").click()
        await page.locator("tbody a").first.click()
        await expect(page.get_by_text("Monthly fee").first).to_be_visible()
        await person.picture("bill")
        await page.get_by_role("link", name="Pay now").click()
        await person.picture("pay")
        await page.get_by_role("button", name="Pay now").click()
        await page.wait_for_url("**/stripe/**")
        await page.get_by_label("Card number").fill("4242424242424242")
        await page.get_by_role("button", name="Pay").first.click()
        await page.wait_for_url("**/my/pay/done")
        await customer.told("thank_you")
        await page.reload()
        await expect(page.get_by_text("Your payment has arrived")).to_be_visible()
        await person.picture("paid")
    assert await customer.open_minor() == 0


async def test_the_balance_moves_while_usage_arrives(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", days_to_close=9)
    async with a_browser() as browser, online(world, browser, customer) as person:
        page = person.page
        await person.sign_in()
        await expect(page.get_by_text("Used: 0 min")).to_be_visible()
        await person.calls(150)
        await expect(page.get_by_text("Used: 2.5 min")).to_be_visible()
        await person.calls(60)
        await expect(page.get_by_text("Used: 3.5 min")).to_be_visible()
        await expect(page.get_by_text("Last usage counted")).to_be_visible()
        await person.picture("now-live")


async def test_a_customer_changes_to_direct_debit_disputes_a_line_and_changes_the_bill_day(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", company="De Vries Bouw", customer_kind="business")
    await customer.told("ready")
    async with a_browser() as browser, online(world, browser, customer) as person:
        page = person.page
        await person.sign_in(await person.mobile())
        await expect(page.get_by_text("We take it on or just after")).to_be_visible()
        await _changes_to_direct_debit(person)
        await _disputes_a_line(person)
        await _changes_the_bill_day(person)
        await _sets_a_limit(person)
        for name in ("messages", "contact", "data", "sessions", "limits"):
            await person.go(f"/my/settings/{name}")
            await person.picture(name)
            assert (name, await person.overflow()) == (name, 0)
        async with page.expect_download() as started:
            await person.go("/my/settings/data")
            await page.get_by_role("button", name="Download all my data").click()
        downloaded = await started.value
        assert downloaded.suggested_filename == f"{customer.number}.zip"
    actors = {one.kind: one.actor for one in await customer.timeline()}
    assert actors["dispute_opened"] == "customer"
    assert await customer.cash_minor() == 0


async def _changes_to_direct_debit(person: PersonOnline) -> None:
    page = person.page
    await person.go("/my/pay")
    await expect(page.get_by_text("Card ending in 4242").first).to_be_visible()
    await page.get_by_role("link", name="Add or change a payment method").click()
    await page.get_by_role("link", name="Bank account (SEPA direct debit)").click()
    await expect(page.get_by_text("Vonk Mobiel to send instructions to your bank")).to_be_visible()
    await page.get_by_role("button", name="I agree, go on").click()
    await page.get_by_label("IBAN").fill("DE89370400440532013000")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Your payment method is stored")).to_be_visible()
    await page.get_by_role("link", name="To your account").click()
    await person.go("/my/pay")
    await expect(page.get_by_text("Bank account ending in 3000 (SEPA direct debit)").first).to_be_visible()


async def _disputes_a_line(person: PersonOnline) -> None:
    page = person.page
    await person.go("/my/bills")
    await person.picture("bills")
    assert await person.overflow() == 0
    await page.locator("tbody a").first.click()
    await page.get_by_label("What is it about").select_option(index=1)
    await page.get_by_label("What is wrong").fill("I was promised a lower fee")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_text("We have your dispute")).to_be_visible()
    await expect(page.get_by_text("Monthly fee: I was promised a lower fee")).to_be_visible()
    await person.picture("disputed")
    assert await person.overflow() == 0
    await person.go("/my")
    await expect(page.get_by_text("is disputed and need not be paid")).to_be_visible()


async def _changes_the_bill_day(person: PersonOnline) -> None:
    page = person.page
    account = await person.world.parts.accounts.get(person.customer.account_id)
    wanted = account.cycle_day % 28 + 3 if account.cycle_day < 25 else 10
    await person.go("/my/settings/day")
    await page.get_by_label("New day").fill(str(wanted))
    await page.get_by_role("button", name="Show what changes").click()
    await expect(page.get_by_text("Your next bills")).to_be_visible()
    await person.picture("day")
    assert await person.overflow() == 0
    await page.get_by_role("button", name=f"Change to day {wanted}").click()
    await expect(page.get_by_text("Your bill day is changed")).to_be_visible()
    assert (await person.world.parts.accounts.get(person.customer.account_id)).cycle_day == wanted


async def _sets_a_limit(person: PersonOnline) -> None:
    page = person.page
    await person.go("/my/settings/limits")
    await page.get_by_label("Amount per period, without VAT").fill("20")
    await page.get_by_label("Tell me, and stop at 100 %").check()
    await page.get_by_role("button", name="Set limit").click()
    await expect(page.get_by_text("The limit is set")).to_be_visible()
    await expect(page.get_by_text("€20.00").first).to_be_visible()


async def test_every_page_fits_a_phone_and_can_be_used_by_everybody(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa")
    await customer.told("ready")
    async with a_browser() as browser, online(world, browser, customer) as person:
        await person.go("/my/sign-in")
        assert await person.barriers() == []
        await person.sign_in()
        (invoice, _, _), *_ = await world.parts.invoicing.documents(customer.account_id)
        settings = ("limits", "messages", "contact", "day", "data", "sessions")
        paths = ["/my", "/my/bills", f"/my/bills/{invoice.invoice_id}", "/my/pay", "/my/settings", "/my/nowhere"]
        for path in [*paths, *(f"/my/settings/{name}" for name in settings)]:
            for scheme in ("light", "dark"):
                await person.page.emulate_media(color_scheme=scheme)
                await person.go(path)
                assert (path, scheme, await person.barriers(), await person.overflow()) == (path, scheme, [], 0)
