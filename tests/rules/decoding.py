"""What holds of every decoder whatever it reads, and the sample that each reads well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from billing.ports.usage import DecodedLine, UsageFormat
from tests.rules.usage_samples import SAMPLES, TEXT_SAMPLES

_BINARY = SAMPLES.parent / "files"
SAMPLE_FILES: dict[str, Path] = {
    **{profile: SAMPLES / name for profile, name in TEXT_SAMPLES.items()},
    "3gpp-circuit-bare": _BINARY / "circuit_bare.dat",
    "3gpp-packet": _BINARY / "packet_with_headers.dat",
    "broadworks": _BINARY / "broadworks.xml",
    "tap3": _BINARY / "roaming.tap",
}


def check(decoder: UsageFormat, lines: Sequence[DecodedLine]) -> None:
    """Numbers advance, each line is exactly one of three things, and parts can be joined and described."""
    numbers = [line.line_number for line in lines]
    assert numbers == sorted(set(numbers))
    for line in lines:
        assert (line.event is not None) + (line.part is not None) + bool(line.reason) == 1
    parts = [line.part for line in lines if line.part]
    for key in {part.session_key for part in parts}:
        assert len(key) <= 200
        of_one = [part for part in parts if part.session_key == key]
        combined = decoder.combine(of_one)
        assert combined == decoder.combine(of_one[::-1])
        assert combined is not None or decoder.describe_open(of_one).reason
