"""The sample files in tests/samples/files are those that their scripts write, and each is read as its profile says."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.adapters.usage_formats import standard_formats
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
