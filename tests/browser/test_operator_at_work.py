"""An operator in a real browser on a running system: finds who owes, reads why it was barred, takes a promise.

Database, Temporal, simulator, API and workers are the real ones, on a fast clock; the customer ignored every notice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from evenflow.stack.postgres import PostgresServer
from tests.browser.console_server import browser_path, pictures_directory
from tests.process.people import Customer, a_customer, prepare_catalogue
from tests.process.world import World, a_world

pytestmark = pytest.mark.xdist_group("worlds")
WIDTHS = {"phone": 360, "desk": 1280}
PARTS = ("", "/timeline", "/documents", "/payments", "/notices", "/services", "/methods", "/agreements",
         "/payment-plan", "/actions/bar-service", "/actions/change-cycle-day")  # fmt: skip


@pytest.fixture(scope="module")
async def world(
    postgres_server: PostgresServer,
    migrated_template: str,
    temporal_address: str,
    simulator_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    """A running system; one business day takes a second and a half."""
    name = "world_of_an_operator"
    postgres_server.create_database(name, template=migrated_template)
    directory = tmp_path_factory.mktemp(name)
    url = postgres_server.url(name)
    async with a_world(url, temporal_address, simulator_environment, directory, day_seconds=3.0) as running:
        await prepare_catalogue(running)
        yield running
    postgres_server.drop_database(name)


@pytest.fixture
async def page(world: World) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=browser_path(), args=["--no-sandbox", "--disable-gpu"]
        )
        context = await browser.new_context(viewport={"width": WIDTHS["desk"], "height": 900}, locale="en-GB")
        yield await context.new_page()
        await browser.close()


async def sign_in(page: Page, world: World, role: str) -> str:
    key = await world.parts.access.create(f"the {role} at work", role)
    base = str(world.api.base_url).rstrip("/")
    await page.goto(f"{base}/console/sign-in")  # a hurried clock opens the console to guests
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    return base


async def line_of(world: World, customer: Customer) -> str:
    async with world.parts.make_work() as work:
        (line,) = await work.accounts.services(customer.account_id)
    return line.identifier


async def test_an_operator_finds_who_owes_reads_why_it_was_barred_and_takes_a_promise(world: World, page: Page) -> None:
    customer = await a_customer(world, "pm_card_visa", ["lost_card"])
    await customer.reaches("outgoing", 90)
    await customer.told("barred", 20)
    base = await sign_in(page, world, "agent")
    await page.get_by_label("Search accounts, numbers, invoices").fill((await line_of(world, customer))[-9:])
    await page.get_by_role("button", name="Search").first.click()
    await expect(page.get_by_role("heading", name=f"Customer {customer.number[1:]}")).to_be_visible()
    await expect(page.get_by_text("barred").first).to_be_visible()
    await page.get_by_role("link", name="What happened", exact=True).click()
    ordered = page.locator("ol.timeline > li", has_text="outgoing").first
    await ordered.get_by_text("Why", exact=True).click()
    await expect(ordered.locator("dl")).to_contain_text("Rule")
    await page.get_by_role("link", name="Overview", exact=True).last.click()
    await page.get_by_role("group").filter(has_text="Agreeing").first.click()
    await page.get_by_role("link", name="Take a promise").click()
    await page.get_by_label("Will pay by").fill((world.now() + timedelta(days=6)).date().isoformat())
    await page.get_by_label("Reason").fill("Gets paid on Friday")
    await page.get_by_role("button", name="Take a promise").click()
    await expect(page.get_by_role("status").first).to_be_visible()
    promises = await world.get(f"/v1/accounts/{customer.account_id}/promises")
    assert [(one["author"], one["reason"]) for one in promises] == [("the agent at work", "Gets paid on Friday")]
    await page.get_by_role("link", name="Agreements").click()
    await expect(page.get_by_text("Gets paid on Friday").first).to_be_visible()
    await pictures(page, f"{base}/console/accounts/{customer.account_id}")


async def test_the_live_balance_follows_usage_without_a_reload(world: World, page: Page) -> None:
    customer = await a_customer(world, days_to_close=25)
    base = await sign_in(page, world, "viewer")
    await page.goto(f"{base}/console/accounts/{customer.account_id}")
    shown = page.locator('[data-live="charges"]')
    await expect(shown).to_have_text("€10.00")
    event = {
        "source": "switch-1",
        "record_id": f"call-of-{customer.number}",
        "identifier": await line_of(world, customer),
        "meter": "voice_seconds",
        "quantity": 600,
        "started_at": (world.now() - timedelta(minutes=15)).isoformat(),
    }
    answer = await world.post("/v1/usage/events", event)
    assert answer["outcome"] == "accepted", answer
    await expect(shown).to_have_text("€11.20", timeout=20_000)


async def pictures(page: Page, home: str) -> None:
    """Every part fits a phone and a desk; pictures in light and dark where somebody wants them."""
    directory = pictures_directory()
    base = home.partition("/console")[0]
    shown: dict[str, str] = {part.replace("/", "-") or "-overview": f"{home}{part}" for part in PARTS}
    pages = {"console": "", "accounts": "/accounts", "invoices": "/invoices", "payments": "/payments"}
    shown |= {name: f"{base}/console{path}" for name, path in pages.items()}
    wide: list[Any] = []
    for name, address in shown.items():
        await page.goto(address)
        for width in WIDTHS.values():
            await page.set_viewport_size({"width": width, "height": 900})
            too_wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            wide += [(name, width, too_wide)] if too_wide > 0 else []
            for scheme in ("light", "dark") if directory is not None else ():
                await page.emulate_media(color_scheme=scheme)
                await page.screenshot(path=f"{directory}/account{name}-{width}-{scheme}.png", full_page=True)
    assert wide == []
