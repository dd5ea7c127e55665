"""Banking days and public holidays."""

import subprocess
import sys
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.banking_days import (
    add_banking_days,
    bank_holidays,
    is_banking_day,
    is_public_holiday,
    next_banking_day,
)
from billing.domain.errors import InvalidValue

calendars = st.sampled_from(["TARGET", "GB", "US", "NL", "DE-BY"])
days = st.dates(date(2020, 1, 1), date(2040, 12, 31))


def test_target_closes_on_six_days_a_year() -> None:
    assert bank_holidays("TARGET", 2026) == {
        date(2026, 1, 1),
        date(2026, 4, 3),
        date(2026, 4, 6),
        date(2026, 5, 1),
        date(2026, 12, 25),
        date(2026, 12, 26),
    }


@pytest.mark.parametrize(
    ("calendar", "day", "open_for_business"),
    [
        ("TARGET", date(2026, 5, 25), True),  # Whit Monday is no TARGET holiday
        ("TARGET", date(2026, 4, 6), False),
        ("TARGET", date(2026, 6, 20), False),  # Saturday
        ("GB", date(2026, 5, 4), False),
        ("GB", date(2026, 12, 28), False),  # Boxing Day, a Saturday, is observed on Monday
        ("GB", date(2026, 5, 1), True),
        ("US", date(2026, 11, 26), False),
        ("US", date(2026, 7, 3), True),  # the Federal Reserve does not move a Saturday holiday back
        ("US", date(2027, 7, 5), False),  # but a Sunday one forward
    ],
)
def test_each_scheme_keeps_its_own_holidays(calendar: str, day: date, open_for_business: bool) -> None:
    assert is_banking_day(day, calendar) is open_for_business


@pytest.mark.parametrize(
    ("day", "calendar", "expected"),
    [
        (date(2026, 4, 3), "TARGET", date(2026, 4, 7)),
        (date(2026, 12, 25), "TARGET", date(2026, 12, 28)),
        (date(2026, 12, 25), "GB", date(2026, 12, 29)),
        (date(2026, 6, 17), "TARGET", date(2026, 6, 17)),
    ],
)
def test_a_date_moves_forward_to_the_next_banking_day(day: date, calendar: str, expected: date) -> None:
    assert next_banking_day(day, calendar) == expected


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (date(2026, 4, 2), 1, date(2026, 4, 7)),
        (date(2026, 4, 4), 1, date(2026, 4, 7)),
        (date(2026, 4, 4), 0, date(2026, 4, 7)),
        (date(2026, 4, 1), 2, date(2026, 4, 7)),
        (date(2026, 6, 15), 10, date(2026, 6, 29)),
    ],
)
def test_banking_days_are_counted_without_the_first_day(day: date, count: int, expected: date) -> None:
    assert add_banking_days(day, count, "TARGET") == expected


@given(day=days, calendar=calendars)
def test_the_next_banking_day_is_one_and_none_lies_before_it(day: date, calendar: str) -> None:
    found = next_banking_day(day, calendar)
    assert is_banking_day(found, calendar)
    assert not any(is_banking_day(day + timedelta(days=place), calendar) for place in range((found - day).days))


@given(day=days, calendar=calendars, count=st.integers(1, 30))
def test_exactly_that_many_banking_days_lie_between(day: date, calendar: str, count: int) -> None:
    found = add_banking_days(day, count, calendar)
    passed = [day + timedelta(days=place) for place in range(1, (found - day).days + 1)]
    assert sum(is_banking_day(one, calendar) for one in passed) == count


def test_public_holidays_follow_the_country_and_its_parts() -> None:
    assert is_public_holiday(date(2026, 4, 27), "NL")
    assert is_public_holiday(date(2026, 1, 6), "DE-BY")
    assert not is_public_holiday(date(2026, 1, 6), "DE")
    assert not is_public_holiday(date(2026, 12, 25), "")


@pytest.mark.parametrize("calendar", ["MARS", "target", "NL-ZZ"])
def test_an_unknown_calendar_is_refused(calendar: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        bank_holidays(calendar, 2026)
    assert refusal.value.field == "scheme_calendar"
    assert "TARGET" in refusal.value.remedy


def test_what_workflows_import_does_not_load_the_holiday_tables() -> None:
    program = (
        "import sys, billing.domain.clock, billing.domain.cycle_plan, billing.domain.dunning_policy,"
        " billing.domain.barring; sys.exit('holidays' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
