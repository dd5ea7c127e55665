"""The order of numbered files: what a number means when the source begins anew, and what is missing before a file."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as some

from billing.ports.usage_files import Neighbours
from billing.ports.usage_profiles import SourceProfile
from billing.services.usage_sequences import as_written, missing_before, position_of

PLAIN = SourceProfile("roaming", "roaming", "csv")
FIVE_DIGITS = SourceProfile("roaming", "roaming", "csv", first_sequence=1, last_sequence=99_999)


@pytest.mark.parametrize(
    ("sequence", "last", "position"),
    [
        (1, None, 1),
        (7, 6, 7),
        (99_999, 99_998, 99_999),
        (1, 99_999, 100_000),
        (3, 99_999, 100_002),
        (99_998, 100_000, 99_998),
        (1, 199_998, 199_999),
        (99_999, 1, 0),
    ],
)
def test_a_number_means_the_file_nearest_to_what_follows(sequence: int, last: int | None, position: int) -> None:
    assert position_of(FIVE_DIGITS, sequence, last) == position


def test_without_an_end_a_number_is_its_own_position() -> None:
    assert position_of(PLAIN, 3, 1_000_000) == 3


@pytest.mark.parametrize(
    ("position", "floor", "between", "missing"),
    [
        (5, None, [], []),
        (5, 4, [], []),
        (5, 3, [], ["4"]),
        (9, 3, [], ["4-8"]),
        (9, 3, [5, 6], ["4", "7-8"]),
        (9, 3, [4, 5, 6, 7, 8], []),
    ],
)
def test_what_is_missing_before_a_file(
    position: int, floor: int | None, between: Sequence[int], missing: list[str]
) -> None:
    assert as_written(PLAIN, missing_before(position, Neighbours(floor, between, None))) == missing


def test_missing_numbers_are_written_as_the_source_writes_them() -> None:
    missing = missing_before(100_003, Neighbours(99_997, [100_001], None))
    assert as_written(FIVE_DIGITS, missing) == ["99998-1", "3"]


def test_a_very_long_list_is_cut() -> None:
    missing = missing_before(1000, Neighbours(0, list(range(2, 1000, 2)), None))
    assert as_written(PLAIN, missing)[-2:] == ["39", "..."]


@given(some.sets(some.integers(0, 60)), some.integers(1, 60))
def test_a_number_is_missing_or_there_and_never_both(there: set[int], position: int) -> None:
    between = [each for each in there if 0 < each < position]
    missing = {number for each in missing_before(position, Neighbours(0, between, None)) for number in each}
    assert missing | set(between) == set(range(1, position))
    assert not missing & set(between)


@given(some.integers(1, 5_000_000), some.integers(-1000, 1000))
def test_a_source_that_begins_anew_is_counted_on(true_position: int, distance: int) -> None:
    """Whatever is less than half a round away from what follows is told by its number alone."""
    sequence = (true_position + distance - 1) % 99_999 + 1
    assert position_of(FIVE_DIGITS, sequence, true_position - 1) == true_position + distance
