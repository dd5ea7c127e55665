"""Code stays small enough to read: the budget of our style, held by a program.

The longest functions may take 60 lines and the longest files 400; most must be far shorter.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.style.source_files import CODE_FOLDERS, ROOT, function_lengths, line_count, python_files

FUNCTION_MEDIAN, FUNCTION_95_PERCENT, FUNCTION_LONGEST = 10, 35, 60
FILE_95_PERCENT, FILE_LONGEST = 300, 400
TEST_FOLDERS = ("tests", "benchmarks")


def percentile(values: Sequence[int], percent: int) -> int:
    """The smallest value that is at least as large as the given share of all values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, -(-len(ordered) * percent // 100) - 1)] if ordered else 0


@pytest.mark.parametrize("folders", [CODE_FOLDERS, TEST_FOLDERS], ids=["code", "tests"])
def test_functions_stay_short(folders: tuple[str, ...]) -> None:
    lengths = dict(pair for path in python_files(folders) for pair in function_lengths(path))
    longest = sorted(lengths.items(), key=lambda pair: -pair[1])[:5]
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LONGEST} == {}
    assert percentile([*lengths.values()], 95) <= FUNCTION_95_PERCENT, longest
    assert percentile([*lengths.values()], 50) <= FUNCTION_MEDIAN


@pytest.mark.parametrize("folders", [CODE_FOLDERS, TEST_FOLDERS], ids=["code", "tests"])
def test_files_stay_short(folders: tuple[str, ...]) -> None:
    lengths = {path.relative_to(ROOT).as_posix(): line_count(path) for path in python_files(folders)}
    longest = sorted(lengths.items(), key=lambda pair: -pair[1])[:5]
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LONGEST} == {}
    assert percentile([*lengths.values()], 95) <= FILE_95_PERCENT, longest


@pytest.mark.parametrize(
    ("values", "percent", "expected"), [([], 95, 0), ([7], 50, 7), ([1, 2, 3, 4], 50, 2), ([*range(1, 101)], 95, 95)]
)
def test_a_percentile_is_a_value_of_the_list(values: list[int], percent: int, expected: int) -> None:
    assert percentile(values, percent) == expected
