"""The sample files in tests/samples/files are those that their scripts write, and each is read as its profile says."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.adapters.usage_formats import standard_formats
from billing.ports.usage import DecodedLine
from tests.samples.__main__ import sample_files

FILES = Path(__file__).resolve().parents[1] / "samples" / "files"
FORMATS = standard_formats("Europe/Amsterdam", "NL")


@pytest.mark.parametrize("name", sorted(sample_files()))
def test_a_sample_file_is_what_its_script_writes(name: str) -> None:
    assert (FILES / name).read_bytes() == sample_files()[name]


@pytest.mark.parametrize(
    ("name", "profile", "meters", "parts"),
    [
        ("roaming.tap", "tap3", ["voice", "voice-received", "sms", "data"], 0),
        ("roaming_notification.tap", "tap3", [], 0),
        ("packet_with_headers.dat", "3gpp-packet", ["data"], 2),
        ("circuit_bare.dat", "3gpp-circuit-bare", ["voice", "sms"], 0),
        ("broadworks.xml", "broadworks", ["voice", "voice"], 0),
    ],
)
def test_a_sample_file_is_read(name: str, profile: str, meters: list[str], parts: int) -> None:
    lines = list(FORMATS[profile].decode(FILES / name))
    assert [line.event["meter"] for line in lines if line.event] == meters
    assert sum(line.part is not None for line in lines) == parts
    assert not any(line.reason for line in lines)
    declared, counted = FORMATS[profile].declared_totals(FILES / name), FORMATS[profile].counted_totals(FILES / name)
    assert declared is None or declared == counted


def test_files_are_read_in_parallel_as_alone() -> None:
    """Nothing is shared between two files that are read at the same time."""
    asked = [(name, profile) for name, profile in READERS for _ in range(4)]

    def read(one: tuple[str, str]) -> list[DecodedLine]:
        return [line for _ in range(20) for line in FORMATS[one[1]].decode(FILES / one[0])]

    alone = [read(one) for one in asked]
    with ThreadPoolExecutor(max_workers=8) as threads:
        assert list(threads.map(read, asked)) == alone


READERS = [
    ("roaming.tap", "tap3"),
    ("packet_with_headers.dat", "3gpp-packet"),
    ("circuit_bare.dat", "3gpp-circuit-bare"),
    ("broadworks.xml", "broadworks"),
]
TELLING = [
    b"\x80",
    b"\0\0",
    b"\xff" * 4,
    b"\x84\xff\xff\xff\xff",
    b"\x30\x80",
    b"\xbf\x4f",
    b"<cdrData>",
    b"<![CDATA[",
    b"&x;",
]


def changed(content: bytes, chance: random.Random) -> bytes:
    """A file with a few places overwritten, filled in, left out, repeated, or cut off."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at, other = chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0 and at < len(data):
            data[at] = chance.randrange(256)
        elif kind == 1:
            data[at:at] = chance.choice(TELLING)
        elif kind == 2:
            del data[at : at + chance.randint(1, 20)]
        elif kind == 3:
            data[at:at] = data[other : other + chance.randint(1, 200)]
        elif kind == 4:
            del data[at:]
    return bytes(data)


@pytest.mark.parametrize(("name", "profile"), READERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=2000)
@given(seed=st.integers(0, 2**32), after=st.integers(0, 6))
def test_a_changed_file_is_read_to_its_end_and_resumes_anywhere(
    tmp_path: Path, name: str, profile: str, seed: int, after: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(changed(sample_files()[name], random.Random(seed)))
    reader = FORMATS[profile]
    lines = list(reader.decode(path))
    numbers = [line.line_number for line in lines]
    assert numbers == sorted(set(numbers))
    for line in lines:
        assert (line.event is None and line.part is None) == bool(line.reason)
        assert line.event is None or (line.event["quantity"] >= 0 and line.event["identifier"])
        reader.decode_line(line.raw)
    assert list(reader.decode(path, after)) == [line for line in lines if line.line_number > after]
    reader.declared_totals(path)
    reader.counted_totals(path)
