"""An operator in a browser, over the real process: a segment is held in bulk, and put back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from api.app import create_app
from evenflow.container import container_of
from evenflow.stack.ports import LOOPBACK
from tests.browser.console_server import browser_path, pictures_directory
from tests.builders_bulk import KEY, BulkDesk, a_bulk_desk

pytestmark = pytest.mark.xdist_group("worlds")
SCHEMES = ("light", "dark")
WIDTHS = {"phone": 360, "desk": 1280}


@pytest.fixture
async def desk(
    database_url: str, temporal_address: str, simulator_environment: dict[str, str], tmp_path: Path
) -> AsyncIterator[BulkDesk]:
    async with a_bulk_desk(database_url, temporal_address, simulator_environment, tmp_path) as built:
        yield built


@asynccontextmanager
async def served(desk: BulkDesk) -> AsyncIterator[str]:
    """The address of the desk's console."""
    door = socket.create_server((LOOPBACK, 0))  # whoever calls before it is served waits
    app = create_app(container_of(desk.parts, desk.parts.settings))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[door]))
    try:
        yield f"http://{LOOPBACK}:{door.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    path = browser_path()
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        await chromium.close()


async def picture(page: Page, name: str) -> None:
    """Pictures of a page on phone and desk, light and dark, when somebody asked for them; it fits every width."""
    await page.wait_for_load_state()  # without its styles a page has another width
    for device, width in WIDTHS.items():
        await page.set_viewport_size({"width": width, "height": 800})
        too_wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (name, device, too_wide) == (name, device, 0)
        directory = pictures_directory()
        for scheme in SCHEMES if directory is not None else ():
            await page.emulate_media(color_scheme=scheme)
            await page.screenshot(path=Path(str(directory)) / f"{name}-{device}-{scheme}.png", full_page=True)
    await page.set_viewport_size({"width": WIDTHS["desk"], "height": 800})


async def sign_in(page: Page, address: str) -> None:
    await page.goto(f"{address}/console/sign-in")  # a hurried clock opens the console to guests
    await page.get_by_label("API key").fill(KEY)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()


async def hold_the_segment(page: Page) -> None:
    await page.get_by_role("link", name="Collections", exact=True).click()
    await expect(page.get_by_role("heading", name="Collections", level=1)).to_be_visible()
    await picture(page, "collections")
    await page.get_by_label("Segment").select_option("business")
    await page.get_by_role("button", name="Show").click()
    await page.get_by_role("link", name="Act on all of these").click()
    await expect(page.get_by_label("What to do")).to_be_visible()
    await picture(page, "collections-act")
    await page.get_by_label("What to do").select_option("hold")
    await page.get_by_label("Hold until").fill("2027-02-20T09:00")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("heading", name="Hold until 2027-02-20 09:00 UTC: preview")).to_be_visible()
    await picture(page, "bulk-preview")
    await page.get_by_label("Type the number of accounts").fill("6")
    await page.get_by_label("Reason").fill("Outage in the north")
    await page.get_by_role("button", name="Begin").click()
    await expect(page.get_by_text("6 of 6")).to_be_visible(timeout=60_000)
    await picture(page, "bulk-action")


async def put_it_back(page: Page) -> None:
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("is put back, where nobody changed it since").first).to_be_visible()
    await page.get_by_label("Type the number of accounts").fill("6")
    await page.get_by_label("Reason").fill("The outage is over")
    await page.get_by_role("button", name="Begin").click()
    await expect(page.get_by_text("6 of 6")).to_be_visible(timeout=60_000)
    await page.goto(page.url.rpartition("/")[0])
    await expect(page.get_by_text("undoes").first).to_be_visible()
    await picture(page, "bulk-actions")


async def test_an_operator_holds_a_segment_and_puts_it_back(desk: BulkDesk) -> None:
    held = await desk.owes(6, "business", failure="funds", code="AM04")
    await desk.owes(2, "standard", promised=True)
    async with desk.working(), served(desk) as address, a_browser() as browser:
        context = await browser.new_context(java_script_enabled=False, locale="en-GB")
        page = await context.new_page()
        await sign_in(page, address)
        await hold_the_segment(page)
        assert all([(await desk.account(one)).hold_until is not None for one in held])
        await put_it_back(page)
        assert [(await desk.account(one)).hold_until for one in held] == [None] * 6
        await context.close()
