"""Search, lists and the first page of the console: what is found, in which order, and where each number leads."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator

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


async def test_addresses_to_give_out_are_for_agents(world: DoorsWorld) -> None:
    assert (await world.client.get(f"{HOME}/methods-link")).status_code == 403
    await sign_in(world, world.keys["agent"])
    assert "/pay/" in (await world.client.get(f"{HOME}/methods-link")).text
