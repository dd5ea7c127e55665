"""Delimited text (CSV): a declared profile says what each column means."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from billing.adapters.usage_formats.base import DeclaredFormat
from billing.adapters.usage_formats.lines import Line, as_line, read_lines
from billing.adapters.usage_formats.values import Damaged, instant, international, whole
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import SourceProfile

_MOST_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class Answered:
    """Which calls are billable: the value of ``column`` that means answered; the others count nothing."""

    column: str
    value: str


@dataclass(frozen=True)
class CsvProfile:
    """A source's declaration.

    ``columns`` in order when the file has no header line (empty: the first line is the header). ``record_id`` names the
    columns that identify a row in this source; ``take`` maps our fields to the source's columns; ``constants`` are
    fields that every row has; ``unit_sizes`` multiplies a quantity into the meter's own units; ``zone`` and
    ``country`` complete local times and national numbers; ``attributes`` are columns kept for the itemised bill.
    ``no_longer_than`` names the column that the quantity never exceeds by more than a second.
    """

    name: str
    source: str
    take: Mapping[str, str]
    record_id: Sequence[str] = ("record_id",)
    columns: Sequence[str] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)
    unit_size: int = 1
    zone: str = "UTC"
    country: str = ""
    delimiter: str = ","
    comment: str = ""
    attributes: Sequence[str] = ()
    answered: Answered | None = None
    no_longer_than: str = ""


class CsvFormat(DeclaredFormat):
    """Decodes by a profile. Each line is read on its own, so one unclosed quote cannot swallow the rest."""

    def __init__(self, profile: CsvProfile) -> None:
        super().__init__(SourceProfile(profile.name, profile.source, "csv", zone=profile.zone, country=profile.country))
        self._profile = profile

    def decode(self, path: Path, after_line: int = 0) -> Iterator[DecodedLine]:
        columns = list(self._profile.columns)
        for line in read_lines(path):
            if not columns:
                columns = self._header(line)
            elif line.number > after_line and self._is_row(line):
                yield self._decode(line, columns)

    def decode_line(self, raw: str, header: str = "") -> DecodedLine:
        columns = list(self._profile.columns) or self._header(Line(1, header.removeprefix("\ufeff")))
        return self._decode(as_line(0, raw.encode("utf-8", "replace")), columns)

    def _is_row(self, line: Line) -> bool:
        comment = self._profile.comment
        return bool(line.text.strip()) and not (comment and line.text.startswith(comment))

    def _header(self, line: Line) -> list[str]:
        """The column names; an unreadable header gives none, and then every row says which column it misses."""
        try:
            return [name.strip().lower() for name in self._split(line)] or [""]
        except Damaged:
            return [""]

    def _split(self, line: Line) -> list[str]:
        if line.damage:
            raise Damaged("line", line.damage)
        try:
            rows = list(csv.reader([line.text], delimiter=self._profile.delimiter, strict=True))
        except csv.Error as error:
            raise Damaged("line", f"The quotes of this line do not match: {error}.") from None
        return rows[0][:_MOST_COLUMNS] if rows else []

    def _decode(self, line: Line, columns: Sequence[str]) -> DecodedLine:
        try:
            values = self._split(line)
            if len(values) != len(columns):
                raise Damaged("line", f"The line has {len(values)} columns instead of {len(columns)}.")
            return DecodedLine(line.number, line.text, self._event(dict(zip(columns, values, strict=True))))
        except Damaged as damaged:
            return DecodedLine(line.number, line.text, None, damaged.field, damaged.reason)

    def _event(self, row: Mapping[str, str]) -> dict[str, Any]:
        profile = self._profile
        event: dict[str, Any] = {"source": profile.source} | dict(profile.constants)
        event |= {ours: row[theirs] for ours, theirs in profile.take.items() if row.get(theirs)}
        event["record_id"] = self._record_id(row)
        event["identifier"] = international(_needed(row, profile.take["identifier"]), profile.country)
        event["destination"] = international(event.get("destination", ""), profile.country)
        started = profile.take["started_at"]
        event["started_at"] = instant(started, _needed(row, started), profile.zone)
        event["quantity"] = self._quantity(row)
        kept = {name: row[name] for name in profile.attributes if row.get(name)}
        return event | ({"attributes": kept} if kept else {})

    def _record_id(self, row: Mapping[str, str]) -> str:
        """The first column is always there; the others may be empty (a call that reached no channel)."""
        first, *others = self._profile.record_id
        return "/".join([_needed(row, first), *(row.get(name, "").strip() for name in others)])

    def _quantity(self, row: Mapping[str, str]) -> int:
        profile = self._profile
        column = profile.take["quantity"]
        quantity = whole(column, _needed(row, column))
        longest = profile.no_longer_than
        if longest and quantity > whole(longest, _needed(row, longest)) + 1:
            raise Damaged(column, f"{column} {quantity} is more than {longest} {row[longest]}.")
        if profile.answered and row.get(profile.answered.column) != profile.answered.value:
            return 0
        return quantity * profile.unit_size


def _needed(row: Mapping[str, str], column: str) -> str:
    value = row.get(column)
    if value is None:
        raise Damaged(column, f"The file has no column {column}.")
    if not value.strip():
        raise Damaged(column, f"The column {column} is empty.")
    return value.strip()
