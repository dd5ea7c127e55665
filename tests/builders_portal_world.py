"""A customer of the running system with a browser, who finds codes in the simulator's inbox."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from axe_playwright_python.async_playwright import Axe
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
        """The code in the newest message to an address, once the simulator's inbox shows it."""

        async def arrived() -> str | None:
            await inbox.goto(f"{self.simulator}/inbox")
            _, found, about = (await inbox.locator("body").inner_text()).partition(to)
            code = CODE.search(about) if found else None
            return code.group(1) if code else None

        inbox = await self.context.new_page()
        try:
            return await self.world.until(arrived, 20, f"no code came to {to}")
        finally:
            await inbox.close()

    async def mobile(self) -> str:
        return (await self.world.parts.accounts.get(self.customer.account_id)).mobile

    async def calls(self, seconds: int) -> None:
        """A call of the customer's line that ends now, as a switch reports it."""
        (service,) = await self.world.parts.accounts.services_of(self.customer.account_id)
        record = {
            "record_id": str(uuid4()),
            "source": "switch",
            "identifier": service.identifier,
            "meter": "voice_seconds",
            "quantity": seconds,
            "started_at": self.world.now().isoformat(),
        }
        result = await self.world.post("/v1/usage/events", record)
        assert result["outcome"] == "accepted", result

    @property
    def simulator(self) -> str:
        return self.world.settings.stripe.api_base.removesuffix("/stripe")

    async def sign_in(self, contact: str = "") -> None:
        """With a code by email, or to another contact."""
        to = contact or self.customer.email
        await self.go("/my")
        await self.page.get_by_label("Email address or mobile number").fill(to)
        await self.page.get_by_role("button", name="Send me a code").click()
        await self.enter_code(to)

    async def sign_in_from_message(self) -> None:
        """By the address in the newest message, with a code by email."""
        await self.page.goto(f"{self.simulator}/inbox")
        address = await self.page.locator('a[href*="/my/h/"]').first.get_attribute("href")
        assert address
        await self.page.goto(address)
        await expect(self.page.get_by_role("heading", name="Hello!")).to_be_visible()
        await self.picture("hello")
        await self.page.get_by_role("button", name="Send me a code by email").click()
        await self.enter_code(self.customer.email)

    async def enter_code(self, to: str) -> None:
        """The code that came, and in."""
        await expect(self.page.get_by_role("heading", name="Enter your code")).to_be_visible()
        await self.picture("code")
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

    async def barriers(self) -> list[str]:
        """What keeps somebody from using the page, as axe finds it: serious or critical."""
        found: Any = (await Axe().run(self.page)).response
        return [one["id"] for one in found["violations"] if one["impact"] in ("serious", "critical")]

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
