"""What a usage source declares about its files, what a file says of itself, and records that are parts of one usage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

SEQUENCE_GROUP = "sequence"


class ClockRule(StrEnum):
    """What a local time means that autumn repeats or spring skips."""

    FIRST = "first"  # the repeated hour is the first one; a skipped time is read with the offset before the change
    SECOND = "second"  # the repeated hour is the second one; a skipped time is read with the offset after the change
    REFUSE = "refuse"  # such a time is a damaged field, kept for a person


@dataclass(frozen=True, slots=True)
class Control:
    """Where a file says what it holds. The default is: nowhere.

    A text file has a control record: the row whose first column is ``marker``, with the number of records, the total
    quantity (in the source's unit) and the total charge in these columns, counted from 1; 0 means not declared. The
    control record may stand at the top or at the end. ``in_format`` is for formats that define their own totals.
    """

    marker: str = ""
    records: int = 0
    quantity: int = 0
    charge: int = 0
    in_format: bool = False

    @property
    def is_declared(self) -> bool:
        """Whether files of the source must carry totals; a file without them is then incomplete."""
        return bool(self.marker) or self.in_format


@dataclass(frozen=True, slots=True)
class SourceProfile:
    """One declared source.

    ``name`` is what an importer asks for, ``source`` names the switch or partner in every record, ``format`` the
    decoder. ``delay_days`` is how long its records and the parts of its sessions may be under way.
    ``file_name_pattern`` is a regular expression for the whole file name; its group ``sequence`` is the file's number,
    counted from ``first_sequence`` up to ``last_sequence`` (0: without end) and then from the first again. ``zone`` and
    ``clock_rule`` read local times, ``country`` (ISO 3166 code) completes national numbers.
    """

    name: str
    source: str
    format: str
    delay_days: int = 1
    file_name_pattern: str = ""
    first_sequence: int = 1
    last_sequence: int = 0
    control: Control = field(default_factory=Control)
    zone: str = "UTC"
    clock_rule: ClockRule = ClockRule.FIRST
    country: str = ""

    def matches(self, file_name: str) -> bool:
        """Whether a file's name is one of this source; without a pattern every name is."""
        return not self.file_name_pattern or re.fullmatch(self.file_name_pattern, file_name) is not None

    def sequence_of(self, file_name: str) -> int | None:
        """The sequence number in a file's name; None when the source does not number its files there."""
        found = re.fullmatch(self.file_name_pattern, file_name) if self.file_name_pattern else None
        written = found.groupdict().get(SEQUENCE_GROUP) if found else None
        return int(written) if written and written.isascii() and written.isdigit() else None

    def next_sequence(self, sequence: int) -> int:
        """The number that follows."""
        return self.first_sequence if self.last_sequence and sequence >= self.last_sequence else sequence + 1


@dataclass(frozen=True, slots=True)
class FileTotals:
    """What a file declares or what it was counted to hold; None where nothing is said.

    ``records`` without headers and trailers; ``quantity`` in the unit in which the source declares it; ``charge`` and
    ``tax`` in the source's currency. ``sequence`` is the number that the file itself carries.
    """

    records: int | None = None
    quantity: Decimal | int | None = None
    charge: Decimal | None = None
    sequence: int | None = None
    tax: Decimal | None = None


DeclaredTotals = FileTotals


@dataclass(frozen=True, slots=True)
class SessionPart:
    """One record that tells only a part of a usage.

    ``session_key`` is unique in the source and becomes part of the event's record_id; ``kind`` says which part it is
    (invite, bye, start, interim, stop, partial); ``order`` places parts of one kind (a sequence number, seconds); a
    part is known by session, kind and order. ``fields`` holds plain JSON values: all that ``combine`` needs, and
    nothing that differs when the same record is sent again.
    """

    session_key: str
    kind: str
    order: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that lacks parts: ``event`` as far as it is known (the HTTP shape), and what is missing in words."""

    event: Mapping[str, Any]
    reason: str
