"""The plain lines of a delimited file, many at once: split, converted and checked in columns.

Only what is beyond doubt is taken here: printable ASCII, no quotes, the right number of columns, whole quantities, ISO
times, usable texts. Everything else is left to the reader of single lines, which alone decides what is damaged and why;
a test holds that both read a plain line alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import polars as pl

from billing.domain.fields import LARGEST_QUANTITY
from billing.ports.usage_columns import RecordColumns, record_keys
from billing.ports.usage_profiles import ClockRule

_PRINTABLE = r"^[ -~]*$"
_WORD = r"^[!-~]{1,100}$"
_CODE = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$"
_DESTINATION = r"^(\+?[0-9]{1,20})?$"
_WHOLE = r"^[0-9]{1,15}$"
_CLOCK_TIME = r"^20\d\d-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(Z|[+-]\d\d:\d\d)?$"
_AMBIGUOUS: dict[ClockRule, Literal["earliest", "latest", "null"]] = {
    ClockRule.FIRST: "earliest",
    ClockRule.SECOND: "latest",
    ClockRule.REFUSE: "null",
}
_OWN = ("identifier", "meter", "quantity", "started_at", "destination", "visited", "traffic_class")


@dataclass(frozen=True, slots=True)
class PlainReader:
    """Reads lines of one source by the columns of its file.

    ``comment`` and, as a first column, ``left_out`` mark lines that are no records. ``answered`` is the column and
    value that make a call billable (None: all are), ``longest`` the column that the quantity never exceeds by more than
    one.
    """

    source: str
    columns: tuple[str, ...]
    delimiter: str
    quote: str
    take: Mapping[str, str]
    record_id: tuple[str, ...]
    constants: Mapping[str, str]
    unit_size: int
    zone: str
    clock_rule: ClockRule
    number: Callable[[str], str]
    comment: str = ""
    left_out: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    answered: tuple[str, str] | None = None
    longest: str = ""

    def read(self, lines: Sequence[str]) -> RecordColumns:
        """The plain ones among these lines, by their places."""
        frame = self._split(lines)
        frame = frame.select("place", *(made.alias(name) for name, made in self._made().items())).drop_nulls()
        frame = frame.filter(*self._usable()).sort("place")
        return self._columns_of(frame)

    def _split(self, lines: Sequence[str]) -> pl.DataFrame:
        """The values of lines that are surely records, as ``place, c0, c1, ...``."""
        line = pl.col("line")
        plain = line.str.contains(_PRINTABLE)
        if self.comment:
            plain &= ~line.str.starts_with(self.comment)
        frame = pl.DataFrame({"line": lines}, schema={"line": pl.String}).with_row_index("place").filter(plain)
        rows = self._unquoted(frame)
        if self.quote and len(rows) < len(frame):
            rows = pl.concat([rows, self._quoted(frame)])
        return rows.filter(~pl.col("c0").str.strip_chars().is_in(self.left_out)) if self.left_out else rows

    def _unquoted(self, frame: pl.DataFrame) -> pl.DataFrame:
        line, count = pl.col("line"), len(self.columns)
        wanted = line.str.count_matches(self.delimiter, literal=True) == count - 1
        if self.quote:
            wanted &= ~line.str.contains(self.quote, literal=True)
        split = line.str.split_exact(self.delimiter, count - 1).struct.rename_fields([f"c{n}" for n in range(count)])
        return frame.filter(wanted).select("place", split.alias("split")).unnest("split")

    def _quoted(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Lines with quotes around whole values and nowhere else: what lies between them may hold delimiters."""
        quote, delimiter, count = re.escape(self.quote), re.escape(self.delimiter), len(self.columns)
        each = f"(?:^|{delimiter})(?:{quote}[^{quote}]*{quote}|[^{quote}{delimiter}]*)"
        line, values = pl.col("line"), pl.col("values")
        covered = values.list.eval(pl.element().str.len_bytes()).list.sum() == line.str.len_bytes()
        rows = frame.filter(line.str.contains(self.quote, literal=True)).with_columns(values=line.str.extract_all(each))
        rows = rows.filter((values.list.len() == count) & covered)
        named = {f"c{n}": values.list.get(n) for n in range(count)}
        bare = {
            name: (value.str.strip_prefix(self.delimiter) if name != "c0" else value).str.replace_all(
                self.quote, "", literal=True
            )
            for name, value in named.items()
        }
        return rows.select("place", *(value.alias(name) for name, value in bare.items()))

    def _column(self, name: str) -> pl.Expr:
        """A column of the file; one that it lacks is empty, and the reader of single lines says what is missing."""
        if name not in self.columns:
            return pl.lit("")
        # The last one of a name counts, as for every reader that makes a table of a row.
        return pl.col(f"c{len(self.columns) - 1 - self.columns[::-1].index(name)}")

    def _ours(self, name: str) -> pl.Expr:
        if name in self.take:
            return self._column(self.take[name])
        return pl.lit(self.constants.get(name, ""))

    def _made(self) -> dict[str, pl.Expr]:
        """Every column of ours from the file's; null where a value is not plain."""
        made = {name: self._ours(name) for name in _OWN}
        made["amount"], made["source"] = self._ours("amount"), self._source()
        made["record_id"] = pl.concat_str([self._column(name) for name in self.record_id], separator="/")
        made["first_id"] = self._column(self.record_id[0])
        made["started_at"] = _utc(made["started_at"], self.zone, _AMBIGUOUS[self.clock_rule])
        made["attributes"] = self._json()
        made["quantity"] = self._quantity(_whole(made["quantity"]))
        return made

    def _source(self) -> pl.Expr:
        written = self._ours("source") if "source" in self.take else pl.lit("")
        return pl.when(written == "").then(pl.lit(self.source)).otherwise(written)

    def _quantity(self, quantity: pl.Expr) -> pl.Expr:
        if self.longest:
            quantity = pl.when(quantity <= _whole(self._column(self.longest)) + 1).then(quantity)
        if self.answered:
            column, value = self.answered
            quantity = quantity * (self._column(column) == value).cast(pl.Int64)
        in_units = quantity * self.unit_size
        return pl.when(in_units <= LARGEST_QUANTITY).then(in_units)

    def _json(self) -> pl.Expr:
        """The kept columns that are not empty, as a JSON object; null where a value would need an escape."""
        if not self.attributes:
            return pl.lit("{}")
        values = [self._column(name) for name in self.attributes]
        parts = [
            pl.when(value == "").then(None).otherwise(pl.format('"' + name + '": "{}"', value))
            for name, value in zip(self.attributes, values, strict=True)
        ]
        needs_escape = pl.any_horizontal(
            [value.str.contains(r'["\\]') | (value.str.len_bytes() > 500) for value in values]
        )
        written = pl.lit("{") + pl.concat_str(parts, separator=", ", ignore_nulls=True) + pl.lit("}")
        return pl.when(~needs_escape).then(written)

    def _usable(self) -> list[pl.Expr]:
        """What a record has to be, as far as it is checked text by text."""
        return [
            pl.col("amount") == "",
            pl.col("first_id") != "",
            pl.col("record_id").str.contains(r"^[!-~]{1,200}$"),
            pl.col("identifier").str.contains(_WORD),
            pl.col("source").str.contains(_CODE),
            pl.col("meter").str.contains(_CODE),
            pl.col("destination").str.contains(_DESTINATION),
            pl.col("visited").str.contains(r"^([A-Z]{2}|[0-9A-Z]{3,10})?$"),
            pl.col("traffic_class").str.contains(r"^([A-Za-z0-9][A-Za-z0-9_.:-]{0,63})?$"),
        ]

    def _columns_of(self, frame: pl.DataFrame) -> RecordColumns:
        source, record_id = frame["source"].to_list(), frame["record_id"].to_list()
        started_at: list[datetime] = frame["started_at"].to_list()
        return RecordColumns(
            places=frame["place"].to_list(),
            source=source,
            record_id=record_id,
            identifier=self._numbers(frame["identifier"]),
            meter=frame["meter"].to_list(),
            quantity=frame["quantity"].to_list(),
            started_at=started_at,
            destination=self._numbers(frame["destination"]),
            visited=frame["visited"].to_list(),
            traffic_class=frame["traffic_class"].to_list(),
            amount=[None] * len(frame),
            attributes=frame["attributes"].to_list(),
            key_hash=record_keys(source, record_id),
            started_us=frame["started_at"].to_physical().to_list(),
        )

    def _numbers(self, written: pl.Series) -> list[str]:
        """Numbers of people as E.164; those that are written so already need no look."""
        if written.str.contains(r"^(\+[0-9]+)?$").all():
            return written.to_list()
        return list(map(self.number, written.to_list()))


def _whole(written: pl.Expr) -> pl.Expr:
    return pl.when(written.str.contains(_WHOLE)).then(written).cast(pl.Int64, strict=False)


def _utc(written: pl.Expr, zone: str, ambiguous: Literal["earliest", "latest", "null"]) -> pl.Expr:
    """ISO times without fractions, local to the zone where they carry no offset; null for any other."""
    shaped = pl.when(written.str.contains(_CLOCK_TIME)).then(written)
    clock = shaped.str.slice(0, 19).str.replace("T", " ", literal=True)
    at = clock.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    local = at.dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null").dt.convert_time_zone("UTC")
    offset = shaped.str.slice(19)
    minutes = offset.str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + offset.str.slice(4, 2).cast(
        pl.Int64, strict=False
    )
    signed = pl.when(offset.str.starts_with("-")).then(-minutes).otherwise(minutes)
    shifted = (at - pl.duration(minutes=signed)).dt.replace_time_zone("UTC")
    at_utc = at.dt.replace_time_zone("UTC")
    return pl.when(offset == "").then(local).when(offset == "Z").then(at_utc).otherwise(shifted)
