"""What the overview counts is what counting the same books by hand gives, whatever happened to their invoices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.domain.collection_figures import MONEY_STAGES
from billing.domain.statement import bucket_of, days_overdue
from billing.persistence.overview_queries import SqlOverviews
from billing.persistence.queries import SqlQueries
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.ports.queries import AccountFilter
from tests.builders_collected import MONTHS, NOW, TODAY, Billed, Books

Lines = dict[tuple[object, ...], tuple[int, int]]


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    made = make_engine(database_url)
    yield made
    await made.dispose()


async def books_of(engine: AsyncEngine, seed: int, accounts: int = 30) -> list[Billed]:
    async with SqlUnitOfWork(engine) as work:
        return await Books(work, Random(seed)).fill(accounts)


def tally(lines: Iterable[tuple[tuple[object, ...], int]]) -> Lines:
    """How many, and how much, by what they are counted by."""
    found: Lines = defaultdict(lambda: (0, 0))
    for name, amount in lines:
        count, total = found[name]
        found[name] = (count + 1, total + amount)
    return dict(found)


def month_of(one: Billed) -> date:
    return one.invoice_date.replace(day=1)


def stages_by_hand(billed: list[Billed]) -> Lines:
    lines: list[tuple[tuple[object, ...], int]] = []
    for one in billed:
        key = (month_of(one), one.currency)
        lines.append(((*key, "invoiced"), one.total_minor))
        if one.announced:
            lines.append(((*key, "announced"), one.total_minor))
        lines += [((*key, stage), amount) for stage, amount in one.moved]
        if one.open_minor:
            lines.append(((*key, "dunning" if one.way == "dunning" else "open"), one.open_minor))
        debits = [each for each in one.tries if each.startswith("debit:")]
        if debits:
            lines.append(((*key, "tried"), 0))
            lines += [((*key, "tried_paid"), 0)] if debits[0] == "debit:succeeded" else []
    return tally(lines)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_funnel_is_what_became_of_each_months_invoices(engine: AsyncEngine, seed: int) -> None:
    billed = await books_of(engine, seed)
    found = await SqlOverviews(engine).funnel(MONTHS[0])
    assert {(one.month, one.currency, one.stage): (one.count, one.amount_minor) for one in found} == (
        stages_by_hand(billed)
    )
    for key in {(one.month, one.currency) for one in found}:
        of_month = [one for one in found if (one.month, one.currency) == key]
        invoiced = next(one.amount_minor for one in of_month if one.stage == "invoiced")
        assert invoiced == sum(one.amount_minor for one in of_month if one.stage in MONEY_STAGES)


@pytest.mark.parametrize("seed", [4, 5])
async def test_the_ages_of_open_debt_are_the_ledgers(engine: AsyncEngine, seed: int) -> None:
    billed = await books_of(engine, seed)
    by_hand = tally(
        ((one.currency, bucket_of(days_overdue(one.due_on, TODAY))), one.open_minor) for one in billed if one.open_minor
    )
    found = await SqlOverviews(engine).aging(NOW)
    assert {(one.currency, one.bucket): (one.count, one.amount_minor) for one in found} == by_hand
    totals = {one.currency: one for one in (await SqlQueries(engine).overview(NOW)).totals}
    for currency, total in totals.items():
        assert total.open_minor == sum(one.open_minor for one in billed if one.currency == currency)
        late = [one for one in billed if one.currency == currency and one.due_on < TODAY]
        assert total.overdue_minor == sum(one.open_minor for one in late)


async def test_what_is_open_follows_every_entry_and_starts_from_the_ledger(engine: AsyncEngine) -> None:
    billed = await books_of(engine, 6)
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT 'inv_' || invoice_id AS id, open_minor FROM open_invoices"))
        assert {row.id: row.open_minor for row in rows} == {
            one.invoice_id: one.open_minor for one in billed if one.open_minor
        }


async def test_first_tries_are_the_first_debits_that_ended_lately(engine: AsyncEngine) -> None:
    billed = await books_of(engine, 7)
    since = NOW - timedelta(days=30)
    found = {one.currency: (one.ended, one.paid) for one in await SqlOverviews(engine).first_tries(since)}
    for currency in ("EUR", "GBP"):
        firsts = [
            next(each for each in one.tries if each.startswith("debit:"))
            for one in billed
            if one.currency == currency and one.due_on > since.date() and any("debit:" in each for each in one.tries)
        ]
        assert found[currency] == (len(firsts), sum(each == "debit:succeeded" for each in firsts))


async def test_debits_ahead_are_what_is_open_on_each_announced_day(engine: AsyncEngine) -> None:
    billed = await books_of(engine, 8, accounts=60)
    ahead = [one for one in billed if one.open_minor and TODAY <= one.due_on < TODAY + timedelta(days=31)]
    assert ahead
    found = await SqlOverviews(engine).expected_debits(NOW, 31)
    assert {(one.debit_on, one.currency): (one.count, one.amount_minor) for one in found} == tally(
        ((one.due_on, one.currency), one.open_minor) for one in ahead
    )


@pytest.mark.parametrize(("sort", "descending"), [("overdue", True), ("open", False), ("name", False), ("", True)])
async def test_the_list_is_in_order_whole_and_without_repeats_over_its_pages(
    engine: AsyncEngine, sort: str, descending: bool
) -> None:
    billed = await books_of(engine, 9)
    queries, seen = SqlQueries(engine), []
    wanted = AccountFilter(sort=sort, descending=descending, limit=7)
    for offset in range(0, 30, 7):
        page = await queries.accounts(AccountFilter(**(vars(wanted) | {"offset": offset})), NOW)
        seen += page.accounts
    assert len({one.account_id for one in seen}) == len(seen) == await queries.count_accounts(wanted, NOW) == 30
    for one in seen:
        own = [each for each in billed if each.account_id == one.account_id]
        assert one.open_minor == sum(each.open_minor for each in own)
        assert one.overdue_minor == sum(each.open_minor for each in own if each.due_on < TODAY)
    if sort in ("open", "overdue"):
        amounts = [getattr(one, f"{sort}_minor") for one in seen]
        assert amounts == sorted(amounts, reverse=descending)


async def test_accounts_that_owe_too_long_are_listed_alone(engine: AsyncEngine) -> None:
    billed = await books_of(engine, 10)
    late = {one.account_id for one in billed if one.open_minor and one.due_on < TODAY}
    page = await SqlQueries(engine).accounts(AccountFilter(is_overdue=True), NOW)
    assert {one.account_id for one in page.accounts} == late
