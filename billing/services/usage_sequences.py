"""The order of a source's numbered files: which number a file has, and which numbers are missing before it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from billing.ports.usage_files import Neighbours
from billing.ports.usage_profiles import SourceProfile

MOST_SHOWN = 20


def position_of(profile: SourceProfile, sequence: int, last: int | None) -> int:
    """The number counted on where the source began anew: of all it can mean, the one nearest to what follows ``last``.

    A source that counts 1 to 99999 and has reached 99999 means the hundred-thousandth file by its next 1.
    """
    if not profile.last_sequence or last is None:
        return sequence
    period = profile.last_sequence - profile.first_sequence + 1
    return sequence + round((last + 1 - sequence) / period) * period


def missing_before(position: int, around: Neighbours) -> list[range]:
    """The positions below that have not arrived, as ranges.

    Nothing is missing before a source's first file, nor before one that fills a hole which a person has let be.
    """
    if around.floor is None:
        return []
    found, expected = [], around.floor + 1
    for there in (*sorted(set(around.between)), position):
        if there > expected:
            found.append(range(expected, there))
        expected = there + 1
    return found


def as_written(profile: SourceProfile, missing: Sequence[range]) -> list[str]:
    """Ranges of positions as the source numbers its files, like ``["4", "7-9"]``; at most 20 of them."""
    texts = [_written(profile, each) for each in missing[:MOST_SHOWN]]
    return [*texts, "..."] if len(missing) > MOST_SHOWN else texts


def _written(profile: SourceProfile, positions: range) -> str:
    first, last = (_number(profile, position) for position in (positions[0], positions[-1]))
    return str(first) if len(positions) == 1 else f"{first}-{last}"


def _number(profile: SourceProfile, position: int) -> int:
    if not profile.last_sequence:
        return position
    period = profile.last_sequence - profile.first_sequence + 1
    return (position - profile.first_sequence) % period + profile.first_sequence
