"""The console in a browser, on a phone and on a desk, without JavaScript: it is read, searched and signed in to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.console_server import browser_path, console, pictures_directory
from tests.doors.console_data import FULL_ACCOUNT
from tests.doors.doors_world import ADMIN_KEY

pytestmark = pytest.mark.xdist_group("worlds")
WIDTHS = {"phone": 390, "desk": 1280}
PAGES = {
    "overview": "/console",
    "accounts": "/console/accounts",
    "account": f"/console/accounts/{FULL_ACCOUNT}",
    "missing": "/console/accounts/acc_999",
    "sign-in": "/console/sign-in",
    "reference": "/docs",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = browser_path()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(params=WIDTHS)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": WIDTHS[request.param], "height": 800}, java_script_enabled=False, locale="en-GB"
    )
    yield context.new_page()
    context.close()


def overflow_of(page: Page) -> int:
    """How many pixels the page is wider than its window, measured from outside, for its own scripts are off."""
    session = page.context.new_cdp_session(page)
    sizes = session.send("Page.getLayoutMetrics")
    return int(sizes["cssContentSize"]["width"] - sizes["cssLayoutViewport"]["clientWidth"])


def picture(page: Page, name: str) -> None:
    """Keep a picture when somebody asked for pictures."""
    directory: Path | None = pictures_directory()
    if directory is not None:
        assert page.viewport_size is not None
        page.screenshot(path=directory / f"{name}-{page.viewport_size['width']}.png", full_page=True)


def test_every_page_fits_its_window(page: Page, database_url: str) -> None:
    with console(database_url, is_filled=True, is_demo=True) as address:
        for name, path in PAGES.items():
            page.goto(address + path)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            picture(page, name)
            assert (name, overflow_of(page)) == (name, 0)
        page.emulate_media(color_scheme="dark")
        for name in ("overview", "account"):
            page.goto(address + PAGES[name])
            picture(page, f"{name}-dark")


def test_an_operator_signs_in_searches_and_reads_why(page: Page, database_url: str) -> None:
    with console(database_url, is_filled=True, is_demo=False) as address:
        page.goto(f"{address}/console")
        page.get_by_label("API key").fill(ADMIN_KEY)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        page.get_by_role("link", name="Accounts", exact=True).click()
        page.get_by_label("Number, name or line").fill("A100001")
        page.locator("main").get_by_role("button", name="Search").click()
        page.get_by_role("link", name="Sanne de Vries").click()
        expect(page.get_by_text("€42.10").first).to_be_visible()
        page.get_by_text("Why", exact=True).first.click()
        expect(page.get_by_text("day 17: bar outgoing").first).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("API key")).to_be_visible()


def test_an_empty_installation_says_what_to_do(page: Page, database_url: str) -> None:
    with console(database_url, is_filled=False, is_demo=True) as address:
        page.goto(f"{address}/console")
        expect(page.get_by_text("There is no account yet")).to_be_visible()
        picture(page, "empty")
        assert overflow_of(page) == 0
