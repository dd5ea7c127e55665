"""Self-service on the whole running system, in a browser on a phone: read, pay, change, dispute, watch."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from evenflow.stack.postgres import PostgresServer
from tests.builders import a_brand
from tests.builders_portal_world import a_browser, online
from tests.process.people import PLAN, a_customer
from tests.process.world import World, a_world

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
async def world(
    postgres_server: PostgresServer,
    migrated_template: str,
    temporal_address: str,
    simulator_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    """One brand whose self-service is ours; a business day takes three seconds."""
    postgres_server.create_database("world_self_service", template=migrated_template)
    directory = tmp_path_factory.mktemp("self_service")
    url = postgres_server.url("world_self_service")
    async with a_world(url, temporal_address, simulator_environment, directory, day_seconds=3.0) as running:
        brand = a_brand(account_url=f"{running.settings.public.api_base}/my", locale="en_GB")
        await running.parts.catalogue.add_brand(brand)
        await running.parts.catalogue.publish_plan("vonk", PLAN)
        yield running
    postgres_server.drop_database("world_self_service")


async def test_a_customer_signs_in_reads_the_bill_and_pays_without_javascript(world: World) -> None:
    customer = await a_customer(world, "")
    await customer.told("ready_to_pay")
    async with a_browser() as browser, online(world, browser, customer, scripts=False) as person:
        page = person.page
        await person.go("/my")
        await person.picture("sign-in")
        await person.sign_in()
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
