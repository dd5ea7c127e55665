"""Signing in, in a browser without JavaScript: from the invitation to the second factor, out, and in again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.console_server import browser_path, console
from tests.browser.test_console import WIDTHS, overflow_of, picture
from tests.doors.doors_world import ADMIN_KEY, DOOR

pytestmark = pytest.mark.xdist_group("worlds")
PASSWORD = "mistral teapot forty kites"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(params=WIDTHS)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": WIDTHS[request.param], "height": 800}, java_script_enabled=False, locale="en-GB"
    )
    yield context.new_page()
    context.close()


def seen(page: Page, name: str) -> None:
    """It fits its window in both schemes, and a picture is kept when somebody asked for pictures."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        picture(page, f"access-{name}-{scheme}")
    page.emulate_media(color_scheme="light")
    assert (name, overflow_of(page)) == (name, 0)


def code(secret: str, ahead: int = 0) -> str:
    return pyotp.TOTP(secret).at(datetime.now(UTC) + timedelta(seconds=30 * ahead))


def invited(address: str) -> str:
    """The link of an administrator who was invited by program."""
    body = {"email": "sanne@vonk.example", "name": "Sanne de Vries", "role": "admin"}
    answer = httpx.post(f"{address}/v1/users", json=body, headers={"X-API-Key": ADMIN_KEY})
    return address + str(answer.json()["link"]).removeprefix(DOOR)


def test_from_the_invitation_to_signing_in_again(page: Page, database_url: str) -> None:
    with console(database_url, is_filled=True, is_demo=False) as address:
        page.goto(invited(address))
        seen(page, "welcome")
        page.get_by_label("Password").fill("password1234")
        page.get_by_label("The same again").fill("password1234")
        page.get_by_role("button", name="Set the password").click()
        expect(page.get_by_text("This is a very common password").first).to_be_visible()
        seen(page, "weak-password")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Set the password").click()
        expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
        seen(page, "second-factor")
        secret = page.locator("main code").inner_text()
        page.get_by_label("Code of the app").fill(code(secret))
        page.get_by_role("button", name="Use it from now on").click()
        expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
        seen(page, "recovery-codes")
        page.get_by_role("link", name="I have kept them").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Email")).to_be_visible()
        seen(page, "sign-in")
        page.get_by_label("Email").fill("sanne@vonk.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", name="One more step")).to_be_visible()
        seen(page, "code")
        page.get_by_label("Code").fill(code(secret, ahead=1))
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_an_administrator_looks_after_users_keys_and_the_trail(page: Page, database_url: str) -> None:
    with console(database_url, is_filled=True, is_demo=False) as address:
        page.goto(f"{address}/console/users")
        page.get_by_label("API key").fill(ADMIN_KEY)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Nobody was invited yet")).to_be_visible()
        seen(page, "users-empty")
        page.get_by_text("Invite somebody").click()
        page.get_by_label("Email", exact=True).fill("robin@vonk.example")
        page.get_by_label("Name", exact=True).fill("Robin Smit")
        page.get_by_label("Reason").fill("New in the team")
        page.get_by_role("button", name="Make the invitation").click()
        expect(page.get_by_role("heading", name="A link for Robin Smit")).to_be_visible()
        seen(page, "link")
        page.get_by_role("link", name="Back to the user").click()
        page.locator("#f-role").select_option("finance")
        page.locator("#f-reason").fill("Joined the finance team")
        page.get_by_role("button", name="Change the role").click()
        expect(page.get_by_role("status").get_by_text("The role is changed.")).to_be_visible()
        seen(page, "user")
        page.get_by_role("link", name="API keys").click()
        page.get_by_text("Make a key").click()
        page.get_by_label("Name", exact=True).fill("crm")
        page.locator("#f-reason").fill("A CRM was bought")
        page.get_by_role("button", name="Make it").click()
        expect(page.get_by_label("Key", exact=True)).to_have_value(re.compile("^evk_"))
        seen(page, "keys")
        page.get_by_role("link", name="Audit").click()
        expect(page.get_by_text("Joined the finance team")).to_be_visible()
        seen(page, "audit")
        page.get_by_label("Action").fill("nothing like this")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_text("Nothing like that was done.")).to_be_visible()
        page.goto(f"{address}/console/me")
        seen(page, "me")
