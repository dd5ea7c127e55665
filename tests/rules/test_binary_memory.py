"""Memory while a binary or XML file is read does not grow with the file."""

from __future__ import annotations

import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from billing.adapters.usage_formats import standard_formats
from tests.samples import broadworks_samples as xml
from tests.samples import charging_samples as cdr
from tests.samples import tap3_samples as tap

FORMATS = standard_formats("Europe/Amsterdam", "NL")
MOST_BYTES = 4_000_000


def _long(tag: int, content: Iterable[bytes], size: int) -> Iterator[bytes]:
    yield bytes([tag, 0x84]) + size.to_bytes(4, "big")
    yield from content


def roaming_file(count: int) -> Iterator[bytes]:
    """A batch whose list of calls is written piece by piece."""
    whole = tap.batch([])
    inside = whole[whole.index(b"\x64") :]
    before, after = inside.split(b"\x63\x00")
    call = tap.encoded_call(tap.call())
    calls = _long(0x63, (call for _ in range(count)), count * len(call))
    size = len(before) + 6 + count * len(call) + len(after)
    yield from _long(0x61, (piece for part in ([before], calls, [after]) for piece in part), size)


def charging_file(count: int) -> Iterator[bytes]:
    record = cdr.encoded(cdr.session())
    return (record for _ in range(count))


def accounting_file(count: int) -> Iterator[bytes]:
    yield xml.PROLOG.encode()
    record = xml.call().encode()
    yield from (record for _ in range(count))
    yield xml.END.encode()


@pytest.mark.parametrize(
    ("profile", "make", "count"),
    [
        ("tap3", roaming_file, 40_000),
        ("3gpp-packet-bare", charging_file, 60_000),
        ("broadworks", accounting_file, 8_000),
    ],
)
def test_a_long_file_is_stepped_through_in_the_memory_of_a_short_one(
    tmp_path: Path, profile: str, make: Callable[[int], Iterator[bytes]], count: int
) -> None:
    path = tmp_path / "long"
    with path.open("wb") as opened:
        opened.writelines(make(count))
    assert path.stat().st_size > 1.8 * MOST_BYTES
    deque(FORMATS[profile].decode(path, after_line=count - 2), maxlen=0)  # what is loaded once is not counted
    tracemalloc.start()
    try:
        lines = list(FORMATS[profile].decode(path, after_line=count - 20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [line.line_number for line in lines] == list(range(count - 19, count + 1))
    assert all(line.event for line in lines)
    assert peak < MOST_BYTES
