"""What a declared source says of its files: names, sequence numbers, totals."""

from __future__ import annotations

import pytest

from billing.adapters.usage_formats import standard_formats
from billing.ports.usage_profiles import Control, SourceProfile

NUMBERED = SourceProfile(
    "partner", "partner", "csv", file_name_pattern=r"CD(?P<sequence>\d{5})\.csv", first_sequence=1, last_sequence=99999
)


@pytest.mark.parametrize(
    ("name", "is_ours", "sequence"),
    [
        ("CD00042.csv", True, 42),
        ("CD99999.csv", True, 99999),
        ("CD42.csv", False, None),
        ("CD00042.csv.part", False, None),
    ],
)
def test_the_sequence_number_stands_where_the_pattern_says(name: str, is_ours: bool, sequence: int | None) -> None:
    assert NUMBERED.matches(name) == is_ours
    assert NUMBERED.sequence_of(name) == sequence


def test_sequence_numbers_begin_again_after_the_last() -> None:
    assert [NUMBERED.next_sequence(number) for number in (1, 99998, 99999)] == [2, 99999, 1]
    assert SourceProfile("x", "x", "csv").next_sequence(99999) == 100000


def test_without_a_pattern_every_name_is_accepted_and_none_is_numbered() -> None:
    plain = SourceProfile("x", "x", "csv")
    assert plain.matches("anything 7.csv")
    assert plain.sequence_of("anything 7.csv") is None


def test_totals_are_declared_by_a_control_record_or_by_the_format() -> None:
    assert [each.is_declared for each in (Control(), Control(marker="T"), Control(in_format=True))] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("name", sorted(standard_formats()))
def test_every_built_in_profile_is_known_by_its_own_name(name: str) -> None:
    profile = standard_formats()[name].profile
    assert profile.name == name
    assert profile.delay_days >= 1
