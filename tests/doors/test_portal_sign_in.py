"""Signing in to self-service: a code or a link of one use, the same answer for everybody, sessions that end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.services.customer_access import CODE_LASTS, MOST_TRIES
from billing.services.customer_sessions import AT_MOST, IDLE
from billing.services.customer_tries import ASK_BY_ADDRESS, ASK_BY_CONTACT
from billing.services.self_service_links import LASTS_DAYS
from tests.builders_portal import EMAIL, MOBILE, Browser, PortalWorld, a_portal
from tests.doors.console_data import FULL_ACCOUNT

WRONG = "This code does not work"
NOBODY = "nobody@example.com"


@pytest.fixture
async def portal(database_url: str) -> AsyncIterator[PortalWorld]:
    async with a_portal(database_url) as world:
        yield world


def without_secrets(answer: httpx.Response) -> tuple[int, str, dict[str, str], list[str]]:
    """What an answer says, but for its random parts: status, body, headers, and which cookies with which attributes."""
    body = re.sub(r'name="form" value="[^"]+"', "", answer.text)
    cookies = [re.sub(r"=[^;]*;", "=;", one, count=1) for one in answer.headers.get_list("set-cookie")]
    headers = {name: value for name, value in answer.headers.items() if name not in ("set-cookie", "content-length")}
    return answer.status_code, body, headers, cookies


async def test_a_customer_signs_in_with_the_code_in_the_mail_and_it_is_used_up(portal: PortalWorld) -> None:
    browser = portal.browser()
    asked = await portal.asks(browser)
    await browser.follow(asked)
    code, waiting = portal.code(), dict(browser.client.cookies)
    signed_in = await browser.post("/my/sign-in/code", code=f"{code[:3]} {code[3:]}")
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/my/accounts")
    chosen = await browser.follow(signed_in)
    assert "A100003" in chosen.text
    await browser.post("/my/accounts", account_id=FULL_ACCOUNT)
    assert "Account A100001" in (await browser.get("/my")).text
    again = portal.browser()
    again.client.cookies.update(waiting)
    await again.get("/my/sign-in/code")
    assert WRONG in (await again.post("/my/sign-in/code", code=code)).text
    async with portal.doors.work() as work:
        (entry,) = [one for one in await work.timeline.of("acc_1003") if one.kind == "self_service"]
        notices = await work.notices.of("acc_1003")
    assert (entry.actor, entry.summary) == ("customer", "Customer signed in by code.")
    assert [(one.kind, one.channel, one.status) for one in notices] == [("sign_in_code", "email", "accepted")]


async def test_the_code_is_nowhere_in_the_database(portal: PortalWorld) -> None:
    browser = portal.browser()
    await portal.asks(browser)
    code = portal.code()
    async with portal.doors.work() as work:
        tables = ("customer_sign_ins", "notices", "notice_evidence", "timeline")
        assert isinstance(work, SqlUnitOfWork)
        rows = [str((await work.connection.execute(text(f"SELECT * FROM {name}"))).all()) for name in tables]
    assert not [name for name, found in zip(tables, rows, strict=True) if re.search(rf"\b{code}\b", found)]


@pytest.mark.parametrize("stranger", [NOBODY, "+31699999999", "what is this?", "a@b", ""])
async def test_whoever_asks_gets_the_same_answers(portal: PortalWorld, stranger: str) -> None:
    answers = []
    for contact in (EMAIL, stranger):
        browser = portal.browser()
        asked = await portal.asks(browser, contact)
        page = await browser.follow(asked)
        wrong = await browser.post("/my/sign-in/code", code="000000" if portal.code() != "000000" else "111111")
        answers.append([without_secrets(one) for one in (asked, page, wrong)])
    assert answers[0] == answers[1]
    assert len(portal.email.sent) == 1, "nothing goes to strangers"


async def test_nothing_is_looked_for_before_the_answer_is_out(portal: PortalWorld) -> None:
    """What takes longer for a customer than for a stranger must not be waited for."""
    access = portal.doors.container.customer_access
    asked = await access.ask(EMAIL, "203.0.113.9")
    async with portal.doors.work() as work:
        assert isinstance(work, SqlUnitOfWork)
        (named,) = (await work.connection.execute(text("SELECT account_ids FROM customer_sign_ins"))).scalars()
    assert (named, portal.email.sent) == ([], [])
    assert await access.deliver(asked)
    assert len(portal.email.sent) == 1


async def test_a_code_is_late_after_ten_minutes(portal: PortalWorld) -> None:
    browser = portal.browser()
    await browser.follow(await portal.asks(browser))
    portal.time.at += CODE_LASTS
    assert WRONG in (await browser.post("/my/sign-in/code", code=portal.code())).text


async def test_after_five_wrong_codes_the_right_one_does_not_work_either(portal: PortalWorld) -> None:
    browser = portal.browser()
    await browser.follow(await portal.asks(browser))
    right = portal.code()
    for wrong in [f"{(int(right) + place) % 10**6:06}" for place in range(1, MOST_TRIES + 1)]:
        assert WRONG in (await browser.post("/my/sign-in/code", code=wrong)).text
    assert WRONG in (await browser.post("/my/sign-in/code", code=right)).text


async def test_a_code_works_only_in_the_browser_that_asked(portal: PortalWorld) -> None:
    asking, other = portal.browser(), portal.browser()
    await portal.asks(asking)
    code = portal.code()
    await other.follow(await portal.asks(other, NOBODY))
    assert WRONG in (await other.post("/my/sign-in/code", code=code)).text


async def test_the_link_in_the_mail_is_opened_by_a_button_and_once(portal: PortalWorld) -> None:
    browser = portal.browser()
    await portal.asks(browser)
    found = re.search(r"/my/link/\S+", portal.email.sent[-1].content.text)
    assert found
    link = found.group(0).rstrip(".")
    phone = portal.browser()
    assert "Sign in with this link" in (await phone.get(link)).text, "looking uses nothing up"
    assert (await phone.post(link)).status_code == 303
    assert "Account A100003" in (await phone.get("/my")).text
    late = portal.browser()
    await late.get(link)
    gone = await late.post(link)
    assert (gone.status_code, "does not work any more" in gone.text) == (422, True)


async def test_asking_too_often_is_refused_alike_for_customers_and_strangers(portal: PortalWorld) -> None:
    for contact in (EMAIL, NOBODY):
        browser = portal.browser()
        answers = [await portal.asks(browser, contact) for _ in range(ASK_BY_CONTACT.most + 1)]
        assert [one.status_code for one in answers] == [303] * ASK_BY_CONTACT.most + [429]
        assert "tried too often" in answers[-1].text
    portal.time.at += timedelta(hours=1)
    assert (await portal.asks(portal.browser())).status_code == 303


async def test_one_network_address_cannot_ask_for_everybody(portal: PortalWorld) -> None:
    browser = portal.browser("198.51.100.9")
    answers = [await portal.asks(browser, f"someone{place}@example.com") for place in range(ASK_BY_ADDRESS.most + 1)]
    assert [one.status_code for one in answers] == [303] * ASK_BY_ADDRESS.most + [429]
    assert (await portal.asks(portal.browser("198.51.100.10"))).status_code == 303


async def test_the_address_in_a_notice_greets_in_the_customers_language_and_names_nobody(portal: PortalWorld) -> None:
    browser = portal.browser(language="en")
    page = await browser.follow(await browser.get(f"/my/h/{portal.links.token(FULL_ACCOUNT)}"))
    page = await browser.follow(page)
    assert ('lang="nl"' in page.text, "Vonk Mobiel" in page.text) == (True, True)
    for secret in ("Sanne", "sanne@", "345678", "A100001", "acc_"):
        assert secret not in page.text
    await browser.post("/my/sign-in", channel="sms")
    await portal.doors.container.customer_access.settled()
    assert [one.to for one in portal.sms.sent] == [MOBILE]
    await browser.get("/my/sign-in/code")
    assert (await browser.post("/my/sign-in/code", code=portal.code())).headers["location"] == "/my"
    assert "A100001" in (await browser.get("/my")).text, "the account that the message was about"


@pytest.mark.parametrize("token", ["forged", "rt-gf5-0123456789abcdef", "-1--", "é-1-0000000000000000"])
async def test_a_forged_or_old_address_greets_nobody(portal: PortalWorld, token: str) -> None:
    browser = portal.browser()
    old = portal.links.token(FULL_ACCOUNT)
    portal.time.at += timedelta(days=LASTS_DAYS + 1)
    for each in (token, old):
        page = await browser.follow(await browser.follow(await browser.get(f"/my/h/{each}")))
        assert "Email address or mobile number" in page.text


async def test_a_session_ends_when_idle_and_at_the_latest_after_half_a_day(portal: PortalWorld) -> None:
    browser = await portal.signed_in()
    portal.time.at += IDLE - timedelta(seconds=1)
    assert (await browser.get("/my")).status_code == 200
    portal.time.at += IDLE
    assert (await browser.get("/my")).headers["location"] == "/my/sign-in?next=/my"
    other = await portal.signed_in()
    begun = portal.time.at
    while portal.time.at < begun + AT_MOST - timedelta(minutes=20):
        portal.time.at += timedelta(minutes=20)
        assert (await other.get("/my/settings")).status_code == 200
    portal.time.at += timedelta(minutes=20)
    assert (await other.get("/my/settings")).status_code == 303


async def test_a_page_that_is_left_open_keeps_nobody_signed_in(portal: PortalWorld) -> None:
    sessions = portal.doors.container.customer_sessions
    cookie = await sessions.begin([FULL_ACCOUNT], "code")
    begun = await sessions.of(cookie)
    assert begun is not None
    portal.time.at += IDLE - timedelta(minutes=1)
    assert await sessions.of(cookie, is_used=False)
    portal.time.at += timedelta(minutes=1)
    assert (await sessions.of(cookie, is_used=False), await sessions.is_running(begun)) == (None, False)


async def test_signing_out_ends_this_browser_or_all_of_them(portal: PortalWorld) -> None:
    first, second, third = [await portal.signed_in() for _ in range(3)]
    assert "zijn ingelogd: 3" in (await first.get("/my/settings/sessions")).text
    stolen = dict(first.client.cookies)
    await first.post("/my/sign-out")
    assert (await portal_get(portal, stolen)).status_code == 303, "the cookie is worth nothing any more"
    assert (await second.get("/my/settings/sessions")).status_code == 200
    await second.post("/my/sign-out", everywhere="1")
    assert (await third.get("/my")).status_code == 303


async def portal_get(portal: PortalWorld, cookies: dict[str, str]) -> httpx.Response:
    """The overview with somebody's cookies."""
    thief = portal.browser()
    thief.client.cookies.update(cookies)
    return await thief.get("/my")


async def test_cookies_are_for_this_site_and_no_script(portal: PortalWorld) -> None:
    browser = portal.browser()
    await browser.follow(await portal.asks(browser))
    answer = await browser.post("/my/sign-in/code", code=portal.code())
    (session,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("evenflow_my=1")]
    assert ("HttpOnly" in session, "SameSite=lax" in session, "Path=/my" in session) == (True, True, True)


@pytest.mark.parametrize("cookie", ["", "1001.", "1001.guess", "x.y", "1001", "99999999999999999999.a", "-1.a"])
async def test_a_made_up_cookie_is_no_session(portal: PortalWorld, cookie: str) -> None:
    browser = portal.browser()
    browser.client.cookies.set("evenflow_my", cookie, path="/my")
    assert (await browser.get("/my")).status_code == 303


async def test_a_form_of_another_browser_signs_nobody_in(portal: PortalWorld) -> None:
    victim, attacker = portal.browser(), portal.browser()
    await attacker.get("/my/sign-in")
    stolen = re.search(r'name="form" value="([^"]+)"', attacker.page)
    assert stolen
    await victim.get("/my/sign-in")
    answer = await victim.post("/my/sign-in", contact=EMAIL, form=stolen.group(1))
    assert (answer.status_code, "open too long" in answer.text, portal.email.sent) == (403, True, [])


async def test_only_accounts_of_the_same_contact_can_be_switched_to(portal: PortalWorld) -> None:
    browser: Browser = await portal.signed_in()
    async with portal.doors.work() as work:
        stranger = await work.accounts.get("acc_1002")
        await work.accounts.change(stranger.account_id, {"email": "other@example.com", "mobile": "+31600000002"})
        await work.commit()
    again = portal.browser()
    await again.follow(await portal.asks(again))
    await again.post("/my/sign-in/code", code=portal.code())
    await again.get("/my/accounts")
    assert "A100002" not in again.page
    assert (await again.post("/my/accounts", account_id="acc_1002")).status_code == 404
    await browser.get("/my/accounts")
    assert "A100002" not in browser.page, "its contact has changed since this browser signed in"
    assert (await browser.post("/my/accounts", account_id="acc_1002")).status_code == 404


async def test_signing_out_everywhere_reaches_a_browser_that_switched_to_another_account(portal: PortalWorld) -> None:
    here, elsewhere = await portal.signed_in(), await portal.signed_in()
    await elsewhere.get("/my/accounts")
    await elsewhere.post("/my/accounts", account_id="acc_1002")
    assert "A100002" in (await elsewhere.get("/my")).text
    await here.get("/my/settings/sessions")
    await here.post("/my/sign-out", everywhere="1")
    assert (await elsewhere.get("/my")).status_code == 303


async def test_a_changed_contact_ends_the_sessions_that_could_switch_back(portal: PortalWorld) -> None:
    here, elsewhere = await portal.signed_in(), await portal.signed_in()
    await elsewhere.get("/my/accounts")
    await elsewhere.post("/my/accounts", account_id="acc_1002")
    await here.get("/my/settings/contact")
    asked = await here.post("/my/settings/contact", channel="email", contact="new@example.com")
    await here.follow(asked)
    changed = await here.post(asked.headers["location"], code=portal.code())
    assert changed.status_code == 303
    assert (await elsewhere.get("/my")).status_code == 303
    assert (await here.get("/my")).status_code == 200
