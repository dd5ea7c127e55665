"""How a list of the console is asked for: page, order, filters and export, read from the address and checked once.

A page declares its list and reads it; a parameter that the list does not take is refused by name::

    INVOICES = Listing("invoices", filters=(Text("q"), Choice("state", ("open", "paid"))), sorts=("due", "open"))
    asked = INVOICES.read(request)      # asked.text("q"), asked.sort, asked.descending, asked.after, asked.page

Templates draw headers, paging and the export link from what was asked (``_macros.html``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar
from urllib.parse import urlencode

from fastapi import Request

from billing.domain.errors import InvalidValue

MOST_PAGES = 100_000
Row = TypeVar("Row")


@dataclass(frozen=True)
class Text:
    """A filter that takes any text."""

    name: str
    most: int = 100

    def check(self, value: str) -> str:
        if len(value) > self.most:
            raise _wrong(self.name, value, f"Write at most {self.most} characters.")
        return value.strip()


@dataclass(frozen=True)
class Choice:
    """A filter that takes one of a few words."""

    name: str
    options: Sequence[str]

    def check(self, value: str) -> str:
        if value not in self.options:
            raise _wrong(self.name, value, f"Use one of: {', '.join(self.options)}.")
        return value


@dataclass(frozen=True)
class Whole:
    """A filter that takes a whole number."""

    name: str
    least: int = 0
    most: int = 2**53

    def check(self, value: str) -> str:
        if not value.isascii() or not value.isdigit() or not self.least <= int(value[:17]) <= self.most:
            raise _wrong(self.name, value, f"Use a whole number from {self.least} to {self.most}.")
        return str(int(value))


@dataclass(frozen=True)
class Day:
    """A filter that takes a date."""

    name: str

    def check(self, value: str) -> str:
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise _wrong(self.name, value, "Write a date like 2027-01-31.") from None


@dataclass(frozen=True)
class Flag:
    """A filter that is on or off: a ticked box."""

    name: str

    def check(self, value: str) -> str:
        if value not in ("true", "false"):
            raise _wrong(self.name, value, "Use true or false.")
        return "true" if value == "true" else ""


Filter = Text | Choice | Whole | Day | Flag


@dataclass(frozen=True)
class Asked:
    """One page of a list as it was asked for.

    ``after`` is the place to go on from (lists paged by key), ``page`` counts from 1 (lists paged by number);
    ``as_csv`` asks for every row as a file instead of one page.
    """

    path: str
    filters: Mapping[str, str]
    sort: str = ""
    descending: bool = False
    after: str = ""
    page: int = 1
    as_csv: bool = False
    sorts: Sequence[str] = ()

    def text(self, name: str) -> str:
        """A filter's value; empty when it was not given."""
        return self.filters.get(name, "")

    def whole(self, name: str) -> int | None:
        return int(self.filters[name]) if self.filters.get(name) else None

    def day(self, name: str) -> date | None:
        return date.fromisoformat(self.filters[name]) if self.filters.get(name) else None

    def is_on(self, name: str) -> bool:
        return self.filters.get(name) == "true"

    @property
    def is_filtered(self) -> bool:
        return any(self.filters.values())

    @property
    def order(self) -> str:
        """The order as an address writes it: ``due``, or ``-due`` for the other way round."""
        return f"-{self.sort}" if self.descending else self.sort

    def link(self, **changes: object) -> str:
        """The address of this list with something else: ``after=``, ``page=``, ``sort=``, ``format=`` or a filter."""
        values: dict[str, object] = dict(self.filters) | {"sort": self.order} | changes
        said = urlencode({name: value for name, value in values.items() if value not in ("", None)})
        return f"{self.path}?{said}" if said else self.path

    def sort_link(self, name: str) -> str:
        """The address in another order; the other way round where it is the order already."""
        return self.link(sort=f"-{name}" if self.sort == name and not self.descending else name)

    def direction(self, name: str) -> str:
        """For assistive technology: ascending, descending or none."""
        if self.sort != name:
            return "none"
        return "descending" if self.descending else "ascending"

    def arranged(self, rows: Iterable[Row], keys: Mapping[str, Callable[[Row], Any]]) -> list[Row]:
        """Rows that are all here, in the order asked for; as they are where it has no key."""
        key = keys.get(self.sort)
        return list(rows) if key is None else sorted(rows, key=key, reverse=self.descending)

    @property
    def export_link(self) -> str:
        return self.link(format="csv")


@dataclass(frozen=True)
class Listing:
    """What a list takes. ``sorts`` are its orders, the first is the usual one (``-name`` for the last first)."""

    name: str
    filters: Sequence[Filter] = field(default_factory=tuple)
    sorts: Sequence[str] = ()
    has_export: bool = True

    def read(self, request: Request) -> Asked:
        """What was asked for. Raises InvalidValue naming the parameter, its value and what it takes."""
        given = dict(request.query_params)
        own = {one.name: one for one in self.filters}
        known = [*own, "after", "page", *(["sort"] if self.sorts else ()), *(["format"] if self.has_export else ())]
        for name, value in given.items():
            if name not in known:
                raise _wrong(name, value, f"This list takes: {', '.join(known)}.")
        order = given.get("sort") or (self.sorts[0] if self.sorts else "")
        return Asked(
            request.url.path,
            {name: one.check(given[name]) if given.get(name) else "" for name, one in own.items()},
            self._sort(order),
            order.startswith("-"),
            Text("after", 200).check(given.get("after", "")),
            int(Whole("page", 1, MOST_PAGES).check(given.get("page") or "1")),
            bool(given.get("format")) and Choice("format", ("csv",)).check(given["format"]) == "csv",
            [each.removeprefix("-") for each in self.sorts],
        )

    def _sort(self, order: str) -> str:
        name, known = order.removeprefix("-"), [each.removeprefix("-") for each in self.sorts]
        if name and name not in known:
            raise _wrong("sort", order, f"Use one of: {', '.join(known)}; with - before it for the other way round.")
        return name


def _wrong(name: str, value: str, remedy: str) -> InvalidValue:
    return InvalidValue("This list cannot be asked for like that.", field=name, value=value[:200], remedy=remedy)
