"""The console: nothing without signing in, a session that is a cookie and never a key, and a page for every state."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from billing.messages.account import AccountView
from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.ports.payment_evidence import NewAcceptance
from tests.doors.console_data import FULL_ACCOUNT, RUNNING, fill
from tests.doors.doors_world import ADMIN_KEY, NOW, DoorsWorld, a_doors_world

PAGES = ("/console", "/console/accounts", f"/console/accounts/{FULL_ACCOUNT}")


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as world:
        world.client.headers.pop("X-API-Key")
        yield world


@pytest.fixture
async def world(empty: DoorsWorld) -> DoorsWorld:
    async with empty.work() as work:
        assert isinstance(work, SqlUnitOfWork)
        await fill(work)
    return empty


async def sign_in(world: DoorsWorld, key: str = ADMIN_KEY, **changes: str) -> httpx.Response:
    shown = await world.client.get("/console/sign-in")
    found = re.search(r'name="form" value="([^"]+)"', shown.text)
    assert found is not None
    form = {"form": found[1], "key": key, "next": "/console/accounts"} | changes
    return await world.client.post("/console/sign-in", data=form)


async def test_every_page_leads_to_sign_in_first(world: DoorsWorld) -> None:
    for path in (*PAGES, "/console/nowhere", f"/console/accounts/{FULL_ACCOUNT}/invoices/inv_1001.pdf"):
        answer = await world.client.get(path)
        assert (path, answer.status_code) == (path, 303)
        assert answer.headers["location"].startswith("/console/sign-in?next=/console")


async def test_a_session_is_a_guarded_cookie_without_the_key(world: DoorsWorld) -> None:
    answer = await sign_in(world)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/accounts")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("evenflow_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert ADMIN_KEY not in cookie
    assert (await world.client.get("/console")).status_code == 200


async def test_signing_in_never_leads_away_from_the_console(world: DoorsWorld) -> None:
    for away in ("https://elsewhere.example", "//elsewhere.example", "/consolex", "javascript:alert(1)"):
        assert (await sign_in(world, next=away)).headers["location"] == "/console"
        world.client.cookies.clear()


async def test_an_unknown_key_or_a_form_that_is_not_ours_signs_nobody_in(world: DoorsWorld) -> None:
    assert (await sign_in(world, key="evk_guessed")).status_code == 401
    assert (await sign_in(world, form="made up")).status_code == 403
    world.client.cookies.clear()
    assert (await world.client.get("/console")).status_code == 303


async def test_a_forged_or_a_strangers_cookie_is_nobody(world: DoorsWorld) -> None:
    world.client.cookies.set("evenflow_session", "WyJhIiwiYiJd.forged.signature", path="/console")
    assert (await world.client.get("/console")).status_code == 303


async def test_a_revoked_key_ends_its_sessions(world: DoorsWorld) -> None:
    await sign_in(world, key=world.keys["viewer"])
    assert (await world.client.get("/console")).status_code == 200
    await world.container.access.revoke("the viewer", NOW)
    assert (await world.client.get("/console")).status_code == 303


async def test_after_signing_out_nothing_is_shown(world: DoorsWorld) -> None:
    await sign_in(world)
    assert (await world.client.post("/console/sign-out")).status_code == 403  # nobody signs another out
    found = re.search(r'name="form" value="([^"]+)"', (await world.client.get("/console")).text)
    assert found is not None
    await world.client.post("/console/sign-out", data={"form": found[1]})
    assert (await world.client.get("/console")).status_code == 303


async def test_the_overview_counts_what_the_books_say(world: DoorsWorld) -> None:
    await sign_in(world)
    shown = (await world.client.get("/console")).text
    assert "<b>40</b> accounts" in shown
    assert re.search(r"€42\.10</b> open\b", shown)
    assert re.search(r"€42\.10</b> overdue\b", shown)
    assert "1 barred outgoing" in shown
    titles = re.findall(r'<svg class="chart"[^>]* aria-label="([^."]+)', shown)
    assert {"Accounts per cycle day", "Expected revenue per cycle day"} <= set(titles)


async def test_an_account_shows_documents_payments_notices_case_and_reasons(world: DoorsWorld) -> None:
    await sign_in(world)
    shown = (await world.client.get(f"/console/accounts/{FULL_ACCOUNT}")).text
    for words in ("€42.10", "day 17: bar outgoing", "No process runs", "dunning: barred outgoing"):
        assert words in shown
    for part, words in (
        ("documents", "V15-2027-000001"),
        ("payments", "insufficient funds AM04"),
        ("notices", "sendgrid"),
        ("agreements", "policy default version 1"),
        ("timeline", "day 17: bar outgoing"),
    ):
        shown = (await world.client.get(f"/console/accounts/{FULL_ACCOUNT}/{part}")).text
        assert (part, words in shown) == (part, True)


async def test_an_account_shows_its_methods_with_the_proof_of_what_was_agreed(world: DoorsWorld) -> None:
    async with world.work() as work:
        values = dict.fromkeys(("provider_customer", "provider_method", "blocked_reason"), "")
        method = await work.payments.add_method(
            values
            | {"account_id": FULL_ACCOUNT, "kind": "sepa_debit", "provider": "stripe", "label": "37040044"}
            | {"last_four": "3000", "status": "usable", "is_default": True, "created_at": NOW}
        )
        agreed = NewAcceptance(
            FULL_ACCOUNT, method.kind, 1, "nl", "Ik machtig Vonk", NOW, NOW, "203.0.113.7", "<script>Phone</script>"
        )
        acceptance_id = await work.evidence.add(agreed)
        await work.evidence.fulfilled(FULL_ACCOUNT, acceptance_id, method.method_id, "MND1042")
        await work.commit()
    await sign_in(world)
    shown = (await world.client.get(f"/console/accounts/{FULL_ACCOUNT}/methods")).text
    for words in ("ending in 3000", "text version 1 (nl)", "Ik machtig Vonk", "203.0.113.7", "&lt;script&gt;Phone"):
        assert words in shown
    assert "<script>" not in shown


async def test_an_account_shows_what_comes_next_and_the_live_balance(world: DoorsWorld) -> None:
    await world.process.start_account(RUNNING)
    await sign_in(world)
    shown = (await world.client.get(f"/console/accounts/{FULL_ACCOUNT}")).text
    assert "75 % used · 1:15:00 of 1:40:00" in shown
    assert "€15.00" in shown
    assert "Issue" in shown


async def test_an_account_is_shown_while_the_process_server_is_away(
    world: DoorsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(workflow_id: str) -> AccountView:
        raise ConnectionError(workflow_id)

    monkeypatch.setattr(world.process, "view", away)
    await sign_in(world)
    answer = await world.client.get(f"/console/accounts/{FULL_ACCOUNT}")
    assert answer.status_code == 200
    assert "does not answer just now" in answer.text


async def test_accounts_are_searched_by_number_and_name(world: DoorsWorld) -> None:
    await sign_in(world)
    for query, number in (("A100003", 1), ("li wei", 8), ("nobody at all", 0)):
        shown = (await world.client.get("/console/accounts", params={"q": query, "cycle_day": ""})).text
        assert shown.count('<th scope="row">') == number
    assert "No account matches" in shown


async def test_every_page_has_its_empty_state(empty: DoorsWorld) -> None:
    await sign_in(empty)
    assert "There is no account yet" in (await empty.client.get("/console")).text
    assert "There is no account yet" in (await empty.client.get("/console/accounts")).text


async def test_what_is_not_there_is_a_page_with_the_way_back(world: DoorsWorld) -> None:
    await sign_in(world)
    for path in ("/console/accounts/acc_999", "/console/nowhere"):
        answer = await world.client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
        assert "Back to the overview" in answer.text


async def test_text_of_customers_is_never_markup(world: DoorsWorld) -> None:
    async with world.work() as work:
        await work.accounts.change(FULL_ACCOUNT, {"customer_name": "<script>alert(1)</script>"})
        await work.commit()
    await sign_in(world)
    for path in PAGES[1:]:
        assert "<script>" not in (await world.client.get(path)).text


@pytest.mark.parametrize(
    ("peer", "host", "status"),
    [("127.0.0.1", "127.0.0.1", 200), ("127.0.0.1", "rebound.example", 303), ("192.0.2.7", "127.0.0.1", 303)],
)
async def test_the_demo_is_open_to_this_machine_only(database_url: str, peer: str, host: str, status: int) -> None:
    async with a_doors_world(database_url, demo_mode=True) as world:
        transport = httpx.ASGITransport(world.app, client=(peer, 50000))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            assert (await client.get("/console")).status_code == status


async def test_every_page_carries_the_security_headers(empty: DoorsWorld) -> None:
    for path in ("/console/sign-in", "/v1/brands", "/health/live", "/static/console.css", "/nowhere"):
        answer = await empty.client.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"


async def test_without_a_session_key_nobody_signs_in_and_the_page_says_why(database_url: str) -> None:
    async with a_doors_world(database_url, session_key="") as world:
        answer = await world.client.get("/console/sign-in")
        assert answer.status_code == 401
        assert "EVENFLOW_SECRETS_SESSION_KEY" in answer.text
