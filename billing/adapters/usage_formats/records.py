"""From the named fields of a record to an event: one declaration for delimited, fixed-width and JSON sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from billing.adapters.usage_formats.values import (
    Damaged,
    Rounding,
    clock_seconds,
    decimal,
    instant,
    international,
    rounded,
    whole,
)
from billing.ports.usage_profiles import ClockRule, Control, SourceProfile


@dataclass(frozen=True, slots=True)
class Answered:
    """Which calls are billable: the value of ``column`` that means answered; the others count nothing."""

    column: str
    value: str


@dataclass(frozen=True, slots=True)
class CauseRule:
    """Which records are billable: those with one of these values in ``column``; the others count nothing.

    With ``others`` given, a value in neither list is damaged: a person decides, instead of a free or a wrong charge.
    """

    column: str
    billable: Sequence[str]
    others: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record in a mixed source: its meter and the columns whose sum is its quantity.

    Without columns each record counts one (a message). ``otherwise`` is summed when all ``columns`` are empty.
    """

    meter: str
    columns: Sequence[str] = ()
    otherwise: Sequence[str] = ()
    unit_size: Decimal | int = 1


@dataclass(frozen=True)
class RecordProfile:
    """A source's declaration of its fields.

    ``record_id`` names the fields that identify a record in this source; ``take`` maps our fields to the source's;
    ``constants`` are fields that every record has; ``unit_size`` multiplies a quantity into the meter's own unit,
    ``rounding`` makes it whole; ``zone``, ``clock_rule``, ``time_form`` read times, ``country`` completes national
    numbers (``numbers_are_international``: 31612345678 needs only its +). ``time_columns`` are joined with a blank,
    ``quantity_columns`` are summed; empty means the one of ``take``. Where ``answered_at`` is filled, the usage starts
    then instead. ``kinds`` gives each kind of record, by the value
    of ``kind_column``, its own meter and quantity. ``attributes`` are fields kept for the itemised bill.
    ``answered`` and ``causes`` say what is billable. ``no_longer_than`` names the field that the quantity never exceeds
    by more than a second. ``skip`` are first fields of rows that are no records.
    """

    name: str
    source: str
    take: Mapping[str, str]
    record_id: Sequence[str] = ("record_id",)
    constants: Mapping[str, Any] = field(default_factory=dict)
    unit_size: Decimal | int = 1
    zone: str = "UTC"
    country: str = ""
    attributes: Sequence[str] = ()
    answered: Answered | None = None
    no_longer_than: str = ""
    causes: Sequence[CauseRule] = ()
    encoding: str = "utf-8"
    clock_rule: ClockRule = ClockRule.FIRST
    time_form: str = ""
    time_columns: Sequence[str] = ()
    answered_at: str = ""
    decimal_mark: str = "."
    rounding: Rounding = Rounding.REFUSE
    quantity_is_clock: bool = False
    quantity_columns: Sequence[str] = ()
    kind_column: str = ""
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    numbers_are_international: bool = False
    skip: Sequence[str] = ()
    delay_days: int = 1
    file_name_pattern: str = ""
    first_sequence: int = 1
    last_sequence: int = 0
    control: Control = field(default_factory=Control)

    def source_profile(self, format_name: str) -> SourceProfile:
        """What importers see of it."""
        return SourceProfile(
            name=self.name,
            source=self.source,
            format=format_name,
            delay_days=self.delay_days,
            file_name_pattern=self.file_name_pattern,
            first_sequence=self.first_sequence,
            last_sequence=self.last_sequence,
            control=self.control,
            zone=self.zone,
            clock_rule=self.clock_rule,
            country=self.country,
        )


def fields_of(profile: RecordProfile) -> list[str]:
    """Every field of the source that a declaration speaks of."""
    names = {*profile.take.values(), *profile.record_id, *profile.attributes, *profile.time_columns}
    names |= {*profile.quantity_columns, profile.answered_at, profile.kind_column, profile.no_longer_than}
    names |= {column for kind in profile.kinds.values() for column in (*kind.columns, *kind.otherwise)}
    names |= {rule.column for rule in profile.causes}
    names |= {profile.answered.column} if profile.answered else set()
    return sorted(names - {""})


class RecordReader:
    """Reads records by a declaration. Raises Damaged for a field that cannot be used."""

    def __init__(self, profile: RecordProfile) -> None:
        self._profile = profile
        self._reads_decimals = profile.decimal_mark != "." or profile.rounding is not Rounding.REFUSE
        self._reads_decimals |= profile.unit_size != int(profile.unit_size) or bool(profile.kinds)

    def event(self, row: Mapping[str, str]) -> dict[str, Any]:
        """The event of a record, by the names of its source."""
        profile = self._profile
        event: dict[str, Any] = {"source": profile.source} | dict(profile.constants)
        event |= {ours: row[theirs] for ours, theirs in profile.take.items() if row.get(theirs)}
        event["record_id"] = self._record_id(row)
        event["identifier"] = self.number(needed(row, profile.take["identifier"]))
        event["destination"] = self.number(event.get("destination", ""))
        event["started_at"] = self._started_at(row)
        kind = self._kind(row)
        if kind:
            event["meter"] = kind.meter
        event["quantity"] = self._quantity(row, kind)
        if profile.decimal_mark != "." and "amount" in event:
            event["amount"] = str(decimal(profile.take["amount"], event["amount"], profile.decimal_mark))
        kept = {name: row[name] for name in profile.attributes if row.get(name)}
        return event | ({"attributes": kept} if kept else {})

    def measured(self, row: Mapping[str, str]) -> Decimal:
        """The quantity as the source wrote it, in its own unit and billable or not: what control totals add up."""
        kind = self._kind(row)
        return self._written(row, self._columns(row, kind)) if kind is None or kind.columns else Decimal(1)

    def charge(self, row: Mapping[str, str]) -> Decimal:
        """The amount as the source wrote it; 0 when it wrote none."""
        column = self._profile.take.get("amount", "")
        written = row.get(column, "")
        return decimal(column, written, self._profile.decimal_mark) if written.strip() else Decimal(0)

    def number(self, written: str) -> str:
        """A number of a person as E.164."""
        profile = self._profile
        digits = written.strip()
        if profile.numbers_are_international and digits.isascii() and digits.isdigit() and digits[0] != "0":
            return f"+{digits}"
        return international(written, profile.country)

    def _record_id(self, row: Mapping[str, str]) -> str:
        """The first field is always there; the others may be empty (a call that reached no channel)."""
        first, *others = self._profile.record_id
        return "/".join([needed(row, first), *(row.get(name, "").strip() for name in others)])

    def _started_at(self, row: Mapping[str, str]) -> Any:
        profile = self._profile
        columns = profile.time_columns or (profile.take["started_at"],)
        if profile.answered_at and row.get(profile.answered_at, "").strip(" 0"):
            columns = (profile.answered_at,)
        written = " ".join(needed(row, column) for column in columns)
        return instant(columns[0], written, profile.zone, profile.clock_rule, profile.time_form)

    def _kind(self, row: Mapping[str, str]) -> Kind | None:
        column = self._profile.kind_column
        if not column:
            return None
        written = needed(row, column)
        kind = self._profile.kinds.get(written)
        if kind is None:
            raise Damaged(column, f"{written[:60]!r} is none of {', '.join(self._profile.kinds)}.")
        return kind

    def _columns(self, row: Mapping[str, str], kind: Kind | None) -> Sequence[str]:
        if kind is None:
            return self._profile.quantity_columns or (self._profile.take["quantity"],)
        is_empty = not any(row.get(column, "").strip() for column in kind.columns)
        return kind.otherwise if is_empty and kind.otherwise else kind.columns

    def _written(self, row: Mapping[str, str], columns: Sequence[str]) -> Decimal:
        return sum((self._one(column, needed(row, column)) for column in columns), Decimal(0))

    def _one(self, column: str, written: str) -> Decimal:
        if self._profile.quantity_is_clock and ":" in written:
            return Decimal(clock_seconds(column, written))
        if self._reads_decimals:
            return decimal(column, written, self._profile.decimal_mark)
        return Decimal(whole(column, written))

    def _quantity(self, row: Mapping[str, str], kind: Kind | None) -> int:
        if kind and not kind.columns:
            return int(self._is_billable(row))
        columns = self._columns(row, kind)
        written = self._written(row, columns)
        longest = self._profile.no_longer_than
        if longest and written > whole(longest, needed(row, longest)) + 1:
            raise Damaged(columns[0], f"{columns[0]} {written} is more than {longest} {row[longest]}.")
        unit_size = kind.unit_size if kind else self._profile.unit_size
        quantity = rounded(columns[0], written * unit_size, self._profile.rounding)
        return quantity if self._is_billable(row) else 0

    def _is_billable(self, row: Mapping[str, str]) -> bool:
        answered = self._profile.answered
        if answered and row.get(answered.column) != answered.value:
            return False
        return all(_allows(rule, row) for rule in self._profile.causes)


def _allows(rule: CauseRule, row: Mapping[str, str]) -> bool:
    cause = row.get(rule.column, "").strip()
    if cause in rule.billable:
        return True
    if rule.others and cause not in rule.others:
        raise Damaged(rule.column, f"{cause[:60]!r} is not declared as billable or not billable.")
    return False


def needed(row: Mapping[str, str], column: str) -> str:
    """A field that must be there."""
    value = row.get(column)
    if value is None:
        raise Damaged(column, f"The file has no column {column}.")
    if not value.strip():
        raise Damaged(column, f"The column {column} is empty.")
    return value.strip()
