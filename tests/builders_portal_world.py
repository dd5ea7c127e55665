"""A customer of the running system with a browser, who finds codes in the simulator's inbox."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.browser.console_server import browser_path, pictures_directory
from tests.process.people import Customer
from tests.process.world import World

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
CODE = re.compile(r"\b(\d{6})\b")


@asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        chromium = await playwright.chromium.launch(executable_path=browser_path(), args=arguments)
        yield chromium
        await chromium.close()


@dataclass
class PersonOnline:
    """A customer in front of a screen."""

    world: World
    customer: Customer
    context: BrowserContext
    page: Page

    @property
    def base(self) -> str:
        return self.world.settings.public.api_base

    async def go(self, path: str) -> None:
        await self.page.goto(f"{self.base}{path}")

    async def newest_code(self, to: str) -> str:
        """The code in the newest message to an address, as the simulator's inbox shows it."""
        inbox = await self.context.new_page()
        try:
            await inbox.goto(f"{self.simulator}/inbox")
            messages = await inbox.locator("body").inner_text()
        finally:
            await inbox.close()
        about = messages[messages.index(to) :]
        found = CODE.search(about)
        assert found, f"no code to {to}:\n{about[:500]}"
        return found.group(1)

    @property
    def simulator(self) -> str:
        return self.world.settings.stripe.api_base.removesuffix("/stripe")

    async def sign_in(self, contact: str = "") -> None:
        """With a code by email, or to another contact."""
        to = contact or self.customer.email
        await self.go("/my")
        await self.page.get_by_label("Email address or mobile number").fill(to)
        await self.page.get_by_role("button", name="Send me a code").click()
        await expect(self.page.get_by_role("heading", name="Enter your code")).to_be_visible()
        await self.page.get_by_label("Six digits").fill(await self.newest_code(to))
        await self.page.get_by_role("button", name="Go on").click()
        await expect(self.page.get_by_role("heading", name="Your account now")).to_be_visible()

    async def picture(self, name: str) -> None:
        """On a phone and a desk, light and dark, when somebody asked for pictures."""
        directory = pictures_directory()
        if directory is None:
            return
        for size_name, size in (("phone", PHONE), ("desk", DESK)):
            await self.page.set_viewport_size(size)
            for scheme in ("light", "dark"):
                await self.page.emulate_media(color_scheme=scheme)
                path = directory / f"my-{name}-{size_name}-{scheme}.png"
                await self.page.screenshot(path=path, full_page=True)
        await self.page.emulate_media(color_scheme="light")
        await self.page.set_viewport_size(PHONE)

    async def overflow(self) -> int:
        """How many pixels the page is wider than its window."""
        session = await self.context.new_cdp_session(self.page)
        sizes: Any = await session.send("Page.getLayoutMetrics")
        await session.detach()
        return int(sizes["cssContentSize"]["width"] - sizes["cssLayoutViewport"]["clientWidth"])


@asynccontextmanager
async def online(
    world: World, browser: Browser, customer: Customer, *, scripts: bool = True
) -> AsyncIterator[PersonOnline]:
    """The customer on a phone."""
    context = await browser.new_context(viewport=PHONE, java_script_enabled=scripts, locale="en-GB")
    page = await context.new_page()
    try:
        yield PersonOnline(world, customer, context, page)
    finally:
        await context.close()
