"""Many lines at once are read as each line on its own would be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from billing.adapters.usage_formats.chunks import read_blocks
from billing.adapters.usage_formats.delimited import CsvFormat
from billing.adapters.usage_formats.profiles import ASTERISK, GENERIC_CSV
from billing.ports.usage import DecodedChunk, DecodedLine, chunks_of_lines
from billing.services.usage_batch import ReadBatch, read_chunk
from billing.services.usage_records import Malformed, UsageRecord, read_record

NOW = datetime(2027, 2, 2, tzinfo=UTC)
HEADER = "record_id,identifier,meter,quantity,started_at,destination"
PLAIN = "r-1,+31612345678,voice,60,2027-02-01T10:00:00Z,+31201234567"
ASTERISK_PLAIN = (
    '"","0612345678","0201234567","ctx","","SIP/a-1","SIP/b-2","Dial","SIP/b,30","2027-02-01 10:00:00",'
    '"2027-02-01 10:00:05","2027-02-01 10:01:05",65,60,"ANSWERED","DOCUMENTATION","1769936400.1",""'
)
PIECES = st.sampled_from(
    [
        *(
            "+31612345678",
            "31612345678",
            "0612345678",
            "sip:a@b",
            "voice",
            "60",
            "060",
            " 60",
            "-1",
            "9" * 16,
            "1.5",
            "x",
        ),
        *("2027-02-01T10:00:00Z", "2027-02-01 10:00:00", "2027-02-01T10:00:00+01:30", "2027-02-01T10:00:00.5Z"),
        *("2027-02-30T10:00:00Z", "2027-02-01T24:00:00Z", "2027-02-01T10:00:60Z", "2026-12-01T10:00:00-05:00"),
        *("", " ", '"', '"a"', '"a,b"', "é", "\x00", "\t", "a" * 201, "#", "r-1", "0031201234567", "+0"),
    ]
)
LINES = st.one_of(st.just(PLAIN), st.lists(PIECES, min_size=0, max_size=8).map(",".join), st.text(max_size=60))


def chunks_of(content: bytes, path: Path, decoder: CsvFormat, size: int) -> Iterator[DecodedChunk]:
    path.write_bytes(content)
    return decoder.decode_chunks(path, 0, size)


def records_of(chunk: DecodedChunk) -> dict[int, UsageRecord | Malformed]:
    """By line number, whatever way each line was read."""
    batch: ReadBatch = read_chunk(chunk, NOW)
    found: dict[int, Any] = {chunk.line_numbers[place]: each for place, each in batch.malformed.items()}
    places = batch.columns.places
    return found | {chunk.line_numbers[places[index]]: batch.record(index) for index in range(len(places))}


def one_by_one(path: Path, decoder: CsvFormat) -> dict[int, UsageRecord | Malformed]:
    return {
        line.line_number: Malformed(line.field, "", line.reason) if line.event is None else read_record(line.event, NOW)
        for line in decoder.decode(path)
    }


def differences(path: Path, decoder: CsvFormat, content: bytes, size: int) -> Any:
    together: dict[int, UsageRecord | Malformed] = {}
    raw: dict[int, str] = {}
    for chunk in chunks_of(content, path, decoder, size):
        together |= records_of(chunk)
        raw |= dict(zip(chunk.line_numbers, chunk.raw, strict=True))
        assert chunk.size == len(chunk.raw) == len(chunk.line_numbers)
    apart = one_by_one(path, decoder)
    return {
        number: (together.get(number), apart.get(number))
        for number in together.keys() | apart.keys()
        if together.get(number) != apart.get(number)
    }


SHARED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SHARED
@given(st.lists(LINES, max_size=12), st.integers(1, 5), st.sampled_from(["\n", "\r\n"]))
@example([PLAIN, "#" + PLAIN, PLAIN.replace("Z", "+00:00")], 2, "\n")
def test_lines_with_a_header(tmp_path: Path, lines: list[str], size: int, end: str) -> None:
    content = end.join([HEADER, *lines, ""]).encode("utf-8", "surrogatepass")
    assert differences(tmp_path / "usage.csv", CsvFormat(GENERIC_CSV), content, size) == {}


@SHARED
@given(
    st.lists(
        st.one_of(
            st.just(ASTERISK_PLAIN),
            st.tuples(st.integers(0, 17), PIECES).map(
                lambda changed: ",".join(
                    changed[1] if place == changed[0] else value
                    for place, value in enumerate(ASTERISK_PLAIN.split(","))
                )
            ),
        ),
        max_size=6,
    ),
    st.integers(1, 5),
)
def test_lines_of_a_switch(tmp_path: Path, lines: list[str], size: int) -> None:
    content = "\n".join(lines).encode("utf-8")
    assert differences(tmp_path / "Master.csv", CsvFormat(ASTERISK), content, size) == {}


@SHARED
@given(st.binary(max_size=300), st.integers(1, 4))
def test_any_bytes(tmp_path: Path, content: bytes, size: int) -> None:
    whole = f"{HEADER}\n{PLAIN}\n".encode() + content
    assert differences(tmp_path / "usage.csv", CsvFormat(GENERIC_CSV), whole, size) == {}


def test_plain_lines_are_read_in_columns(tmp_path: Path) -> None:
    """Else all of the above would compare the slow way with itself."""
    for decoder, lines in ((CsvFormat(GENERIC_CSV), [HEADER, PLAIN]), (CsvFormat(ASTERISK), [ASTERISK_PLAIN])):
        (chunk,) = chunks_of("\n".join(lines).encode(), tmp_path / "usage.csv", decoder, 100)
        assert (len(chunk.plain), chunk.unusual) == (1, {})
    assert json.loads(chunk.plain.attributes[0]) == {"disposition": "ANSWERED", "duration": "65"}


@pytest.mark.parametrize("length", [64 * 1024, 64 * 1024 + 1, 3 * 2**20])
def test_a_line_of_any_length_is_one_line(tmp_path: Path, length: int) -> None:
    content = f"{HEADER}\n{PLAIN}\n{'x' * length}\n{PLAIN}\n".encode()
    assert differences(tmp_path / "usage.csv", CsvFormat(GENERIC_CSV), content, 2) == {}


def test_a_file_goes_on_behind_a_line(tmp_path: Path) -> None:
    path, decoder = tmp_path / "usage.csv", CsvFormat(GENERIC_CSV)
    path.write_text("\n".join([HEADER, *[PLAIN.replace("r-1", f"r-{number}") for number in range(20)]]))
    numbers = [number for chunk in decoder.decode_chunks(path, 7, 4) for number in chunk.line_numbers]
    assert numbers == [line.line_number for line in decoder.decode(path, 7)] == list(range(8, 22))


def test_long_lines_come_in_smaller_chunks(tmp_path: Path) -> None:
    """Ten thousand lines of 64 KiB are no chunk that a computer has room for."""
    path = tmp_path / "usage.csv"
    path.write_bytes(b"\n".join([b"x" * 60_000] * 100))
    blocks = list(read_blocks(path, 10_000, most_bytes=2**20))
    assert max(sum(map(len, block.lines)) for block in blocks) < 2 * 2**20 + 60_000
    numbers = [block.first + place for block in blocks for place in range(len(block.lines))]
    assert numbers == list(range(1, 101))
    lines = (DecodedLine(number, "x" * 100) for number in range(1, 101))
    chunks = list(chunks_of_lines(lines, 30, most_text=1000))
    assert [chunk.size for chunk in chunks] == [10] * 10
    assert [number for chunk in chunks for number in chunk.line_numbers] == list(range(1, 101))
