"""What all formats share: their declaration, and the answers of a format without totals and without sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from billing.adapters.usage_formats.lines import Line
from billing.adapters.usage_formats.values import Damaged
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import DeclaredTotals, FileTotals, OpenSession, SessionPart, SourceProfile

T = TypeVar("T")


class DeclaredFormat:
    """A format of one declared source. Each record stands for itself and files say nothing of their totals."""

    def __init__(self, profile: SourceProfile) -> None:
        self.profile = profile

    @property
    def name(self) -> str:
        return self.profile.name

    @property
    def source(self) -> str:
        return self.profile.source

    def header_of(self, path: Path) -> str:
        """The line that names the columns; empty for a format without."""
        return ""

    def declared_totals(self, path: Path) -> DeclaredTotals | None:
        """What the file says it holds."""
        return None

    def counted_totals(self, path: Path) -> FileTotals:
        """What the file holds, in the terms of ``declared_totals``."""
        return FileTotals()

    def combine(self, parts: Sequence[SessionPart]) -> Mapping[str, Any] | None:
        """No record of this format is a part."""
        return None

    def describe_open(self, parts: Sequence[SessionPart]) -> OpenSession:
        """No record of this format is a part."""
        return OpenSession({}, "This format has no sessions.")


def decoded_from(line: Line, read: Callable[[Line], Mapping[str, Any] | SessionPart]) -> DecodedLine:
    """A line with its event or its part, or with the field and reason why it has none."""
    try:
        found = read(line)
    except Damaged as damaged:
        return DecodedLine(line.number, line.text, None, damaged.field, damaged.reason)
    if isinstance(found, SessionPart):
        return DecodedLine(line.number, line.text, part=found)
    return DecodedLine(line.number, line.text, found)


def or_none(read: Callable[[], T]) -> T | None:
    """A value, or None when it is damaged."""
    try:
        return read()
    except Damaged:
        return None
