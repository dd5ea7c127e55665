"""Values as sources write them: clock changes, decimal marks, encodings, lines without end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.usage_formats.delimited import CsvFormat, CsvProfile
from billing.adapters.usage_formats.flatstore import flatstore
from billing.adapters.usage_formats.lines import LONGEST_LINE_BYTES, read_lines
from billing.adapters.usage_formats.radius import radius
from billing.adapters.usage_formats.values import (
    Damaged,
    Rounding,
    clock_seconds,
    decimal,
    instant,
    rounded,
)
from billing.ports.usage_profiles import ClockRule

AMSTERDAM = "Europe/Amsterdam"


@pytest.mark.parametrize(
    ("written", "rule", "utc"),
    [
        ("2026-10-25 02:30:00", ClockRule.FIRST, "2026-10-25 00:30"),
        ("2026-10-25 02:30:00", ClockRule.SECOND, "2026-10-25 01:30"),
        ("2026-03-29 02:30:00", ClockRule.FIRST, "2026-03-29 01:30"),
        ("2026-03-29 02:30:00", ClockRule.SECOND, "2026-03-29 00:30"),
        ("2026-10-25T02:30:00+01:00", ClockRule.REFUSE, "2026-10-25 01:30"),
        ("2026-10-25 03:00:00", ClockRule.REFUSE, "2026-10-25 02:00"),
    ],
)
def test_the_clock_rule_decides_what_a_repeated_or_skipped_hour_means(written: str, rule: ClockRule, utc: str) -> None:
    found = instant("start", written, AMSTERDAM, rule)
    assert f"{found.astimezone(UTC):%Y-%m-%d %H:%M}" == utc


@pytest.mark.parametrize("written", ["2026-10-25 02:30:00", "2026-03-29 02:30:00"])
def test_a_source_may_refuse_to_guess(written: str) -> None:
    with pytest.raises(Damaged, match="twice or never"):
        instant("start", written, AMSTERDAM, ClockRule.REFUSE)


@pytest.mark.parametrize(
    ("written", "form", "utc"),
    [
        ("1795165200", "epoch", "09:00:00"),
        ("1795165200.250000", "epoch", "09:00:00"),
        ("1795165200250", "epoch-ms", "09:00:00"),
        ("1795165200250000", "epoch-us", "09:00:00"),
        ("20.11.2026 10:00", "%d.%m.%Y %H:%M", "09:00:00"),
        ("20261120100000+0100", "%Y%m%d%H%M%S%z", "09:00:00"),
    ],
)
def test_times_are_read_in_the_declared_form(written: str, form: str, utc: str) -> None:
    assert f"{instant('start', written, AMSTERDAM, form=form).astimezone(UTC):%H:%M:%S}" == utc


@pytest.mark.parametrize(("written", "form"), [("9" * 18, "epoch"), ("soon", "epoch"), ("20/11/2026", "%d/%m/%y")])
def test_a_time_in_another_form_is_damaged(written: str, form: str) -> None:
    with pytest.raises(Damaged):
        instant("start", written, AMSTERDAM, form=form)


@pytest.mark.parametrize(
    ("written", "mark", "value"),
    [
        ("1,25", ",", "1.25"),
        ("1.234,5", ",", "1234.5"),
        ("1'234.5", ".", "1234.5"),
        ("1 234", ".", "1234"),
        ("-3", ".", "-3"),
        ("+0.5", ".", "0.5"),
        (".5", ".", "0.5"),
    ],
)
def test_numbers_are_read_with_their_decimal_mark(written: str, mark: str, value: str) -> None:
    assert decimal("price", written, mark) == Decimal(value)


@pytest.mark.parametrize(
    ("written", "mark"), [("1.5", ","), ("1,5", "."), ("1e9", "."), ("٣", "."), ("", "."), ("1,2,3", ","), ("NaN", ".")]
)
def test_a_number_with_another_decimal_mark_is_damaged_and_never_a_thousand_times_too_much(
    written: str, mark: str
) -> None:
    with pytest.raises(Damaged, match="decimal mark"):
        decimal("price", written, mark)


@pytest.mark.parametrize(("rounding", "whole"), [(Rounding.UP, 3), (Rounding.DOWN, 2), (Rounding.NEAREST, 3)])
def test_a_quantity_is_rounded_as_declared(rounding: Rounding, whole: int) -> None:
    assert rounded("much", Decimal("2.5"), rounding) == whole


def test_a_quantity_that_is_not_whole_or_negative_is_refused() -> None:
    for quantity in ("2.5", "-1"):
        with pytest.raises(Damaged):
            rounded("much", Decimal(quantity), Rounding.REFUSE)


@pytest.mark.parametrize(("written", "seconds"), [("00:01:15", 75), ("01:15", 75), ("100:00:00", 360_000)])
def test_durations_are_read_from_clock_form(written: str, seconds: int) -> None:
    assert clock_seconds("much", written) == seconds


def test_a_duration_that_is_none_is_damaged() -> None:
    for written in ("75", "1:75", "-00:01:00"):
        with pytest.raises(Damaged):
            clock_seconds("much", written)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_lines_are_the_same_in_every_declared_encoding(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(f"Tromsø\r\n\n\u00e9n{end}".encode(encoding))
    lines = [(line.number, line.text, line.damage) for line in read_lines(path, encoding)]
    assert lines == [(1, "Tromsø", ""), (2, "", ""), (3, "\u00e9n", "")]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes("\ufeffa\nb".encode("utf-16-be"))
    assert [line.text for line in read_lines(path, "utf-16")] == ["a", "b"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_line_that_is_too_long_is_damaged_and_the_next_one_is_whole(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(f"{'x' * 5 * LONGEST_LINE_BYTES}\nnext\n".encode(encoding))
    first, second = read_lines(path, encoding)
    assert "longer than" in first.damage
    assert len(first.text) <= LONGEST_LINE_BYTES + 1
    assert (second.number, second.text, second.damage) == (2, "next", "")


@given(content=st.binary(max_size=400), encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-be", "ascii", "latin-1"]))
def test_no_bytes_whatsoever_stop_the_lines(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, encoding: str
) -> None:
    path = tmp_path_factory.mktemp("lines") / "file"
    path.write_bytes(content)
    numbers = [line.number for line in read_lines(path, encoding)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_zone_name_in_a_radius_time_tells_equal_hours_apart(tmp_path: Path) -> None:
    path = tmp_path / "detail"
    attributes = ('User-Name = "a"', "Acct-Status-Type = Start", 'Acct-Unique-Session-Id = "{0}"')
    record = "\n\t".join(["head", *attributes, 'Event-Timestamp = "Oct 25 2026 02:30:00 {0}"']) + "\n"
    path.write_text("\n".join(record.format(name) for name in ("CEST", "CET", "UTC", "XYZ")))
    lines = list(radius(AMSTERDAM).decode(path))
    moments = [datetime.fromtimestamp(line.part.fields["at"] / 1e6, UTC) for line in lines if line.part]
    assert [f"{moment:%H:%M}" for moment in moments] == ["00:30", "01:30", "02:30", "00:30"]


def test_a_call_that_ends_a_moment_before_it_began_has_no_length_and_one_long_before_is_for_a_person() -> None:
    proxy = flatstore()

    def call(ended: int) -> int:
        numbers = "sip:+31612345678@x|sip:+31201234567@x"
        lines = [f"INVITE|a|b|c|200|OK|1795165200|{numbers}", f"BYE|a|b|c|200|OK|{ended}|{numbers}"]
        parts = [line.part for line in map(proxy.decode_line, lines) if line.part]
        event = proxy.combine(parts)
        assert event is not None
        return int(event["quantity"])

    assert [call(1795165200 + seconds) for seconds in (9, 0, -3, -60)] == [9, 0, 0, -60]


def test_the_header_of_a_file_is_read_in_its_encoding(tmp_path: Path) -> None:
    profile = CsvProfile(
        name="own",
        source="own",
        take={"identifier": "who", "quantity": "zahl", "started_at": "wann"},
        encoding="utf-16",
    )
    path = tmp_path / "file"
    path.write_bytes("# Größen\nrecord_id,who,zahl,wann\nr-1,a,5,2026-01-01T00:00:00Z\n".encode("utf-16"))
    decoder = CsvFormat(replace(profile, comment="#", constants={"meter": "x"}))
    assert decoder.header_of(path) == "record_id,who,zahl,wann"
    line = decoder.decode_line("r-1,a,6,2026-01-01T00:00:00Z", decoder.header_of(path))
    assert line.event is not None
    assert line.event["quantity"] == 6
