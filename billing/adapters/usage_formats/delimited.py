"""Delimited text (CSV): a declared profile says what each column means."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from billing.adapters.usage_formats.base import DeclaredFormat, decoded_from, or_none
from billing.adapters.usage_formats.chunks import Block, chunk_of, read_blocks
from billing.adapters.usage_formats.lines import Line, as_line, read_lines
from billing.adapters.usage_formats.plain_profiles import can_be_plain, plain_reader
from billing.adapters.usage_formats.records import Answered, RecordProfile, RecordReader
from billing.adapters.usage_formats.values import Damaged, decimal, whole
from billing.ports.usage import DecodedChunk, DecodedLine, chunks_of_lines
from billing.ports.usage_profiles import DeclaredTotals, FileTotals

_MOST_COLUMNS = 200


@dataclass(frozen=True)
class CsvProfile(RecordProfile):
    """A source of delimited lines.

    ``columns`` in order when the file has no header line (empty: the first line is the header). ``quote`` is the
    quoting character, empty for sources that quote nothing. ``comment`` begins lines that are left out.
    ``blank_after_delimiter`` is for sources that write a blank between delimiter and quote; ``all_quoted`` for sources
    that quote every value and do not double the quotes inside: such a line is then split where quotes meet a delimiter.
    """

    columns: Sequence[str] = ()
    delimiter: str = ","
    quote: str = '"'
    comment: str = ""
    blank_after_delimiter: bool = False
    all_quoted: bool = False


class CsvFormat(DeclaredFormat):
    """Decodes by a profile. Each line is read on its own, so one unclosed quote cannot swallow the rest."""

    def __init__(self, profile: CsvProfile, format_name: str = "csv") -> None:
        super().__init__(profile.source_profile(format_name))
        self._profile = profile
        self._reader = RecordReader(profile)
        quote, delimiter = re.escape(profile.quote), re.escape(profile.delimiter)
        self._between = re.compile(f"{quote} ?{delimiter} ?{quote}")
        self._left_out = {*profile.skip, *([profile.control.marker] if profile.control.marker else [])}

    def decode(self, path: Path, after_line: int = 0) -> Iterator[DecodedLine]:
        for line, columns in self._rows(path):
            if line.number > after_line:
                yield self._decode(line, columns)

    def decode_chunks(self, path: Path, after_line: int, size: int) -> Iterator[DecodedChunk]:
        """The same as ``decode``, by ``size`` lines; a source whose lines are never plain is read line by line."""
        if not can_be_plain(self._profile):
            yield from chunks_of_lines(self.decode(path, after_line), size)
            return
        columns = tuple(self._profile.columns)
        for whole_block in read_blocks(path, size):
            block = whole_block
            if not columns:
                columns, block = self._header_of(block)
            if block.first <= after_line:
                block = block.after(after_line + 1 - block.first)
            if columns and block.lines:
                yield from self._chunk(block, columns)

    def _header_of(self, block: Block) -> tuple[tuple[str, ...], Block]:
        """The columns that the first row of the file names, and the lines behind it."""
        for place in range(len(block.lines)):
            line = block.line(place)
            if self._is_row(line):
                return tuple(self._header(line)), block.after(place + 1)
        return (), block.after(len(block.lines))

    def _chunk(self, block: Block, columns: tuple[str, ...]) -> Iterator[DecodedChunk]:
        read_plain = plain_reader(self._profile, columns, self._reader.number).read
        chunk = chunk_of(block, read_plain, self._is_row, lambda line: self._decode(line, columns))
        if chunk.size:
            yield chunk

    def decode_line(self, raw: str, header: str = "") -> DecodedLine:
        columns = list(self._profile.columns) or self._header(Line(1, header.removeprefix("\ufeff")))
        return self._decode(as_line(0, raw.encode("utf-8", "replace")), columns)

    def header_of(self, path: Path) -> str:
        """The first row of a file whose profile names no columns."""
        if self._profile.columns:
            return ""
        return next((line.text for line in read_lines(path, self._profile.encoding) if self._is_row(line)), "")

    def declared_totals(self, path: Path) -> DeclaredTotals | None:
        """The last control record of the file; an unreadable number in it is not declared."""
        control, found = self._profile.control, None
        if not control.marker:
            return None
        for line in read_lines(path, self._profile.encoding):
            if control.marker in line.text and self._first(line) == control.marker:
                found = self._totals(line)
        return found

    def counted_totals(self, path: Path) -> FileTotals:
        """The records of the file and the sums of their quantities and amounts as written."""
        counted = FileTotals(0, 0, Decimal(0))
        for line, columns in self._rows(path):
            counted = self._count(counted, line, columns)
        return counted

    def _rows(self, path: Path) -> Iterator[tuple[Line, Sequence[str]]]:
        columns: Sequence[str] = self._profile.columns
        for line in read_lines(path, self._profile.encoding):
            if not self._is_row(line):
                continue
            if columns:
                yield line, columns
            else:
                columns = self._header(line)

    def _is_row(self, line: Line) -> bool:
        comment = self._profile.comment
        if not line.text.strip() or (comment and line.text.startswith(comment)):
            return False
        return not self._left_out or self._first(line) not in self._left_out

    def _first(self, line: Line) -> str:
        try:
            return next(iter(self._split(line)), "").strip()
        except Damaged:
            return ""

    def _header(self, line: Line) -> list[str]:
        """The column names; an unreadable header gives none, and then every row says which column it misses."""
        try:
            return [name.strip().lower() for name in self._split(line)] or [""]
        except Damaged:
            return [""]

    def _split(self, line: Line) -> list[str]:
        if line.damage:
            raise Damaged("line", line.damage)
        profile = self._profile
        if not profile.quote:
            return line.text.split(profile.delimiter, _MOST_COLUMNS)[:_MOST_COLUMNS]
        try:
            rows = list(
                csv.reader(
                    [line.text],
                    delimiter=profile.delimiter,
                    quotechar=profile.quote,
                    skipinitialspace=profile.blank_after_delimiter,
                    strict=True,
                )
            )
        except csv.Error as error:
            raise Damaged("line", f"The quotes of this line do not match: {error}.") from None
        return rows[0][:_MOST_COLUMNS] if rows else []

    def _row(self, line: Line, columns: Sequence[str]) -> dict[str, str]:
        values = self._all_quoted(line, len(columns)) or self._split(line)
        if len(values) != len(columns):
            raise Damaged("line", f"The line has {len(values)} columns instead of {len(columns)}.")
        return dict(zip(columns, values, strict=True))

    def _all_quoted(self, line: Line, count: int) -> list[str]:
        """The values between quotes that meet a delimiter; empty when that gives another number of columns."""
        quote, text = self._profile.quote, line.text.strip()
        if not self._profile.all_quoted or line.damage or not (text.startswith(quote) and text.endswith(quote)):
            return []
        values = self._between.split(text[1:-1], count)
        return [value.replace(quote * 2, quote) for value in values] if len(values) == count else []

    def _decode(self, line: Line, columns: Sequence[str]) -> DecodedLine:
        return decoded_from(line, lambda each: self._reader.event(self._row(each, columns)))

    def _count(self, counted: FileTotals, line: Line, columns: Sequence[str]) -> FileTotals:
        counted = replace(counted, records=(counted.records or 0) + 1)
        try:
            row = self._row(line, columns)
            quantity, charge = self._reader.measured(row), self._reader.charge(row)
        except Damaged:
            return counted
        total = (counted.quantity or Decimal(0)) + quantity
        return replace(counted, quantity=total, charge=(counted.charge or Decimal(0)) + charge)

    def _totals(self, line: Line) -> DeclaredTotals:
        values, control, mark = self._split(line), self._profile.control, self._profile.decimal_mark

        def written(column: int) -> str:
            return values[column - 1] if 0 < column <= len(values) else ""

        return DeclaredTotals(
            records=or_none(lambda: whole("records", written(control.records))),
            quantity=or_none(lambda: decimal("quantity", written(control.quantity), mark)),
            charge=or_none(lambda: decimal("charge", written(control.charge), mark)),
        )


__all__ = ["Answered", "CsvFormat", "CsvProfile"]
