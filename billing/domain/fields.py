"""Reading plain JSON objects into definitions: every bad field is refused by its dotted name, value and remedy.

A definition (price, plan, discount, tax table) is stored as a JSON object. ``Fields`` reads one such object, knows
where it sits in the whole (``prices[2].tiers[1]``), and refuses what it was never asked for, so that a misspelt option
is an error and not a silent default. JSON null counts as absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from billing.domain.errors import InvalidValue

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_PREFIX = re.compile(r"[0-9]{1,15}")
_MOST_DECIMALS = 12
_LARGEST_AMOUNT = Decimal(10) ** 12
LARGEST_QUANTITY = 10**15


class Fields:
    """One JSON object under its dotted ``path``; each method reads one field and refuses it when it cannot be used."""

    def __init__(self, data: object, path: str = "") -> None:
        self.path = path
        self._asked: set[str] = set()
        if not isinstance(data, Mapping):
            raise InvalidValue(
                "A JSON object is needed here.", field=path, value=data, remedy="Send an object with named fields."
            )
        self._data: Mapping[str, Any] = data

    def where(self, name: str) -> str:
        """The dotted name of a field of this object."""
        return f"{self.path}.{name}" if self.path else name

    def refusal(self, name: str, message: str, remedy: str) -> InvalidValue:
        """The refusal of a field with its present value; the caller raises it."""
        return InvalidValue(message, field=self.where(name), value=self._data.get(name, ""), remedy=remedy)

    def has(self, name: str) -> bool:
        """True when the field is there and not null."""
        self._asked.add(name)
        return self._data.get(name) is not None

    def _required(self, name: str) -> Any:
        if not self.has(name):
            raise self.refusal(name, f"The field {name} is missing.", f"Add {name}.")
        return self._data[name]

    def text(self, name: str, default: str | None = None, longest: int = 200) -> str:
        """A non-empty text of at most ``longest`` characters."""
        if default is not None and not self.has(name):
            return default
        value = self._required(name)
        if not isinstance(value, str) or not value.strip() or len(value) > longest:
            raise self.refusal(name, "A non-empty text is needed.", f"Write 1 to {longest} characters.")
        return value

    def code(self, name: str, default: str | None = None) -> str:
        """A code: letters, digits and ``_ . : -``, at most 64."""
        value = self.text(name, default)
        if value != default and not _CODE.fullmatch(value):
            raise self.refusal(name, "This is not a code.", "Use letters, digits and _ . : - (at most 64).")
        return value

    def currency(self, name: str, default: str | None = None) -> str:
        """An ISO 4217 code in capitals."""
        value = self.text(name, default)
        if value != default and not _CURRENCY.fullmatch(value):
            raise self.refusal(name, "This is not a currency.", "Use the three capitals of ISO 4217, like EUR.")
        return value

    def one_of(self, name: str, choices: Mapping[str, object]) -> str:
        """One of the known words."""
        value = self._required(name)
        if not isinstance(value, str) or value not in choices:
            raise self.refusal(name, "This choice is not known.", f"Use one of: {', '.join(choices)}.")
        return value

    def whole(self, name: str, default: int | None = None, least: int = 0, most: int = LARGEST_QUANTITY) -> int:
        """A whole number between ``least`` and ``most``."""
        if default is not None and not self.has(name):
            return default
        value = self._required(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.refusal(name, "A whole number is needed.", f"Write a number from {least} to {most}.")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        if not self.has(name):
            return default
        value = self._data[name]
        if not isinstance(value, bool):
            raise self.refusal(name, "True or false is needed.", "Write true or false, without quotes.")
        return value

    def amount(
        self,
        name: str,
        default: Decimal | None = None,
        most: Decimal = _LARGEST_AMOUNT,
        decimals: int = _MOST_DECIMALS,
    ) -> Decimal:
        """A non-negative decimal written as text ("0.12"); a JSON fraction is refused because it is a binary float."""
        if default is not None and not self.has(name):
            return default
        value = self._required(name)
        number = _decimal(value)
        if number is None or not 0 <= number <= most or not has_at_most(decimals, number):
            raise self.refusal(
                name,
                "This is not a usable decimal.",
                f'Write it as text, like "0.12": from 0 to {most:f}, at most {decimals} decimals.',
            )
        return number

    def optional_amount(self, name: str, most: Decimal = _LARGEST_AMOUNT) -> Decimal | None:
        """As ``amount``, or None when absent."""
        return self.amount(name, most=most) if self.has(name) else None

    def optional_whole(self, name: str, least: int = 0) -> int | None:
        """As ``whole``, or None when absent."""
        return self.whole(name, least=least) if self.has(name) else None

    def optional_date(self, name: str) -> date | None:
        """A calendar date (2026-06-30), or None when absent."""
        if not self.has(name):
            return None
        try:
            return date.fromisoformat(self._data[name])
        except (TypeError, ValueError):
            raise self.refusal(name, "This is not a date.", "Write it as 2026-06-30.") from None

    def nested(self, name: str) -> Fields:
        """One nested object."""
        return Fields(self._required(name), self.where(name))

    def objects(self, name: str, most: int) -> list[Fields]:
        """A list of objects, each knowing its place; empty when absent."""
        return [Fields(item, f"{self.where(name)}[{place}]") for place, item in enumerate(self._items(name, most))]

    def prefixes(self, name: str, most: int = 20_000) -> tuple[str, ...]:
        """A list of E.164 prefixes in digits; empty when absent."""
        items = self._items(name, most)
        for place, item in enumerate(items):
            if not isinstance(item, str) or not _PREFIX.fullmatch(item):
                raise InvalidValue(
                    "This is not a prefix.",
                    field=f"{self.where(name)}[{place}]",
                    value=item,
                    remedy="Write 1 to 15 digits in international form, without + or 00.",
                )
        return tuple(items)

    def wholes(self, name: str, least: int, most: int) -> tuple[int, ...]:
        """A list of whole numbers, each once; empty when absent."""
        items = self._items(name, most - least + 1)
        for place, item in enumerate(items):
            is_whole = isinstance(item, int) and not isinstance(item, bool)
            if not is_whole or not least <= item <= most or item in items[:place]:
                raise InvalidValue(
                    "This is no number that may stand here, or stands here twice.",
                    field=f"{self.where(name)}[{place}]",
                    value=item,
                    remedy=f"Write whole numbers from {least} to {most}, each once.",
                )
        return tuple(items)

    def words(self, name: str, choices: tuple[str, ...]) -> tuple[str, ...]:
        """A list of known words, each once; empty when absent."""
        items = self._items(name, len(choices))
        if len(set(map(str, items))) != len(items) or any(item not in choices for item in items):
            raise self.refusal(
                name, "This list holds what is not known, or a word twice.", f"Use {', '.join(choices)}."
            )
        return tuple(items)

    def codes(self, name: str, most: int = 100) -> tuple[str, ...]:
        """A list of codes; empty when absent."""
        return self.matching(name, _CODE, most, "Use letters, digits and _ . : - (at most 64).")

    def matching(self, name: str, pattern: re.Pattern[str], most: int, remedy: str) -> tuple[str, ...]:
        """A list of texts of one form, each once; empty when absent."""
        items = self._items(name, most)
        for place, item in enumerate(items):
            if not isinstance(item, str) or not pattern.fullmatch(item) or item in items[:place]:
                raise InvalidValue(
                    "This is not of the form needed, or stands here twice.",
                    field=f"{self.where(name)}[{place}]",
                    value=item,
                    remedy=remedy,
                )
        return tuple(items)

    def rest(self) -> dict[str, object]:
        """All fields as they are, for objects whose names are data."""
        self._asked.update(self._data)
        return dict(self._data)

    def _items(self, name: str, most: int) -> list[Any]:
        if not self.has(name):
            return []
        items = self._data[name]
        if not isinstance(items, list | tuple) or len(items) > most:
            raise self.refusal(name, "A list is needed.", f"Send a list of at most {most} items.")
        return list(items)

    def finish(self) -> None:
        """Refuse what nobody asked for: a misspelt field must not become a silent default."""
        for name in self._data:
            if name not in self._asked:
                raise self.refusal(
                    name,
                    "This field is not known here.",
                    f"Remove it, or use one of: {', '.join(sorted(self._asked))}.",
                )


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def has_at_most(decimals: int, number: Decimal) -> bool:
    """True when a decimal below 10**12 has no more decimals than this (idle zeros do not count)."""
    return number == number.quantize(Decimal(1).scaleb(-decimals))


def plain(number: Decimal, decimals: int = 6) -> str:
    """A decimal as a person writes it: no exponent, no idle zeros, cut after ``decimals`` places with "..." """
    if number == 0:
        return "0"
    written = f"{number.normalize():f}"
    whole, _, fraction = written.partition(".")
    return written if len(fraction) <= decimals else f"{whole}.{fraction[:decimals]}..."
