"""Flat rates as CSV, for spreadsheets: one row for each price, destination and time band.

The file has every plan's prices with one rate: fees, rates per unit, block or event, and percentages. The rows of a
price are its whole table: a row that is taken out takes its destination out. Prices without rows stay as they are, and
so do allowances, tiers and whatever else a row cannot say: those are in the YAML form. Prefixes are separated by
spaces. An empty connection fee of a destination or a time band is that of its price.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from billing.ports.accounts import Plan
from billing.services.catalogue_files.problems import Problems

COLUMNS = (
    *("brand", "plan_code", "price_code", "model", "zones", "destination", "prefixes", "time_band"),
    *("currency", "rate", "connection_fee"),
)
RATE_FIELD: Mapping[str, str] = {
    "recurring": "fee",
    "flat": "fee",
    "per_unit": "rate",
    "package": "rate",
    "per_event": "rate",
    "percentage": "percent",
}
_OF_A_PRICE = ("model", "zones", "currency")
_MOST_ROWS = 2_000_000
_LONGEST_CELL = 400_000
# A spreadsheet runs a cell that begins with one of these; the apostrophe makes it text, and is taken off again.
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")
_QUOTE = "'"


def safe_cell(text: str) -> str:
    """A text as a spreadsheet shows it and never runs it."""
    return f"{_QUOTE}{text}" if text.startswith((*_RUNS, _QUOTE)) else text


def plain_cell(text: str) -> str:
    """The text that ``safe_cell`` made safe; any other text as it is."""
    return text[1:] if text.startswith(_QUOTE) and text[1:].startswith((*_RUNS, _QUOTE)) else text


def write(plans: Iterable[Plan]) -> str:
    """The file of these plans' flat rates."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for plan in plans:
        for price in plan.definition["prices"]:
            for row in _rows_of(plan, price):
                writer.writerow([safe_cell(str(row.get(name, ""))) for name in COLUMNS])
    return target.getvalue()


def _rows_of(plan: Plan, price: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    rate_field = RATE_FIELD.get(price["model"])
    if rate_field is None:
        return
    own = {
        "brand": plan.brand,
        "plan_code": plan.plan_code,
        "price_code": price["code"],
        "model": price["model"],
        "zones": " ".join(price.get("zones", ())),
        "currency": plan.definition["currency"],
    }
    if rate_field in price:
        yield from _rates_of({**own, "rate": price[rate_field]}, price)
    for destination in price.get("destinations", ()):
        yield from _rates_of({**own, "destination": destination["name"], "rate": destination["rate"]}, destination)


def _rates_of(row: dict[str, Any], rated: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The usual rate and those of the time bands."""
    row = {**row, "prefixes": " ".join(rated.get("prefixes", ()))}
    yield {**row, "connection_fee": rated.get("connection_fee", "")}
    for timed in rated.get("time_bands", ()):
        fee = timed.get("connection_fee", "")
        yield {**row, "time_band": timed["band"], "rate": timed["rate"], "connection_fee": fee}


@dataclass(slots=True)
class RatesInFile:
    """The rows of one price, by number; ``places`` maps dotted paths within the price to row and column."""

    brand: str
    plan_code: str
    price_code: str
    first_row: int
    model: str = ""
    zones: str = ""
    currency: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    places: dict[str, tuple[int, str]] = field(default_factory=dict)


def read(text: str, problems: Problems) -> list[RatesInFile]:
    """The prices of a file with their rates; what cannot be read is noted with row and column."""
    csv.field_size_limit(_LONGEST_CELL)
    source = io.StringIO(text.removeprefix("\ufeff"), newline="")
    reader = csv.reader(source, delimiter=_delimiter(text), strict=True)
    found: dict[tuple[str, str, str], RatesInFile] = {}
    try:
        header = next(reader, [])
        if not _is_known(header, problems):
            return []
        for number, cells in enumerate(reader, start=2):
            if number > _MOST_ROWS:
                problems.add(number, "There are too many rows.", f"Send at most {_MOST_ROWS} at once.", column="brand")
                break
            if any(cells):
                _take_row(number, header, cells, found, problems)
    except csv.Error as error:
        problems.add(
            reader.line_num, f"This is not CSV: {error}.", "Close every quote; double one within a cell.", column="?"
        )
    return list(found.values())


def _delimiter(text: str) -> str:
    """Spreadsheets of many countries separate by semicolons."""
    header = text.partition("\n")[0]
    return ";" if header.count(";") > header.count(",") else ","


def _is_known(header: Sequence[str], problems: Problems) -> bool:
    for name in header:
        if name not in COLUMNS or header.count(name) > 1:
            told = "This column is not known." if name not in COLUMNS else "This column is there twice."
            problems.add(
                1, told, f"Use each of these once: {', '.join(COLUMNS)}.", column=name or "(empty)", value=name
            )
    for name in COLUMNS:
        if name not in header:
            problems.add(
                1, "This column is missing.", "Add it; its cells may be empty where they do not apply.", column=name
            )
    return not problems


def _take_row(
    number: int,
    header: Sequence[str],
    cells: Sequence[str],
    found: dict[tuple[str, str, str], RatesInFile],
    problems: Problems,
) -> None:
    if len(cells) != len(header):
        remedy = f"Give every row {len(header)} cells."
        problems.add(
            number, f"The row has {len(cells)} cells.", remedy, column=header[min(len(cells), len(header)) - 1]
        )
        return
    written = {name: plain_cell(cell) for name, cell in zip(header, cells, strict=True)}
    row = {name: cell if name == "destination" else cell.strip() for name, cell in written.items()}
    missing = [name for name in ("brand", "plan_code", "price_code", "rate") if not row[name]]
    for name in missing:
        problems.add(number, "The cell is empty.", f"Give the {name.replace('_', ' ')}.", column=name)
    if missing:
        return
    key = (row["brand"], row["plan_code"], row["price_code"])
    new = RatesInFile(*key, number, row["model"], row["zones"], row["currency"])
    rates = found.setdefault(key, new)
    if rates is new and row["zones"]:
        rates.fields["zones"] = row["zones"].split()
        rates.places["zones"] = (number, "zones")
    for name in _OF_A_PRICE:
        if row[name] != getattr(rates, name):
            remedy = f"Write {getattr(rates, name)!r} as in row {rates.first_row}."
            problems.add(number, f"The rows of one price have one {name}.", remedy, column=name, value=row[name])
    _Table(rates, problems).take(number, row)


@dataclass(frozen=True, slots=True)
class _Table:
    """Puts rows into the fields of a price as its definition has them."""

    rates: RatesInFile
    problems: Problems

    def take(self, number: int, row: Mapping[str, str]) -> None:
        rated, path = self._rated(number, row)
        if row["time_band"]:
            self._take_time_band(number, row, rated, path)
            return
        rate_field = "rate" if row["destination"] else RATE_FIELD.get(self.rates.model, "rate")
        if rate_field in rated:
            self._twice(number, "destination" if row["destination"] else "price_code", row)
            return
        rated[rate_field] = row["rate"]
        self._place(number, path, {rate_field: "rate", "prefixes": "prefixes", "name": "destination"})
        if row["connection_fee"]:
            rated["connection_fee"] = row["connection_fee"]
        self._place(number, path, {"connection_fee": "connection_fee"})

    def _rated(self, number: int, row: Mapping[str, str]) -> tuple[dict[str, Any], str]:
        """The base rate or the destination that a row is of; a new one where it is the first."""
        prefixes = row["prefixes"].split()
        if not row["destination"]:
            if prefixes and "prefixes" not in self.rates.fields:
                self.rates.fields["prefixes"] = prefixes
            return self.rates.fields, ""
        destinations = self.rates.fields.setdefault("destinations", [])
        for place, each in enumerate(destinations):
            if (each["name"], each["prefixes"]) == (row["destination"], prefixes):
                return each, f"destinations[{place}]"
        destinations.append({"name": row["destination"], "prefixes": prefixes})
        path = f"destinations[{len(destinations) - 1}]"
        self._place(number, path, {"": "destination", "name": "destination", "prefixes": "prefixes", "rate": "rate"})
        return destinations[-1], path

    def _take_time_band(self, number: int, row: Mapping[str, str], rated: dict[str, Any], path: str) -> None:
        bands = rated.setdefault("time_bands", [])
        if any(each["band"] == row["time_band"] for each in bands):
            self._twice(number, "time_band", row)
            return
        fee = {"connection_fee": row["connection_fee"]} if row["connection_fee"] else {}
        bands.append({"band": row["time_band"], "rate": row["rate"], **fee})
        own = f"{path}.time_bands[{len(bands) - 1}]".removeprefix(".")
        columns = {"": "time_band", "band": "time_band", "rate": "rate", "connection_fee": "connection_fee"}
        self._place(number, own, columns)

    def _place(self, number: int, path: str, columns: Mapping[str, str]) -> None:
        for name, column in columns.items():
            self.rates.places[".".join(part for part in (path, name) if part)] = (number, column)

    def _twice(self, number: int, column: str, row: Mapping[str, str]) -> None:
        remedy = "Keep one row for each price, destination with its prefixes, and time band."
        self.problems.add(number, "There is such a row already.", remedy, column=column, value=row[column])
