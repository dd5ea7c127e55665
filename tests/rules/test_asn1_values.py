"""Values as TAP and 3GPP records write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.usage_formats.asn1_values import (
    addressed_number,
    country_of_network,
    country_of_tadig,
    local_instant,
    network_code,
    packed_digits,
    service_digits,
    stamped_instant,
    swapped_digits,
)
from billing.adapters.usage_formats.values import Damaged
from tests.samples.charging_samples import swapped
from tests.samples.tap3_samples import packed

DIGITS = st.text("0123456789", min_size=1, max_size=20)


@given(digits=DIGITS)
def test_digits_in_nibbles_are_read_as_they_were_written(digits: str) -> None:
    assert packed_digits("n", packed(digits)) == digits
    assert swapped_digits("n", swapped(digits)) == digits
    assert packed_digits("n", packed(digits) + b"\xff\xff") == digits


@pytest.mark.parametrize("value", ["", "ff", "1f23", "12a4", "00" * 21])
def test_a_filler_or_a_letter_inside_a_number_is_damage(value: str) -> None:
    for read in (packed_digits, swapped_digits):
        with pytest.raises(Damaged):
            read("number", bytes.fromhex(value))


def test_signs_that_were_dialled_are_shown() -> None:
    assert service_digits(bytes.fromhex("a21bff"), swapped=False) == "*21#"
    assert service_digits(bytes.fromhex("2ab1ff"), swapped=True) == "*21#"


@pytest.mark.parametrize(("kind", "is_international"), [(0x91, True), (0xA1, False), (0x81, False)])
def test_the_type_of_a_number_says_whether_it_is_international(kind: int, is_international: bool) -> None:
    assert addressed_number("n", swapped("31612345678", bytes([kind]))) == ("31612345678", is_international)


@pytest.mark.parametrize(
    ("local", "offset", "instant"),
    [
        ("20270131235959", "+0100", datetime(2027, 1, 31, 22, 59, 59, tzinfo=UTC)),
        ("20270201003000", "+0530", datetime(2027, 1, 31, 19, 0, tzinfo=UTC)),
        ("20270201003000", "-0330", datetime(2027, 2, 1, 4, 0, tzinfo=UTC)),
    ],
)
def test_a_local_time_with_its_offset_is_an_instant(local: str, offset: str, instant: datetime) -> None:
    assert local_instant("t", local, offset) == instant
    stamp = bytes.fromhex(local[2:]) + offset[:1].encode() + bytes.fromhex(offset[1:])
    assert stamped_instant("t", stamp) == instant


@pytest.mark.parametrize(
    ("local", "offset"),
    [
        ("20270229000000", "+0000"),
        ("20270101240000", "+0000"),
        ("20270101235960", "+0000"),
        ("00010101000000", "+0000"),
        ("2027010100000", "+0000"),
        ("20270101000000", "+1500"),
        ("20270101000000", "+0060"),
        ("20270101000000", "0100"),
        ("20270101000000", ""),
    ],
)
def test_a_time_that_does_not_exist_is_damage(local: str, offset: str) -> None:
    with pytest.raises(Damaged):
        local_instant("t", local, offset)


@pytest.mark.parametrize(
    ("written", "code", "country"),
    [
        ("02f440", "20404", "NL"),
        ("62f210", "26201", "DE"),
        ("130014", "310410", "US"),
        ("43f099", "34099", "GP"),
        ("09f141", "90114", "90114"),
        ("99f999", "99999", "99999"),
    ],
)
def test_a_network_is_read_from_its_nibbles_and_known_by_its_country(written: str, code: str, country: str) -> None:
    assert network_code("n", bytes.fromhex(written)) == code
    assert country_of_network(code) == country


@pytest.mark.parametrize(
    ("code", "country"),
    [("DEUD1", "DE"), ("GBRVF", "GB"), ("USACG", "US"), ("AAM01", "AAM01"), ("", ""), ("DE", "DE")],
)
def test_an_operators_code_says_its_country(code: str, country: str) -> None:
    assert country_of_tadig(code) == country
