"""A stream of bytes as records: the same whatever the chunks, and nothing in it ends or swells it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billing.services.usage_batch import Entry
from billing.services.usage_kept import LONGEST_RAW
from billing.services.usage_lines import DEEPEST, LONGEST_LINE_BYTES, LineSplitter, entry_of

LINES = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=12)


def read(chunks: Iterable[bytes]) -> list[Entry]:
    splitter = LineSplitter()
    found = [entry for chunk in chunks for entry in splitter.feed(chunk)]
    return [*found, *splitter.finish()]


def cut(content: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return [content[start:end] for start, end in pairwise(bounds)]


@given(lines=LINES, places=st.lists(st.integers(0, 400), max_size=10))
def test_the_chunks_do_not_change_the_records(lines: list[bytes], places: list[int]) -> None:
    content = b"\n".join(lines)
    assert read(cut(content, places)) == read([content])


@given(lines=LINES)
def test_every_line_that_is_not_empty_is_one_record_under_its_number(lines: list[bytes]) -> None:
    found = read([b"\n".join(lines)])
    lines = [line.removeprefix(b"\xef\xbb\xbf") if not place else line for place, line in enumerate(lines)]
    assert [entry.line_number for entry in found] == [place for place, line in enumerate(lines, 1) if line.strip()]


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers() | st.none()), max_size=9))
def test_what_was_written_is_read(events: list[dict[str, Any]]) -> None:
    content = "".join(json.dumps(event) + "\n" for event in events)
    assert [entry.event for entry in read([content.encode()])] == events


def test_a_mark_at_the_beginning_windows_ends_and_a_missing_last_end_are_no_damage() -> None:
    found = read([b'\xef\xbb\xbf{"a":1}\r\n\r\n{"a":2}'])
    assert [(entry.line_number, entry.event) for entry in found] == [(1, {"a": 1}), (3, {"a": 2})]


def test_a_damaged_line_keeps_its_text_number_and_reason_and_spoils_no_other() -> None:
    found = read([b'{"a":1}\n{"a":\n[1]\n\xff\xfe\n{"a":2}\n'])
    assert [entry.event for entry in found] == [{"a": 1}, None, None, None, {"a": 2}]
    assert [(each.line_number, each.field) for each in found[1:4]] == [(2, "line"), (3, "record"), (4, "line")]
    assert found[1].raw == '{"a":'
    assert "not JSON" in found[1].reason
    assert found[3].raw == "\\xff\\xfe"


def test_an_overlong_line_is_one_record_and_only_its_beginning_is_held() -> None:
    splitter = LineSplitter()
    chunk = b"x" * 16_384
    for _ in range(1000):
        assert list(splitter.feed(chunk)) == []
        assert len(splitter._rest) <= LONGEST_LINE_BYTES
    (damaged, fine) = splitter.feed(b'\n{"a":1}\n')
    assert (damaged.line_number, damaged.event, len(damaged.raw)) == (1, None, LONGEST_RAW)
    assert "longer than" in damaged.reason
    assert (fine.line_number, fine.event) == (2, {"a": 1})


def test_values_that_a_strict_reader_refuses_spoil_a_value_and_not_the_record() -> None:
    (half, endless) = read([b'{"record_id":"\\ud800"}\n{"quantity":NaN}'])
    assert half.event == {"record_id": "\ud800"}
    assert endless.event is not None
    assert endless.event["quantity"] != endless.event["quantity"]


def test_what_is_nested_too_deep_is_no_record() -> None:
    deep: Any = 1
    for _ in range(DEEPEST + 1):
        deep = {"a": deep}
    refused = entry_of({"source": "x", "attributes": deep})
    assert (refused.event, refused.field) == (None, "attributes")
    (read_past,) = read([b'{"a":' + b"[" * 50_000])
    assert (read_past.event, read_past.field) == (None, "line")
