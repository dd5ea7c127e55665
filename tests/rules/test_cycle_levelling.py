"""Levelling accounts over the month."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.levelling import least_loaded_day, level

loads = st.dictionaries(st.integers(1, 31), st.integers(0, 10**9))


@pytest.mark.parametrize(
    ("load", "allowed", "near", "expected"),
    [
        ({}, range(1, 32), None, 1),
        ({}, range(1, 32), 17, 17),
        ({17: 100}, range(1, 32), 17, 18),
        (dict.fromkeys(range(1, 31), 100), range(1, 32), None, 31),
        ({1: 500, 15: 300, 28: 400}, [1, 15, 28], None, 15),
        ({1: 100, 15: 100}, [1, 15], 20, 1),  # the next day to come from the 20th is the 1st
    ],
)
def test_the_least_loaded_allowed_day_is_taken(
    load: dict[int, int], allowed: list[int], near: int | None, expected: int
) -> None:
    assert least_loaded_day(load, allowed, near) == expected


@given(load=loads, near=st.none() | st.integers(1, 31))
def test_no_day_has_less_than_the_one_taken(load: dict[int, int], near: int | None) -> None:
    taken = least_loaded_day(load, near=near)
    assert load.get(taken, 0) == min(load.get(day, 0) for day in range(1, 32))


def test_large_accounts_are_placed_first_so_that_small_ones_fill_up() -> None:
    assert level({}, [100, 100, 200], allowed_days=[5, 20]) == [20, 20, 5]


@given(amounts=st.lists(st.integers(1, 10_000), min_size=1, max_size=200))
def test_levelled_accounts_leave_no_day_further_ahead_than_one_account(amounts: list[int]) -> None:
    days = level({}, amounts)
    load = dict.fromkeys(range(1, 32), 0)
    for day, amount in zip(days, amounts, strict=True):
        load[day] += amount
    assert sum(load.values()) == sum(amounts)
    assert max(load.values()) - min(load.values()) <= max(amounts)


@pytest.mark.parametrize("allowed", [[], [0], [32]])
def test_days_that_cannot_be_taken_are_refused(allowed: list[int]) -> None:
    with pytest.raises(InvalidValue):
        least_loaded_day({}, allowed)
