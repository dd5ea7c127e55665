"""Fixed-width text: a declared profile says where each field stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from billing.adapters.usage_formats.base import DeclaredFormat, decoded_from, or_none
from billing.adapters.usage_formats.lines import Line, as_line, read_lines
from billing.adapters.usage_formats.records import RecordProfile, RecordReader
from billing.adapters.usage_formats.values import Damaged, decimal, whole
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import DeclaredTotals, FileTotals

Span = tuple[int, int]


@dataclass(frozen=True)
class FixedWidthProfile(RecordProfile):
    """A source of lines whose fields stand at fixed places.

    ``spans`` gives each field its first character, counted from 1, and its length; blanks around a value are no part of
    it. A line shorter than the last field that is needed is damaged. ``skip`` and the control marker are compared with
    the beginning of the line; ``totals`` says where the control record's records, quantity and charge stand.
    """

    spans: Mapping[str, Span] = field(default_factory=dict)
    totals: Mapping[str, Span] = field(default_factory=dict)
    comment: str = ""


class FixedWidthFormat(DeclaredFormat):
    """Decodes by a profile, line by line."""

    def __init__(self, profile: FixedWidthProfile) -> None:
        super().__init__(profile.source_profile("fixed-width"))
        self._profile = profile
        self._reader = RecordReader(profile)
        marker = profile.control.marker
        self._left_out = tuple(each for each in (*profile.skip, marker, profile.comment) if each)
        self._width = max((first + length - 1 for first, length in profile.spans.values()), default=0)

    def decode(self, path: Path, after_line: int = 0) -> Iterator[DecodedLine]:
        for line in self._rows(path):
            if line.number > after_line:
                yield self._decode(line)

    def decode_line(self, raw: str, header: str = "") -> DecodedLine:
        return self._decode(as_line(0, raw.encode("utf-8", "replace")))

    def declared_totals(self, path: Path) -> DeclaredTotals | None:
        """The last control record of the file; an unreadable number in it is not declared."""
        marker, found = self._profile.control.marker, None
        if not marker:
            return None
        for line in read_lines(path, self._profile.encoding):
            if line.text.startswith(marker):
                found = self._totals(line)
        return found

    def counted_totals(self, path: Path) -> FileTotals:
        """The records of the file and the sums of their quantities and amounts as written."""
        counted = FileTotals(0, 0, Decimal(0))
        for line in self._rows(path):
            counted = replace(counted, records=(counted.records or 0) + 1)
            try:
                row = self._row(line)
                quantity, charge = self._reader.measured(row), self._reader.charge(row)
            except Damaged:
                continue
            total = (counted.quantity or Decimal(0)) + quantity
            counted = replace(counted, quantity=total, charge=(counted.charge or Decimal(0)) + charge)
        return counted

    def _rows(self, path: Path) -> Iterator[Line]:
        for line in read_lines(path, self._profile.encoding):
            if line.text.strip() and not line.text.startswith(self._left_out):
                yield line

    def _decode(self, line: Line) -> DecodedLine:
        return decoded_from(line, lambda each: self._reader.event(self._row(each)))

    def _row(self, line: Line) -> dict[str, str]:
        if line.damage:
            raise Damaged("line", line.damage)
        if len(line.text) > self._width and line.text[self._width :].strip():
            raise Damaged("line", f"The line has {len(line.text)} characters instead of {self._width}.")
        return {name: _cut(line.text, span) for name, span in self._profile.spans.items()}

    def _totals(self, line: Line) -> DeclaredTotals:
        spans, mark = self._profile.totals, self._profile.decimal_mark

        def written(name: str) -> str:
            return _cut(line.text, spans[name]) if name in spans else ""

        return DeclaredTotals(
            records=or_none(lambda: whole("records", written("records"))),
            quantity=or_none(lambda: decimal("quantity", written("quantity"), mark)),
            charge=or_none(lambda: decimal("charge", written("charge"), mark)),
        )


def _cut(text: str, span: Span) -> str:
    first, length = span
    return text[first - 1 : first - 1 + length].strip()
