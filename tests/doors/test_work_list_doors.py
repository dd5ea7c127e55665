"""The work list at the doors and on its page: filters, totals, pages, file and today's numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import date

import pytest

from tests.builders_work_list import Debtor
from tests.doors.collections_world import CollectionsWorld, a_collections_world
from tests.doors.console_visits import sign_in

OLD = Debtor("A100001", segment="business", owed=((date(2026, 11, 1), 9900, 9900), (date(2026, 12, 1), 100, 100)))
NEW = Debtor("A100002", code="AM04", method="sepa_debit", promised=True, barred=True)
PAID = Debtor("A100003", owed=((date(2027, 1, 10), 4210, 0),))
NOT_DUE = Debtor("A100004", owed=((date(2027, 3, 1), 4210, 4210),))


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[CollectionsWorld]:
    async with a_collections_world(database_url, [OLD, NEW, PAID, NOT_DUE]) as built:
        yield built


async def test_the_list_has_who_owes_with_reasons_in_words_and_totals(world: CollectionsWorld) -> None:
    shown = (await world.doors.get("/v1/collections/work-list")).json()
    assert [(one["number"], one["overdue_minor"], one["days_overdue"]) for one in shown["accounts"]] == [
        ("A100001", 10_000, 92),
        ("A100002", 4210, 22),
    ]
    assert shown["totals"] == [{"currency": "EUR", "accounts": 2, "invoices": 3, "overdue_minor": 14_210}]
    newer = shown["accounts"][1]
    assert newer["failure"] == "not enough money (AM04: there is not enough money on the account)"
    assert (newer["next_step"], newer["policy_code"], newer["method"]) == ("retry@3", "default", "sepa_debit")
    assert (newer["barred_services"], newer["promise_until"] is not None) == (1, True)


async def test_it_is_filtered_sorted_and_paged(world: CollectionsWorld) -> None:
    async def numbers(**query: object) -> list[str]:
        answer = await world.doors.get("/v1/collections/work-list", **query)
        assert answer.status_code == 200, answer.text
        return [one["number"] for one in answer.json()["accounts"]]

    assert await numbers(least_days=30) == ["A100001"]
    assert await numbers(arrangement="promise") == ["A100002"]
    assert await numbers(least_minor=5000, segment="standard") == []
    assert await numbers(sort="age") == ["A100002", "A100001"]
    first = (await world.doors.get("/v1/collections/work-list", limit=1)).json()
    assert await numbers(limit=1, after=first["next_after"]) == ["A100002"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"least_minor": 9, "most_minor": 8}, "most_minor"),
        ({"sort": "age", "after": "nowhere"}, "after"),
        ({"colour": "red"}, "colour"),
        ({"method": "cheque"}, "query.method"),
    ],
)
async def test_what_it_does_not_take_is_named(world: CollectionsWorld, query: dict[str, object], field: str) -> None:
    refused = await world.doors.get("/v1/collections/work-list", **query)
    assert (refused.status_code, refused.json()["field"]) == (422, field)


async def test_the_file_has_every_chosen_account(world: CollectionsWorld) -> None:
    answer = await world.doors.get("/v1/collections/work-list.csv", segment="business")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [(one["number"], one["overdue_minor"]) for one in rows] == [("A100001", "10000")]


async def test_the_page_shows_it_and_every_state_has_words(world: CollectionsWorld) -> None:
    await sign_in(world.doors)
    client = world.doors.client
    shown = (await client.get("/console/collections")).text
    for words in ("€142.10", "2 accounts, 3 invoices", "€100.00", "Retry, day 3", "promise", "Act on all of these"):
        assert words in shown
    nothing = (await client.get("/console/collections?segment=nobody")).text
    assert "No overdue account matches" in nothing
    refused = await client.get("/console/collections?least=5&most=4")
    assert (refused.status_code, "most_minor" in refused.text) == (422, True)
    file = await client.get("/console/collections?format=csv&least_days=30")
    assert "A100001" in file.text
    assert "A100002" not in file.text


async def test_an_empty_list_says_so(database_url: str) -> None:
    async with a_collections_world(database_url, [PAID]) as world:
        await sign_in(world.doors)
        assert "Nobody owes anything that is overdue" in (await world.doors.client.get("/console/collections")).text
        numbers = (await world.doors.get("/v1/collections/today")).status_code
        assert numbers == 401, "the session of a page opens no door of the API"
