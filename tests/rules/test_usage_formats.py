"""Usage files as sources really write them: what is read, what is refused, and never an exception."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.usage_formats import standard_formats
from billing.ports.usage import DecodedLine
from evenflow.traffic import Line, TrafficRequest, traffic_of, write_day

FORMATS = standard_formats("Europe/Amsterdam", "NL")
HEADER = "record_id,identifier,meter,quantity,started_at,destination"


def cdr(**changes: Any) -> str:
    """One row of Asterisk's Master.csv."""
    row: dict[str, Any] = {
        "accountcode": "",
        "src": "0612345678",
        "dst": "003225551234",
        "dcontext": "from-subscribers",
        "clid": '""Sanne"" <0612345678>',
        "channel": "PJSIP/a-1",
        "dstchannel": "PJSIP/trunk-2",
        "lastapp": "Dial",
        "lastdata": "PJSIP/32@trunk,60",
        "start": "2027-07-01 12:00:00",
        "answer": "2027-07-01 12:00:05",
        "end": "2027-07-01 12:01:05",
        "duration": 65,
        "billsec": 60,
        "disposition": "ANSWERED",
        "amaflags": "DOCUMENTATION",
        "uniqueid": "1814436000.7",
        "userfield": "",
    } | changes
    return ",".join(f'"{value}"' if isinstance(value, str) else str(value) for value in row.values())


def decoded(directory: Path, profile: str, content: str | bytes) -> list[DecodedLine]:
    path = directory / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(FORMATS[profile].decode(path))


def test_an_asterisk_call_is_read_in_local_time_with_international_numbers(tmp_path: Path) -> None:
    (line,) = decoded(tmp_path, "cdr-csv", cdr())
    assert line.event is not None
    event = dict(line.event)
    assert event["started_at"].astimezone(UTC) == datetime(2027, 7, 1, 10, tzinfo=UTC)
    del event["started_at"]
    assert event == {
        "source": "asterisk",
        "record_id": "1814436000.7/PJSIP/a-1/PJSIP/trunk-2",
        "identifier": "+31612345678",
        "destination": "+3225551234",
        "meter": "voice",
        "quantity": 60,
        "attributes": {"disposition": "ANSWERED", "duration": "65"},
    }


@pytest.mark.parametrize(
    ("changes", "quantity"),
    [
        ({"disposition": "NO ANSWER", "billsec": 3}, 0),
        ({"disposition": "BUSY", "billsec": 0}, 0),
        ({"dstchannel": "", "disposition": "FAILED", "billsec": 0}, 0),
        ({"billsec": 66}, 60 + 6),
    ],
)
def test_only_the_answered_part_of_a_call_is_billed(tmp_path: Path, changes: Mapping[str, Any], quantity: int) -> None:
    (line,) = decoded(tmp_path, "cdr-csv", cdr(**changes))
    assert line.event is not None
    assert line.event["quantity"] == quantity


def test_equal_unique_ids_on_two_rows_are_two_records(tmp_path: Path) -> None:
    first, second = decoded(tmp_path, "cdr-csv", f"{cdr()}\n{cdr(dstchannel='PJSIP/trunk-3')}\n")
    assert first.event is not None
    assert second.event is not None
    assert first.event["record_id"] != second.event["record_id"]


@pytest.mark.parametrize(
    ("profile", "content", "field"),
    [
        ("cdr-csv", cdr(billsec=100), "billsec"),
        ("cdr-csv", cdr(billsec=-1), "billsec"),
        ("cdr-csv", cdr(start="yesterday"), "start"),
        ("cdr-csv", cdr(src=""), "src"),
        ("cdr-csv", cdr(uniqueid=""), "uniqueid"),
        ("cdr-csv", cdr()[:60], "line"),
        ("cdr-csv", cdr() + ",7", "line"),
        ("cdr-csv", cdr().encode() + b"\xff", "line"),
        ("cdr-csv", cdr().encode() + b"\x00", "line"),
        ("cdr-csv", b"x" * 200_000, "line"),
        ("csv", f"{HEADER}\nr-1,1,voice,1,2027-01-01T00:00:00Z", "line"),
        ("csv", "record_id,identifier\nr-1,1", "started_at"),
        ("csv", "garbage\nr-1", "record_id"),
        ("ndjson", "{", "line"),
        ("ndjson", "[1]", "line"),
        ("ndjson", "[" * 60_000, "line"),
    ],
)
def test_a_damaged_line_names_its_field_and_reason(
    tmp_path: Path, profile: str, content: str | bytes, field: str
) -> None:
    line = decoded(tmp_path, profile, content)[-1]
    assert (line.event, line.field) == (None, field)
    assert line.reason


def test_a_damaged_line_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    content = b'"unclosed\n' + b"x" * 200_000 + b"\n" + cdr().encode() + b"\n\xff\xfe\n" + cdr().encode()
    lines = decoded(tmp_path, "cdr-csv", content)
    assert [(line.number_and_state) for line in map(_State, lines)] == [
        (1, "damaged"),
        (2, "damaged"),
        (3, "read"),
        (4, "damaged"),
        (5, "read"),
    ]


class _State:
    """A line's number and whether it was read."""

    def __init__(self, line: DecodedLine) -> None:
        self.number_and_state = (line.line_number, "damaged" if line.event is None else "read")


def test_a_generic_csv_knows_its_columns_by_name_skips_comments_and_a_byte_order_mark(tmp_path: Path) -> None:
    content = (
        "\ufeffQuantity,Meter,identifier,started_at,record_id,amount\r\n# a comment\r\n\r\n"
        "3,sms,+31612345678,2027-01-01T00:00:00Z,r-1,1.50"
    )
    (line,) = decoded(tmp_path, "csv", content)
    assert line.line_number == 4
    assert line.event is not None
    assert (line.event["quantity"], line.event["meter"], line.event["amount"]) == (3, "sms", "1.50")
    assert line.event["source"] == "csv"


def test_reading_again_after_a_line_gives_the_lines_after_it(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text(f"{HEADER}\n" + "".join(f"r-{n},1,voice,1,2027-01-01T00:00:00Z,\n" for n in range(5)))
    assert [line.line_number for line in FORMATS["csv"].decode(path, after_line=4)] == [5, 6]


def test_an_amount_in_ndjson_is_kept_as_it_was_written(tmp_path: Path) -> None:
    (line,) = decoded(tmp_path, "ndjson", '{"record_id": "r", "amount": 0.1, "attributes": {"share": 0.5}}')
    assert line.event is not None
    assert str(line.event["amount"]) == "0.1"
    assert line.event["attributes"] == {"share": 0.5}


@pytest.mark.parametrize("profile", sorted(FORMATS))
@given(raw=st.text(max_size=300), header=st.text(max_size=60))
def test_no_line_whatsoever_raises(profile: str, raw: str, header: str) -> None:
    line = FORMATS[profile].decode_line(raw, header)
    assert (line.event is None) == bool(line.reason)


def test_the_same_seed_writes_the_same_files_to_the_byte(tmp_path: Path) -> None:
    request = TrafficRequest([Line("+31612345678"), Line("+31687654321", "internet")], seed=7)
    day = date(2027, 3, 28)  # the night the clocks change
    first, second = write_day(tmp_path / "a", request, day), write_day(tmp_path / "b", request, day)
    assert [file.path.read_bytes() for file in first] == [file.path.read_bytes() for file in second]
    other = write_day(tmp_path / "c", TrafficRequest(request.lines, seed=8), day)
    assert [file.path.read_bytes() for file in other] != [file.path.read_bytes() for file in first]


def test_a_line_keeps_its_traffic_when_others_join() -> None:
    one, two = Line("+31612345678"), Line("+31687654321")
    alone, together = (traffic_of(TrafficRequest(lines), date(2027, 2, 1)) for lines in ([one], [one, two]))
    for meter, uses in alone.uses.items():
        assert [use for use in together.uses[meter] if use.identifier == one.identifier] == uses
