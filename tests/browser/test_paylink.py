"""A customer who owes opens the paylink on a phone and pays in two taps; the whole running system is behind it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.builders_portal_world import PersonOnline, a_browser, online
from tests.process.people import a_customer
from tests.process.world import World

pytestmark = pytest.mark.xdist_group("worlds")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a_customer_who_owes_pays_by_paylink_in_two_taps(world: World, scripts: bool) -> None:
    customer = await a_customer(world, "")
    await customer.told("ready_to_pay")
    async with a_browser() as browser, online(world, browser, customer, scripts=scripts) as person:
        page, address = person.page, await customer.paylink()
        await page.goto(address)
        await _reads_amount_and_reason(person)
        assert not scripts or await person.barriers() == []
        await page.get_by_role("button", name="Pay €12.10").click()
        await page.wait_for_url("**/stripe/**")
        await page.get_by_label("Card number").fill("4242424242424242")
        await page.get_by_role("button", name="Pay").first.click()
        await page.wait_for_url("**/done")
        await customer.told("thank_you")
        await page.reload()
        await expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
        await expect(page.get_by_text("Your payment has arrived.")).to_be_visible()
        await person.picture(f"paylink-thanks-{scripts}")
        await page.goto(address)
        await expect(page.get_by_role("heading", name="Nothing to pay")).to_be_visible()
        await expect(page.get_by_text("Everything has been paid. Thank you.")).to_be_visible()
        await expect(page.get_by_role("button")).to_have_count(0)
        await person.picture(f"paylink-paid-{scripts}")
    assert (await customer.open_minor(), await customer.cash_minor()) == (0, 1210)


async def _reads_amount_and_reason(person: PersonOnline) -> None:
    page = person.page
    await expect(page.get_by_role("heading", name="To pay now", level=1)).to_be_visible()
    await expect(page.locator("p.amount")).to_have_text("€12.10")
    await expect(page.get_by_role("heading", name="What it is for")).to_be_visible()
    await expect(page.locator("tbody th")).to_have_text([re.compile(r" to ")])
    assert await person.overflow() == 0
    await person.picture("paylink-open")


async def test_a_wrong_link_is_refused_plainly(world: World) -> None:
    customer = await a_customer(world, "")
    async with a_browser() as browser, online(world, browser, customer, scripts=False) as person:
        for path in ("/pay/wrong", f"/pay/{(await customer.paylink()).rsplit('/', 1)[1]}x", "/methods/wrong"):
            answer = await person.page.goto(f"{person.base}{path}")
            assert answer is not None
            assert answer.status == 404
            await expect(person.page.get_by_role("heading", name="This link is not valid any more")).to_be_visible()
            await expect(person.page.get_by_text("Please use the link in the newest message")).to_be_visible()
            assert await person.overflow() == 0
        await person.picture("paylink-wrong")
