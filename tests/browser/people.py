"""Who looks at the pages of the stack: an operator, a customer, anybody; each in a browser of their own."""

from __future__ import annotations

from playwright.sync_api import Browser, BrowserContext

from tests.browser.pages import CUSTOMER, OPERATOR
from tests.browser.stack import Stack

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
SIZES = {"phone": PHONE, "desk": DESK}
SCHEMES = ("light", "dark")


def a_browser_of(chromium: Browser, stack: Stack, looker: str, *, scripts: bool = True) -> BrowserContext:
    """A context in which this person is signed in."""
    context = chromium.new_context(viewport=PHONE, java_script_enabled=scripts, locale="en-GB", color_scheme="light")
    if looker == CUSTOMER:
        cookie = {"name": "evenflow_my", "value": stack.customer_cookie, "url": f"{stack.base}/my"}
        context.add_cookies([cookie])
    if looker == OPERATOR:
        page = context.new_page()
        page.goto(f"{stack.base}/console/sign-in")
        field = page.get_by_label("API key")
        if not field.is_visible():
            page.get_by_text("With an API key").click()
        field.fill(stack.admin_key)
        field.press("Enter")
        page.wait_for_url(f"{stack.base}/console")
        page.close()
    return context
