"""What a declaration file may say, checked field by field."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from billing.adapters.usage_formats.lines import ENCODINGS
from billing.adapters.usage_formats.values import EPOCH_FORMS, Rounding, by_pattern
from billing.ports.usage_profiles import SEQUENCE_GROUP, ClockRule

_SAMPLE = datetime.fromisoformat("2026-11-20T13:14:15")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("use a zone like Europe/Amsterdam") from None
    return name


def _country(code: str) -> str:
    if code and code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("use a country code of two capital letters, like NL")
    return code


def _encoding(name: str) -> str:
    if name not in ENCODINGS:
        raise ValueError(f"use one of {', '.join(ENCODINGS)}")
    return name


def _file_name(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise ValueError(f"this is no regular expression: {error}") from None
    if set(groups) - {SEQUENCE_GROUP}:
        raise ValueError(f"the only named group is {SEQUENCE_GROUP}")
    return pattern


def _time_form(form: str) -> str:
    if not form or form in EPOCH_FORMS:
        return form
    try:
        found = by_pattern(_SAMPLE.strftime(form), form)
    except ValueError:
        found = None
    if found is None or found.replace(tzinfo=None, microsecond=0) != _SAMPLE:
        raise ValueError(f"use {', '.join(EPOCH_FORMS)}, or a pattern with whole date and time like %d.%m.%Y %H:%M:%S")
    return form


_CODE = r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}"
Name = Annotated[str, Field(pattern=f"^{_CODE}$")]
Column = Annotated[str, Field(min_length=1, max_length=100)]
Columns = Annotated[list[Column], Field(max_length=200)]
TimeForm = Annotated[str, AfterValidator(_time_form)]
Span = tuple[Annotated[int, Field(ge=1, le=10_000)], Annotated[int, Field(ge=1, le=1_000)]]
UnitSize = Annotated[Decimal, Field(gt=0, le=10**12, decimal_places=9)]
OurField = Literal["identifier", "meter", "quantity", "started_at", "destination", "amount", "visited", "traffic_class"]


class Declaration(BaseModel):
    """The base of all: nothing unknown is let through."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceIn(Declaration):
    """What every source declares."""

    name: Name
    source: Name = ""
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    clock_rule: ClockRule = ClockRule.FIRST
    country: Annotated[str, AfterValidator(_country)] = ""
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    delay_days: Annotated[int, Field(ge=1, le=90)] = 1
    file_name: Annotated[str, AfterValidator(_file_name)] = ""
    first_sequence: Annotated[int, Field(ge=0)] = 1
    last_sequence: Annotated[int, Field(ge=0)] = 0


class TimeIn(Declaration):
    """Where the start stands when it is more than one ISO column."""

    columns: Columns = []
    form: TimeForm = ""
    answered_at: str = ""


class QuantityIn(Declaration):
    """How a quantity is measured."""

    columns: Columns = []
    unit_size: UnitSize = Decimal(1)
    rounding: Rounding = Rounding.REFUSE
    clock: bool = False
    no_longer_than: str = ""


class KindIn(Declaration):
    """One kind of record in a mixed source."""

    meter: Name
    columns: Columns = []
    otherwise: Columns = []
    unit_size: UnitSize = Decimal(1)


class KindsIn(Declaration):
    """The column that tells the kind, and the kinds by its values."""

    column: Column
    values: Annotated[dict[str, KindIn], Field(min_length=1, max_length=100)]


class CauseIn(Declaration):
    """Which records are billable."""

    column: Column
    billable: Annotated[list[str], Field(min_length=1, max_length=1000)]
    others: Annotated[list[str], Field(max_length=1000)] = []


class ControlIn(Declaration):
    """The control record: its first column and the columns of its totals, from 1."""

    marker: Annotated[str, Field(min_length=1, max_length=50)]
    records: Annotated[int, Field(ge=0, le=200)] = 0
    quantity: Annotated[int, Field(ge=0, le=200)] = 0
    charge: Annotated[int, Field(ge=0, le=200)] = 0


class SpanControlIn(Declaration):
    """The control record of a fixed-width file."""

    marker: Annotated[str, Field(min_length=1, max_length=50)]
    records: Span | None = None
    quantity: Span | None = None
    charge: Span | None = None


class RecordIn(SourceIn):
    """A source of named fields. ``fields`` maps ours to its columns."""

    fields: Annotated[dict[OurField, Column], Field(min_length=1)]
    key: Annotated[list[Column], Field(min_length=1, max_length=10)]
    constants: dict[Literal["meter", "destination", "visited", "traffic_class"], str] = {}
    attributes: Annotated[list[Column], Field(max_length=50)] = []
    time: TimeIn = TimeIn()
    quantity: QuantityIn = QuantityIn()
    kinds: KindsIn | None = None
    causes: Annotated[list[CauseIn], Field(max_length=20)] = []
    decimal_mark: Literal[".", ","] = "."
    numbers: Literal["national", "international"] = "national"
    skip: Annotated[list[str], Field(max_length=50)] = []

    @model_validator(mode="after")
    def _has_what_an_event_needs(self) -> Self:
        declared = {*map(str, self.fields), *map(str, self.constants)}
        if not re.fullmatch(_CODE, self.constants.get("meter", "voice")):
            raise ValueError("constants.meter has letters, digits and _ . : - (at most 64)")
        if "identifier" not in declared:
            raise ValueError("fields.identifier is missing: name the column with the customer's number")
        if "started_at" not in declared and not self.time.columns:
            raise ValueError("name the start in fields.started_at or time.columns")
        if "quantity" not in declared and not (self.quantity.columns or self.kinds):
            raise ValueError("name the quantity in fields.quantity, quantity.columns or kinds")
        if "meter" not in declared and not self.kinds:
            raise ValueError("say what is counted in constants.meter, fields.meter or kinds")
        return self

    def columns_named(self) -> set[str]:
        """Every column that the declaration speaks of."""
        named = {*self.fields.values(), *self.key, *self.attributes, *self.time.columns, self.time.answered_at}
        named |= {*self.quantity.columns, self.quantity.no_longer_than, *(cause.column for cause in self.causes)}
        if self.kinds:
            named.add(self.kinds.column)
            named |= {column for kind in self.kinds.values.values() for column in (*kind.columns, *kind.otherwise)}
        return named - {""}

    def check_columns(self, known: set[str]) -> None:
        """Raises ValueError for a column that the file does not have."""
        unknown = sorted(self.columns_named() - known)
        if unknown:
            raise ValueError(f"{unknown[0]!r} is none of the declared columns: {', '.join(sorted(known))}")


class CsvIn(RecordIn):
    """Delimited lines; without ``columns`` the first line names them, in any case of letters."""

    format: Literal["csv"]
    columns: Columns = []
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Field(max_length=1)] = '"'
    comment: Annotated[str, Field(max_length=10)] = ""
    blank_after_delimiter: bool = False
    all_quoted: bool = False
    control: ControlIn | None = None

    @field_validator("delimiter")
    @classmethod
    def _can_delimit(cls, delimiter: str) -> str:
        if delimiter in "\r\n\x00":
            raise ValueError("a delimiter is no end of line")
        return delimiter

    @model_validator(mode="after")
    def _names_known_columns(self) -> Self:
        if self.quote == self.delimiter:
            raise ValueError("quote and delimiter are the same")
        if self.columns:
            self.check_columns(set(self.columns))
        elif capital := sorted(name for name in self.columns_named() if name != name.lower()):
            raise ValueError(f"write {capital[0]!r} in small letters: names of a header line are read so")
        return self


class FixedWidthIn(RecordIn):
    """Fields at fixed places: ``spans`` gives each its first character, from 1, and its length."""

    format: Literal["fixed-width"]
    spans: Annotated[dict[str, Span], Field(min_length=1, max_length=200)]
    comment: Annotated[str, Field(max_length=10)] = ""
    control: SpanControlIn | None = None

    @model_validator(mode="after")
    def _names_known_columns(self) -> Self:
        self.check_columns(set(self.spans))
        return self


class JsonIn(RecordIn):
    """An array, documents one after the other, or (ndjson) one per line; columns are dotted paths."""

    format: Literal["json", "ndjson"]


class SwitchIn(SourceIn):
    """A switch whose format says all but its place in the world."""

    format: Literal["asterisk-csv", "freeswitch-csv", "uk-standard"]


class FreeswitchJsonIn(SourceIn):
    """``identifier`` is a path below ``variables`` or ``caller``."""

    format: Literal["freeswitch-json"]
    identifier: Annotated[str, Field(pattern=r"^(variables|caller)\.[\w.-]{1,80}$")] = "caller.caller_id_number"


class CelIn(SourceIn):
    """``columns`` as cel_custom.conf maps them."""

    format: Literal["asterisk-cel"]
    columns: Columns = []
    identifier: str = "cidnum"
    contexts: Annotated[list[str], Field(max_length=100)] = []
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    time_form: TimeForm = "epoch"

    @model_validator(mode="after")
    def _names_known_columns(self) -> Self:
        needed = {"eventtype", "eventtime", "uniqueid", "linkedid", self.identifier}
        if self.columns and (missing := sorted(needed - set(self.columns))):
            raise ValueError(f"columns lack {missing[0]!r}, without which no call can be put together")
        return self


class FlatstoreIn(SourceIn):
    """``columns`` as the acc module writes them."""

    format: Literal["flatstore"]
    columns: Columns = []
    caller: str = "caller"
    callee: str = "callee"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = "|"
    time_form: TimeForm = "epoch"

    @model_validator(mode="after")
    def _names_known_columns(self) -> Self:
        needed = {"method", "from_tag", "to_tag", "callid", "sip_code", "time", self.caller, self.callee}
        if self.columns and (missing := sorted(needed - set(self.columns))):
            raise ValueError(f"columns lack {missing[0]!r}, without which no call can be put together")
        if self.columns and self.columns[0] != "method":
            raise ValueError("the first column of accounting is method")
        return self


class RadiusIn(SourceIn):
    """``measure`` says what ``meter`` counts."""

    format: Literal["radius"]
    identifier: Annotated[list[Column], Field(min_length=1, max_length=10)] = ["User-Name"]
    destination: str = ""
    meter: Name = "data"
    measure: Literal["octets", "octets_in", "octets_out", "seconds"] = "octets"


FAMILIES: dict[str, type[SourceIn]] = {
    "csv": CsvIn,
    "fixed-width": FixedWidthIn,
    "json": JsonIn,
    "ndjson": JsonIn,
    "asterisk-csv": SwitchIn,
    "freeswitch-csv": SwitchIn,
    "uk-standard": SwitchIn,
    "freeswitch-json": FreeswitchJsonIn,
    "asterisk-cel": CelIn,
    "flatstore": FlatstoreIn,
    "radius": RadiusIn,
}
