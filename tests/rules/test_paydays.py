"""A debit that failed for want of funds waits for the next payday, where one is near."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.banking_days import is_banking_day
from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields
from billing.domain.paydays import Paydays, first_debit_on

END_OF_MONTH = Paydays(last_banking_day=True, window_days=7)
days = st.dates(date(2025, 1, 1), date(2034, 12, 1))


@pytest.mark.parametrize(
    ("earliest", "paydays", "expected"),
    [
        (date(2027, 6, 24), END_OF_MONTH, date(2027, 6, 30)),
        (date(2027, 6, 22), END_OF_MONTH, date(2027, 6, 22)),  # eight days ahead
        (date(2027, 6, 30), END_OF_MONTH, date(2027, 6, 30)),
        (date(2027, 7, 26), END_OF_MONTH, date(2027, 7, 30)),  # the 31st is a Saturday
        (date(2027, 6, 22), Paydays((25,), window_days=7), date(2027, 6, 25)),
        (date(2027, 9, 20), Paydays((25,), window_days=7), date(2027, 9, 24)),  # a Saturday is paid on the Friday
        (date(2027, 2, 24), Paydays((30,), window_days=7), date(2027, 2, 26)),  # February, and a Sunday
        (date(2027, 6, 27), Paydays((1,), window_days=7), date(2027, 7, 1)),
        (date(2027, 6, 28), Paydays((25,), last_banking_day=True, window_days=7), date(2027, 6, 30)),
        (date(2027, 6, 24), Paydays((25,), window_days=0), date(2027, 6, 24)),
        (date(2027, 6, 26), Paydays(), date(2027, 6, 28)),
    ],
)
def test_the_debit_is_on_the_next_payday_within_the_window(earliest: date, paydays: Paydays, expected: date) -> None:
    assert first_debit_on(earliest, paydays, "TARGET")[0] == expected


def test_nothing_waits_for_a_payday_after_services_are_restricted() -> None:
    bar_on = date(2027, 6, 30)
    assert first_debit_on(date(2027, 6, 24), END_OF_MONTH, "TARGET", bar_on) == (
        date(2027, 6, 24),
        "the payday 2027-06-30 would come too late, services may be restricted on 2027-06-30",
    )
    assert first_debit_on(date(2027, 6, 24), END_OF_MONTH, "TARGET", bar_on + timedelta(days=1))[0] == bar_on


@given(
    earliest=days,
    paydays=st.builds(
        Paydays,
        st.lists(st.integers(1, 31), max_size=4, unique=True).map(tuple),
        st.booleans(),
        st.integers(0, 31),
    ),
    calendar=st.sampled_from(["TARGET", "GB"]),
)
def test_a_debit_is_never_early_never_beyond_the_window_and_on_a_banking_day(
    earliest: date, paydays: Paydays, calendar: str
) -> None:
    found, why = first_debit_on(earliest, paydays, calendar)
    first = first_debit_on(earliest, Paydays(), calendar)[0]
    assert is_banking_day(found, calendar)
    assert first <= found <= first + timedelta(days=paydays.window_days)
    assert why


@pytest.mark.parametrize(
    ("given_json", "field"),
    [
        ({"days_of_month": [0]}, "paydays.days_of_month[0]"),
        ({"days_of_month": [25, 25]}, "paydays.days_of_month[1]"),
        ({"days_of_month": [True]}, "paydays.days_of_month[0]"),
        ({"days_of_month": 25}, "paydays.days_of_month"),
        ({"window_days": 32}, "paydays.window_days"),
        ({"window": 3}, "paydays.window"),
    ],
)
def test_what_is_no_payday_is_refused_by_its_name(given_json: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Paydays.from_fields(Fields(given_json, "paydays"))
    assert refused.value.field == field
    assert refused.value.remedy
