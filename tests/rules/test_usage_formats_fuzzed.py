"""No file whatsoever makes a decoder raise, hang, stand still or keep more than a few records in memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.ports.usage import DecodedLine
from tests.rules.decoding import check
from tests.rules.usage_samples import FORMATS, SAMPLES, TEXT_SAMPLES

CONTENTS = {profile: (SAMPLES / name).read_bytes() for profile, name in TEXT_SAMPLES.items()}
PROFILES = sorted(CONTENTS)
MOST_KEPT_BYTES = 24 * 1024 * 1024


def decoded(profile: str, content: bytes, after_line: int = 0) -> list[DecodedLine]:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "file"
        path.write_bytes(content)
        FORMATS[profile].declared_totals(path)
        return list(FORMATS[profile].decode(path, after_line))


@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=600))
def test_arbitrary_bytes(profile: str, content: bytes) -> None:
    check(FORMATS[profile], decoded(profile, content))


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Cut, repeat, overwrite or insert something anywhere."""
    at, length = draw(st.floats(0, 1)), draw(st.integers(0, 80))
    piece = draw(st.one_of(st.binary(max_size=20), st.sampled_from([b'"', b"\n", b"\r\n", b"|", b"}", b"[", b"\x00"])))
    times = draw(st.integers(0, 3))

    def mutate(content: bytes) -> bytes:
        place = int(at * len(content))
        return content[:place] + content[place : place + length] * times + piece + content[place + length :]

    return mutate


@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=80, deadline=None)
@given(several=st.lists(mutations(), min_size=1, max_size=3))
def test_damaged_samples(profile: str, several: list[Callable[[bytes], bytes]]) -> None:
    content = CONTENTS[profile]
    for mutate in several:
        content = mutate(content)
    check(FORMATS[profile], decoded(profile, content))


@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=20, deadline=None)
@given(share=st.floats(0, 1))
def test_an_import_that_stopped_goes_on_with_exactly_the_rest(profile: str, share: float) -> None:
    lines = decoded(profile, CONTENTS[profile])
    done = lines[: int(share * len(lines))]
    after = done[-1].line_number if done else 0
    assert decoded(profile, CONTENTS[profile], after) == lines[len(done) :]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    "content",
    [
        b"x" * 3_000_000,
        b"[" * 3_000_000,
        b'{"a":' * 400_000,
        b'"' * 3_000_000,
        b'["' + b"\\" * 3_000_000,
        b"\tA = B\n" * 20_000,
        b"1" * 100_000 + b"\n" + b'{"quantity": ' + b"9" * 100_000 + b"}\n",
    ],
    ids=["one line", "brackets", "nesting", "quotes", "escapes", "attributes", "digits"],
)
def test_memory_and_time_are_bounded(profile: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        count = sum(1 for _ in FORMATS[profile].decode(path))
        kept = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert kept < MOST_KEPT_BYTES
    assert count <= content.count(b"\n") + content.count(b"[") + 2
