"""Where signing in to self-service leads, and what is written down of tries that were refused."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.services.customer_tries import ASK_BY_CONTACT
from tests.builders_portal import EMAIL, PortalWorld, a_portal
from tests.doors.console_data import FULL_ACCOUNT


@pytest.fixture
async def portal(database_url: str) -> AsyncIterator[PortalWorld]:
    async with a_portal(database_url) as world:
        yield world


@pytest.mark.parametrize(
    ("asked", "led_to"),
    [
        ("/my/bills/inv_1001", "/my/bills/inv_1001"),
        ("/my/pay", "/my/pay"),
        ("//evil.example", "/my"),
        ("https://evil.example/my", "/my"),
        ("/my/../console", "/my"),
        ("/my//evil.example", "/my"),
        ("/my\\evil", "/my"),
        ("/myevil", "/my"),
        ("/my/sign-out", "/my"),
        ("/my/sign-in", "/my"),
        ("/my/bills?x=//evil", "/my"),
        ("/my/pay%0d%0aX-Other:1", "/my"),
    ],
)
async def test_the_page_that_was_asked_for_is_shown_after_signing_in_and_no_other_site(
    portal: PortalWorld, asked: str, led_to: str
) -> None:
    browser = portal.browser()
    await browser.get(f"/my/h/{portal.links.token(FULL_ACCOUNT)}")
    await browser.get("/my/sign-in", params={"next": asked})
    await browser.post("/my/sign-in", contact=EMAIL)
    await portal.doors.container.customer_access.settled()
    await browser.get("/my/sign-in/code")
    signed_in = await browser.post("/my/sign-in/code", code=portal.code())
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, led_to)


async def test_who_must_choose_an_account_sees_the_page_that_was_asked_for_afterwards(portal: PortalWorld) -> None:
    browser = portal.browser()
    await browser.follow(await browser.get("/my/bills"))
    await browser.post("/my/sign-in", contact=EMAIL)
    await portal.doors.container.customer_access.settled()
    await browser.get("/my/sign-in/code")
    await browser.follow(await browser.post("/my/sign-in/code", code=portal.code()))
    assert 'name="next" value="/my/bills"' in browser.page
    chosen = await browser.post("/my/accounts", account_id=FULL_ACCOUNT, next="/my/bills")
    assert chosen.headers["location"] == "/my/bills"
    await browser.get("/my/accounts")
    elsewhere = await browser.post("/my/accounts", account_id=FULL_ACCOUNT, next="//evil.example")
    assert elsewhere.headers["location"] == "/my"


async def test_refused_tries_leave_a_line_with_the_reason_and_nothing_personal(
    portal: PortalWorld, caplog: pytest.LogCaptureFixture
) -> None:
    browser = portal.browser("198.51.100.9")
    await browser.follow(await portal.asks(browser))
    await browser.post("/my/sign-in/code", code="000000" if portal.code() != "000000" else "111111")
    await browser.post("/my/sign-in", contact=EMAIL, form="forged")
    await browser.get("/my/link/wrong")
    await browser.post("/my/link/wrong")
    for _ in range(ASK_BY_CONTACT.most):
        await portal.asks(browser)
    refused = [one for one in caplog.messages if one.startswith("refused at")]
    assert refused == [
        "refused at POST /my/sign-in/code: the code is wrong, used or too old",
        "refused at POST /my/sign-in: the form is too old or was not ours",
        "refused at POST /my/link/{token}: the sign-in link is wrong, used or too old",
        "refused at POST /my/sign-in: too many tries (ask_contact)",
    ]
    assert not [one for one in refused if EMAIL in one or "198.51" in one or "acc_" in one]
