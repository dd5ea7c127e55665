"""The rules of the books, checked a slice at a time: same findings as a whole check, kept, and a case while broken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from billing.domain.errors import InvalidValue
from billing.domain.staff_cases import INVARIANT_BROKEN
from billing.persistence.book_checks import SqlBookChecks
from billing.persistence.invariants import INVARIANTS, check_books
from billing.persistence.scoped_checks import ScopedQuery
from billing.ports.invariants import Broken, Slice
from billing.ports.staff_cases import StaffCase
from billing.services.invariant_checks import BOOKED_WITHIN, InvariantChecks
from tests.builders_invoicing import Office, an_office

BALANCES, ADDS_UP, HOLES = "ledger balances", "invoice adds up", "numbers have no hole"


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


async def _billed(office: Office, accounts: int) -> list[str]:
    """Accounts with one billed cycle each."""
    ids = []
    for number in range(accounts):
        account, _ = await office.open_account(number=f"A{200001 + number}")
        await office.issue(account.account_id)
        ids.append(account.account_id)
    return ids


async def _damage(office: Office, statement: str) -> None:
    async with office.engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text(statement))


def _lines_changed_of(account_id: str, by: int = 1) -> str:
    return f"UPDATE invoice_lines SET amount_minor = amount_minor + {by} WHERE account_id = {account_id[4:]}"


def _checks(office: Office, slice_size: int = 2, later: timedelta = BOOKED_WITHIN * 2) -> InvariantChecks:
    """As they are made when the last booking is long ago."""
    times = iter(range(1, 10_000))

    def now() -> datetime:
        return office.clock.now() + later + timedelta(seconds=next(times))

    return InvariantChecks(office.work, office.clock, SqlBookChecks(office.engine), slice_size, now)


async def _case(office: Office, rule: str) -> StaffCase | None:
    async with office.work() as work:
        found = await work.staff_cases.lasting(INVARIANT_BROKEN, None, rule)
    return found[0] if found else None


DAMAGE = {
    BALANCES: "UPDATE ledger_postings SET amount_minor = amount_minor + 1 WHERE ledger_account = 'vat'",
    ADDS_UP: "UPDATE invoice_lines SET amount_minor = amount_minor + 1",
    "open amount is the ledger's": "DELETE FROM ledger_postings",
    "cycles join": "UPDATE cycles SET opens_at = opens_at + interval '1 second' WHERE cycle_number = 2",
}


@pytest.mark.parametrize("rule", DAMAGE)
async def test_slices_together_find_what_a_whole_check_finds(office: Office, rule: str) -> None:
    ids = await _billed(office, 3)
    await _damage(office, DAMAGE[rule])
    books = SqlBookChecks(office.engine)
    (finding,) = [one for one in await check_books(office.engine) if one.invariant.name == rule]
    whole = sorted((one.account_id, one.what) for one in finding.violations)
    assert {one[0] for one in whole} == set(ids)
    assert sorted((one.account_id, one.what) for one in await books.find(rule)) == whole
    parts: list[Broken] = []
    for first, last in ((ids[0], ids[1]), (ids[2], ids[2])):
        parts += await books.find(rule, Slice(first, last, False))
    assert sorted((one.account_id, one.what) for one in parts) == whole
    named = await books.find(rule, None, [ids[1]])
    assert {one.account_id for one in named} == {ids[1]}


def test_every_rule_about_accounts_can_be_asked_of_some_and_names_its_tables() -> None:
    scoped = [rule for rule in INVARIANTS if isinstance(rule.find, ScopedQuery)]
    across = {
        "bank debits once",
        "bank files add up",
        "bank payouts are booked",
        "suspense is its items",
        "entries are their payments",
        "VAT of bad debts is given up",
    }
    whole = {rule.name for rule in INVARIANTS} - {rule.name for rule in scoped}
    assert whole == {HOLES, "counters are the events", *across}
    assert all(isinstance(rule.find, ScopedQuery) and rule.find.tables for rule in scoped)


async def test_a_pass_walks_through_all_accounts_and_begins_again(office: Office) -> None:
    ids = await _billed(office, 3)
    checks = _checks(office)
    runs = [await checks.check(BALANCES) for _ in range(3)]
    assert [one.ends_pass for one in runs] == [False, True, False]
    kept = list(reversed(await checks.runs(BALANCES)))
    assert [(one.first_account_id, one.last_account_id) for one in kept] == [
        (ids[0], ids[1]),
        (ids[2], ids[2]),
        (ids[0], ids[1]),
    ]
    assert kept[0].pass_began_at == kept[1].pass_began_at != kept[2].pass_began_at
    state = next(one for one in await checks.states() if one.rule.name == BALANCES)
    assert (state.broken, state.whole_at, state.newest) == (0, kept[1].started_at, kept[2])
    assert all(one.violations == 0 and one.duration_ms >= 0 and not one.failure for one in kept)


async def test_a_broken_rule_is_a_case_until_its_places_are_looked_at_again_and_hold(office: Office) -> None:
    ids = await _billed(office, 3)
    checks = _checks(office)
    await _damage(office, _lines_changed_of(ids[2]))
    assert (await checks.check(ADDS_UP)).violations == 0  # of the first two accounts
    assert await _case(office, ADDS_UP) is None
    assert (await checks.check(ADDS_UP)).violations == 1
    case = await _case(office, ADDS_UP)
    assert case is not None
    assert (case.severity, case.facts["count"], case.facts["places"][0]["account_id"]) == ("urgent", 1, ids[2])
    assert case.facts["what_to_do"].startswith("Credit the document")
    assert (await checks.check(ADDS_UP)).violations == 1  # the place of the case is looked at in every round
    await _damage(office, _lines_changed_of(ids[2], by=-1))
    await _damage(office, _lines_changed_of(ids[0]))
    await checks.check(ADDS_UP)
    case = await _case(office, ADDS_UP)
    assert case is None  # that round looked at the third account only: the first one's turn comes
    assert (await checks.check(ADDS_UP)).violations == 1
    case = await _case(office, ADDS_UP)
    assert case is not None
    assert [place["account_id"] for place in case.facts["places"]] == [ids[0]]
    assert case.times_opened == 2


async def test_accounts_booked_on_lately_are_looked_at_in_every_round(office: Office) -> None:
    ids = await _billed(office, 3)
    checks = _checks(office, slice_size=1, later=timedelta(0))
    await _damage(office, _lines_changed_of(ids[2]))
    assert (await checks.check(ADDS_UP)).violations == 1


async def test_a_rule_across_accounts_is_checked_as_a_whole_once_a_day(office: Office) -> None:
    await _billed(office, 1)
    checks = _checks(office, later=timedelta(0))
    everything = await checks.due()
    assert {HOLES, BALANCES} <= set(everything)
    assert (await checks.check(HOLES)).ends_pass
    assert set(everything) - set(await checks.due()) == {HOLES}
    office.clock.at += timedelta(days=1, minutes=1)
    assert HOLES in await checks.due()


async def test_a_check_that_fails_is_told_closes_no_case_and_is_tried_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    (account_id,) = await _billed(office, 1)
    await _damage(office, _lines_changed_of(account_id))
    books = SqlBookChecks(office.engine)
    checks = InvariantChecks(office.work, office.clock, books)
    assert (await checks.check(ADDS_UP)).violations == 1

    async def fails(*_: object) -> Sequence[Broken]:
        raise TimeoutError

    with monkeypatch.context() as broken:
        broken.setattr(books, "find", fails)
        report = await checks.check(ADDS_UP)
    assert (report.failure, report.violations) == ("TimeoutError", 0)
    assert await _case(office, ADDS_UP) is not None
    assert (await checks.check(ADDS_UP)).violations == 1


async def test_old_results_are_forgotten_and_a_rule_there_is_not_is_refused(office: Office) -> None:
    checks = InvariantChecks(office.work, office.clock, SqlBookChecks(office.engine))
    await checks.check(HOLES)
    assert len(await checks.runs()) == 1
    later = InvariantChecks(
        office.work, office.clock, SqlBookChecks(office.engine), now=lambda: datetime.now(UTC) + timedelta(days=61)
    )
    await later.due()
    assert await later.runs() == []
    with pytest.raises(InvalidValue, match="no such rule"):
        await checks.runs("nonsense")
