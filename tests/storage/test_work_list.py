"""The work list against a plain filter in Python: the same accounts, in the same order, whatever is asked for."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.retry import FailureCategory
from billing.domain.work_list import METHODS, Arrangement, Sort, WorkFilter
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.persistence.work_list import SqlWorkList
from evenflow.stack.postgres import PostgresServer
from tests.builders_work_list import LADDER, NOW, ZONES, Debtor, a_crowd, write_debtors, write_policies

SIZE = 150
LATEST = datetime(9999, 12, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
async def crowd(
    postgres_server: PostgresServer, migrated_template: str
) -> AsyncIterator[tuple[SqlWorkList, list[Debtor]]]:
    """A list over a database of many kinds of accounts, and the accounts as they were described."""
    postgres_server.create_database("work_list", template=migrated_template)
    engine = make_engine(postgres_server.url("work_list"))
    async with SqlUnitOfWork(engine) as work:
        await write_policies(work)
        debtors = await write_debtors(work, a_crowd(SIZE))
        await work.commit()
    yield SqlWorkList(engine), debtors
    await engine.dispose()
    postgres_server.drop_database("work_list")


def in_force(one: Debtor) -> set[str]:
    """What is arranged with a debtor."""
    disputes_something = one.disputed and bool(one.owed) and one.owed[0][2] > 0
    found = {
        Arrangement.PROMISE: one.promised,
        Arrangement.PLAN: one.planned,
        Arrangement.DISPUTE: disputes_something,
        Arrangement.HOLD: one.held_days > 0,
        Arrangement.PAUSE: one.paused,
        Arrangement.HANDED_OVER: one.handed_over,
        Arrangement.IN_FLIGHT: one.in_flight,
    }
    return {name for name, is_so in found.items() if is_so} or {Arrangement.NOTHING}


def _next_on(one: Debtor) -> date:
    at = one.next_action_at if one.has_case else None
    return at.astimezone(ZoneInfo(ZONES[one.brand])).date() if at else date.max


def _days(one: Debtor) -> int:
    return (one.today - one.oldest).days


CHECKS: dict[str, Callable[[Debtor, Any], bool]] = {
    "brand": lambda one, value: one.brand == value,
    "segment": lambda one, value: one.segment == value,
    "text": lambda one, value: value.lower() in one.number.lower() or value.lower() in f"customer {one.number[-3:]}",
    "currency": lambda one, value: {"vonk": "EUR", "tamar": "GBP", "kiwi": "NZD"}[one.brand] == value,
    "least_minor": lambda one, value: one.overdue_minor >= value,
    "most_minor": lambda one, value: one.overdue_minor <= value,
    "least_days": lambda one, value: _days(one) >= value,
    "most_days": lambda one, value: _days(one) <= value,
    "least_invoices": lambda one, value: len(one.overdue) >= value,
    "policy_code": lambda one, value: one.has_case == (value == "default"),
    "policy_version": lambda one, value: one.has_case and one.policy_version == value,
    "stage": lambda one, value: one.has_case and (one.steps_done or ("opened",))[-1] == value,
    "next_step": lambda one, value: one.next_step == value,
    "next_from": lambda one, value: date.max != _next_on(one) >= value,
    "next_to": lambda one, value: _next_on(one) <= value,
    "failure": lambda one, value: one.failure == value,
    "code": lambda one, value: one.code == value,
    "method": lambda one, value: one.method == value,
    "arrangement": lambda one, value: value in in_force(one),
    "barred": lambda one, value: one.barred == (value == "yes"),
    "cycle_day": lambda one, value: one.cycle_day == value,
}
ORDERS: dict[str, Callable[[Debtor], Any]] = {
    "amount": lambda one: one.overdue_minor,
    "age": lambda one: date.max - one.oldest,
    "next": lambda one: (one.next_action_at if one.has_case else None) or LATEST,
    "number": lambda one: one.number,
}
DAYS = st.integers(-2, 12).map(lambda days: (NOW + timedelta(days=days)).date())
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "brand": st.sampled_from(list(ZONES)),
    "segment": st.sampled_from(["business", "gold", "nobody's"]),
    "text": st.sampled_from(["A1", "9", "%", "_", "customer 0", "\\"]),
    "currency": st.sampled_from(["EUR", "GBP", "USD"]),
    "least_minor": st.sampled_from([0, 1, 1000, 4210, 50_000]),
    "most_minor": st.sampled_from([50_000, 99_900, 200_000]),
    "least_days": st.sampled_from([0, 1, 2, 8, 31]),
    "most_days": st.sampled_from([31, 32, 91, 500]),
    "least_invoices": st.integers(1, 3),
    "policy_code": st.sampled_from(["default", "none"]),
    "policy_version": st.sampled_from([1, 2]),
    "stage": st.sampled_from(["opened", *LADDER]),
    "next_step": st.sampled_from(LADDER),
    "next_from": DAYS,
    "next_to": st.just((NOW + timedelta(days=12)).date()),
    "failure": st.sampled_from(list(FailureCategory)),
    "code": st.sampled_from(["AM04", "MD06", "old"]),
    "method": st.sampled_from(METHODS),
    "arrangement": st.sampled_from(list(Arrangement)),
    "barred": st.sampled_from(["yes", "no"]),
    "cycle_day": st.integers(1, 28),
}
FILTERS = st.sets(st.sampled_from(list(FIELDS)), max_size=4).flatmap(
    lambda names: st.fixed_dictionaries({name: FIELDS[name] for name in names})
)


def test_every_field_of_the_filter_is_compared() -> None:
    assert set(CHECKS) == set(FIELDS) == set(WorkFilter.__dataclass_fields__)


def chosen(debtors: list[Debtor], said: dict[str, Any]) -> list[Debtor]:
    """The plain filter."""
    owing = [one for one in debtors if one.overdue]
    return [one for one in owing if all(CHECKS[name](one, value) for name, value in said.items())]


async def listed(work_list: SqlWorkList, wanted: WorkFilter, sort: str, limit: int) -> list[Any]:
    """Every page after the other."""
    found: list[Any] = []
    after: str | None = ""
    while after is not None:
        page = await work_list.page(wanted, NOW, sort, after, limit)
        found += page.items
        after = page.next_after
    return found


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=FILTERS, sort=st.sampled_from(list(Sort)), limit=st.sampled_from([7, 40, 500]))
async def test_a_filter_chooses_what_it_says_in_the_order_it_says(
    crowd: tuple[SqlWorkList, list[Debtor]], said: dict[str, Any], sort: Sort, limit: int
) -> None:
    work_list, debtors = crowd
    wanted = WorkFilter.from_dict(WorkFilter(**said).to_dict())
    found = await listed(work_list, wanted, sort, limit)
    order = ORDERS[sort.removeprefix("-")]
    expected = sorted(
        chosen(debtors, said), key=lambda one: (order(one), int(one.account_id[4:])), reverse=sort.startswith("-")
    )
    assert [one.account.account_id for one in found] == [one.account_id for one in expected]
    assert {one.account.account_id: (one.overdue_minor, one.unpaid_invoices, one.days_overdue) for one in found} == {
        one.account_id: (one.overdue_minor, len(one.overdue), _days(one)) for one in expected
    }
    totals = {one.currency: (one.accounts, one.overdue_minor) for one in await work_list.totals(wanted, NOW)}
    assert sum(accounts for accounts, _ in totals.values()) == len(expected)
    assert sum(minor for _, minor in totals.values()) == sum(one.overdue_minor for one in expected)
    ids = [one.account_id for one in debtors]
    assert await work_list.still_matching(wanted, NOW, ids) == {one.account_id for one in expected}


async def test_what_is_shown_of_an_account_is_what_was_written(crowd: tuple[SqlWorkList, list[Debtor]]) -> None:
    work_list, debtors = crowd
    facts = await work_list.facts([one.account_id for one in debtors], NOW)
    assert len(facts) == SIZE
    for one in debtors:
        seen = facts[one.account_id]
        assert (seen.method, seen.failure_code, seen.next_step) == (one.method, one.code, one.next_step)
        assert (seen.promise_until is not None, seen.plan_id is not None) == (one.promised, one.planned)
        assert (seen.in_flight, seen.handed_over, seen.barred_services) == (
            one.in_flight,
            one.handed_over,
            int(one.barred),
        )


async def test_today_counts_instalments_due_on_each_accounts_own_date(
    crowd: tuple[SqlWorkList, list[Debtor]],
) -> None:
    work_list, debtors = crowd
    numbers = await work_list.day_numbers(NOW)
    planned = [one for one in debtors if one.planned]
    assert sum(one.accounts for one in numbers.instalments) == len(planned)
    assert sum(one.amount_minor for one in numbers.instalments) == 50 * len(planned)
    assert (numbers.promises, numbers.holds) == ([], [])
    in_four_days = await work_list.day_numbers(NOW + timedelta(days=4))
    assert sum(one.accounts for one in in_four_days.promises) == sum(one.promised for one in debtors)
    in_five_days = await work_list.day_numbers(NOW + timedelta(days=5))
    assert sum(one.accounts for one in in_five_days.holds) == sum(one.held_days == 5 for one in debtors)


FORGED = (
    ["age", "2027-01-01", 1],  # of another order
    ["amount", "ten", 1],
    ["amount", "10", "acc_1001"],
    ["amount", "10", -1],
    ["next", "2027-99-99 12:00:00+00", 1],
    ["number", "\0", 1],
    ["number", "\ud800", 1],
    ["number", 5, 1],
    [],
    {},
)


@pytest.mark.parametrize("place", FORGED, ids=json.dumps)
async def test_a_page_that_never_ended_there_is_refused(crowd: tuple[SqlWorkList, list[Debtor]], place: Any) -> None:
    token = base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")
    for forged in (token, "nonsense", "%00", "é"):
        for sort in (Sort.AMOUNT, Sort.NEXT, Sort.NUMBER):
            with pytest.raises(InvalidValue, match="No page ended there"):
                await crowd[0].page(WorkFilter(), NOW, sort, forged, 10)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"method": "cheque"}, "method"),
        ({"least_minor": 5, "most_minor": 4}, "most_minor"),
        ({"next_from": "tomorrow"}, "next_from"),
        ({"colour": "red"}, "colour"),
        ({"least_days": -1}, "least_days"),
        ({"text": "a\0b"}, "text"),
    ],
)
def test_a_filter_that_says_nothing_useful_names_its_field(said: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        WorkFilter.from_dict(said)
    assert (refused.value.field, bool(refused.value.remedy)) == (field, True)
