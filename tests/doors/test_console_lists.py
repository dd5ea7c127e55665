"""Search, lists and the first page of the console: what is found, in which order, and where each number leads."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.ports.payments import Mandate, MandateStatus
from tests.doors.console_data import FULL_ACCOUNT, fill
from tests.doors.console_visits import sign_in
from tests.doors.doors_world import NOW, DoorsWorld, a_doors_world

HOME = f"/console/accounts/{FULL_ACCOUNT}"
HITS = (
    ("A100001", HOME),
    ("a100007", "/console/accounts/acc_1007"),
    ("acc_1003", "/console/accounts/acc_1003"),
    ("+31612345681", "/console/accounts/acc_1004/services"),
    ("06 1234 5679", "/console/accounts/acc_1002/services"),
    ("0031612345680", "/console/accounts/acc_1003/services"),
    ("jo.smit@example.com", "/console/accounts/acc_1002"),
    ("fietsen", "/console/accounts/acc_1002"),
    ("•••• 3000", f"{HOME}/methods"),
    ("3000", f"{HOME}/methods"),
    ("DE89 3704 0044 0532 0130 00", f"{HOME}/methods"),
    ("mnd1042", f"{HOME}/methods"),
)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as made:
        async with made.work() as work:
            assert isinstance(work, SqlUnitOfWork)
            await fill(work)
            await _with_method(work)
        await sign_in(made, made.keys["viewer"])
        yield made


async def _with_method(work: SqlUnitOfWork) -> None:
    values = dict.fromkeys(("provider_customer", "provider_method", "blocked_reason"), "")
    method = await work.payments.add_method(
        values
        | {"account_id": FULL_ACCOUNT, "kind": "sepa_debit", "provider": "stripe", "label": "37040044"}
        | {"last_four": "3000", "status": "usable", "is_default": True, "created_at": NOW}
    )
    await work.payments.put_mandate(
        Mandate(FULL_ACCOUNT, method.method_id, "stripe", "mandate_1", "MND1042", MandateStatus.ACTIVE, NOW)
    )
    await work.accounts.change("acc_1002", {"email": "Jo.Smit@Example.com", "company": "Smit Fietsen"})
    await work.commit()


async def test_one_hit_leads_straight_to_its_page(world: DoorsWorld) -> None:
    for text, path in HITS:
        answer = await world.client.get("/console/search", params={"q": text})
        assert (text, answer.status_code, answer.headers.get("location")) == (text, 303, path), answer.text[-1500:]


async def test_several_hits_are_shown_in_groups_and_none_says_what_would_be_found(world: DoorsWorld) -> None:
    several = (await world.client.get("/console/search", params={"q": "wei li"})).text
    assert "Names" in several
    assert several.count("Li Wei</a>") == 8
    nothing = await world.client.get("/console/search", params={"q": "nobody at all"})
    assert (nothing.status_code, "Nothing is found" in nothing.text) == (200, True)
    short = await world.client.get("/console/search", params={"q": "x"})
    assert (short.status_code, "2 to 100 characters" in short.text) == (422, True)
    for text in ("100%", "_____", "\\\\", "'; DROP TABLE accounts", "<script>"):
        answer = await world.client.get("/console/search", params={"q": text})
        assert (text, answer.status_code) == (text, 200)
        assert "<script>" not in answer.text


async def test_accounts_are_filtered_sorted_paged_and_exported(world: DoorsWorld) -> None:
    first = (await world.client.get("/console/accounts?sort=-overdue")).text
    assert first.index("Sanne de Vries") < first.index("Jo Smit")
    assert "40 accounts" in first
    barred = (await world.client.get("/console/accounts?barred=true")).text
    assert "1 account<" in barred
    assert "No account matches" in (await world.client.get("/console/accounts?segment=gold")).text
    file = await world.client.get("/console/accounts?format=csv&overdue=true")
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert [(row["account"], row["overdue minor"]) for row in rows] == [(FULL_ACCOUNT, "4210")]
    assert len((await world.client.get("/console/accounts?format=csv")).text.splitlines()) == 41
    assert (await world.client.get("/console/accounts?sort=luck")).status_code == 422


async def test_every_number_of_the_first_page_leads_to_a_list_that_opens(world: DoorsWorld) -> None:
    shown = (await world.client.get("/console")).text
    links = {
        link.replace("&amp;", "&") for link in re.findall(r'href="(/console/[^"#]+)"', shown.partition("<main")[2])
    }
    for path in ("/console/invoices?", "/console/payments?", "/console/accounts?"):
        assert any(link.startswith(path) for link in links), path
    for link in sorted(links - {"/console/sign-out"}):
        assert (link, (await world.client.get(link)).status_code) == (link, 200)


async def test_a_rule_that_was_not_checked_yet_is_not_said_to_hold(world: DoorsWorld) -> None:
    states = await world.container.invariants.states()
    shown = (await world.client.get("/console")).text
    assert f"<b>0 of {len(states)}</b> rules of the books hold" in shown
    assert f"{len(states)} not checked yet" in shown


async def test_the_cycles_that_closed_on_a_day_are_found_by_that_day(world: DoorsWorld) -> None:
    async with world.work() as work:
        (cycle,) = await work.accounts.cycles(FULL_ACCOUNT)
    closes_on = cycle.closes_at.astimezone(ZoneInfo("Europe/Amsterdam")).date()
    for day, found in ((closes_on, [FULL_ACCOUNT]), (closes_on + timedelta(days=1), [])):
        file = (await world.client.get(f"/console/accounts?format=csv&closed_on={day}")).content.decode("utf-8-sig")
        assert [row["account"] for row in csv.DictReader(io.StringIO(file))] == found
    assert f'closed_on={NOW.date()}"' in (await world.client.get("/console")).text


async def test_filters_of_invoices_narrow_together_on_the_page_and_in_the_file(world: DoorsWorld) -> None:
    for query, is_found in (
        ("age=1-30+days&stage=dunning", True),
        ("age=1-30+days&issued_on=2027-01-02", True),
        ("age=1-30+days&month=2026-12-01", True),
        ("debit_on=2027-01-10&stage=open", True),
        ("age=1-30+days&stage=written_off", False),
        ("age=1-30+days&issued_on=2027-01-03", False),
        ("age=1-30+days&month=2027-01-01", False),
        ("debit_on=2027-01-10&stage=not_announced", False),
    ):
        shown = (await world.client.get(f"/console/invoices?{query}")).text.partition("<tbody>")[2]
        file = (await world.client.get(f"/console/invoices?{query}&format=csv")).text
        assert (query, "V15-2027-000001" in shown) == (query, is_found)
        assert (query, "V15-2027-000001" in file) == (query, is_found)


async def test_a_file_has_every_row_once_however_many_are_read_at_once(
    world: DoorsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.persistence.money_lists.ROWS_AT_ONCE", 1)
    for path, name, rows in (
        ("/console/invoices?", "invoice", ["V15-2027-000001", "V15-2027-000002"]),
        ("/console/invoices?age=1-30+days&", "invoice", ["V15-2027-000001"]),
        ("/console/payments?", "payment", ["inv_1001-1", "inv_1002-1"]),
    ):
        file = (await world.client.get(f"{path}format=csv")).content.decode("utf-8-sig")
        assert [row[name] for row in csv.DictReader(io.StringIO(file))] == rows


async def test_documents_and_payments_are_listed_by_day_age_and_outcome(world: DoorsWorld) -> None:
    for path, words in (
        ("/console/invoices", ("V15-2027-000001", "V15-2027-000002")),
        ("/console/invoices?age=1-30+days", ("V15-2027-000001",)),
        ("/console/invoices?stage=dunning", ("V15-2027-000001",)),
        ("/console/invoices?stage=announced", ("V15-2027-000001",)),
        ("/console/invoices?issued_on=2027-02-01", ("V15-2027-000002",)),
        ("/console/invoices?month=2027-02-10&stage=open", ()),
        ("/console/payments?status=failed", ("inv_1001-1",)),
        ("/console/payments?created_on=2027-01-13", ("inv_1002-1",)),
    ):
        shown = (await world.client.get(path)).text.partition("<tbody>")[2]
        found = set(re.findall(r"V15-2027-00000\d|inv_100\d-1", shown))
        assert (path, found) == (path, set(words))
    file = (await world.client.get("/console/invoices?format=csv&age=1-30+days")).text
    assert "V15-2027-000001,2026-12-25,2027-01-10,EUR,4210,4210" in file


async def test_the_parts_of_an_account_are_paged_and_filtered(world: DoorsWorld) -> None:
    barred = (await world.client.get(f"{HOME}/timeline?kind=services_barred")).text
    assert "Outgoing calls barred" in barred
    assert "cycle day 1, first invoice" not in barred
    assert "Nothing happened" in (await world.client.get(f"{HOME}/timeline?page=9")).text
    for part in ("documents", "payments", "notices", "services", "methods", "agreements"):
        for account_id, status in ((FULL_ACCOUNT, 200), ("acc_1002", 200), ("acc_99999", 404), ("acc_x", 422)):
            answer = await world.client.get(f"/console/accounts/{account_id}/{part}")
            assert (part, account_id, answer.status_code) == (part, account_id, status)


async def test_what_an_account_has_is_filtered_sorted_paged_and_exported(
    world: DoorsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routers.console_account_parts.PAGE_SIZE", 1)
    for path, found in (
        ("documents", "V15-2027-000002"),
        ("documents?page=2", "V15-2027-000001"),
        ("documents?sort=date", "V15-2027-000001"),
        ("documents?sort=-total", "V15-2027-000001"),
        ("documents?state=open", "V15-2027-000001"),
        ("documents?state=settled&kind=invoice", "V15-2027-000002"),
        ("documents?kind=credit_note", ""),
        ("payments", "inv_1002-1"),
        ("payments?state=failed&kind=debit", "inv_1001-1"),
        ("payments?sort=-asked", "inv_1001-1"),
        ("notices?kind=ready", "sanne@example.com"),
        ("notices?state=accepted", "+31612345678"),
        ("notices?page=2", "sanne@example.com"),
    ):
        shown = (await world.client.get(f"{HOME}/{path}")).text.partition("<tbody>")[2].partition("</tbody>")[0]
        rows = re.findall(r"V15-2027-00000\d|inv_100\d-1|sanne@example.com|\+31612345678", shown)
        assert (path, list(dict.fromkeys(rows))) == (path, [found] if found else [])
    for path, rows in (("documents", 2), ("documents?state=open", 1), ("payments", 2), ("notices", 2)):
        file = await world.client.get(f"{HOME}/{path}{'&' if '?' in path else '?'}format=csv")
        assert (path, len(list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig")))))) == (path, rows)
    assert (await world.client.get(f"{HOME}/notices?sort=luck")).status_code == 422


async def test_a_payment_is_found_by_the_day_it_was_taken_back(world: DoorsWorld) -> None:
    async with world.work() as work:
        await work.payments.change_attempt(FULL_ACCOUNT, "inv_1002-1", {"taken_back_at": NOW})
        await work.commit()
    for day, found in ((NOW.date(), True), (NOW.date() - timedelta(days=1), False)):
        shown = (await world.client.get(f"/console/payments?taken_back_on={day}")).text
        assert (day, "inv_1002-1" in shown) == (day, found)
    assert f'href="/console/payments?taken_back_on={NOW.date()}"' in (await world.client.get("/console")).text


async def test_addresses_to_give_out_are_for_agents(world: DoorsWorld) -> None:
    assert (await world.client.get(f"{HOME}/methods-link")).status_code == 403
    await sign_in(world, world.keys["agent"])
    assert "/pay/" in (await world.client.get(f"{HOME}/methods-link")).text
