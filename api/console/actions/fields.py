"""The fields of a command's form: what is shown, and what the command's model gets of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from api.console.amounts import minor_of
from api.console.posted import Posted
from api.container import Container
from billing.domain.errors import InvalidValue
from billing.ports.accounts import Account, Brand

Options = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Ground:
    """The account that a form is about. ``chosen`` is what the address or the form chose so far."""

    container: Container
    account: Account
    brand: Brand
    chosen: Mapping[str, str]

    @property
    def account_id(self) -> str:
        return self.account.account_id

    @property
    def currency(self) -> str:
        return self.brand.currency


@dataclass(frozen=True)
class Field:
    """One field. ``kind`` is text, area, money, day, instant, whole, choice, tick or many.

    ``choices`` read the options from the account; ``empty`` is the words of an option for nothing.
    """

    name: str
    label: str
    kind: str = "text"
    hint: str = ""
    required: bool = False
    options: Options = ()
    choices: Callable[[Ground], Awaitable[Options]] | None = None
    empty: str = ""
    value: str = ""


@dataclass(frozen=True)
class ShownField:
    """A field with the options it has for this account."""

    field: Field
    options: Options


async def shown(field: Field, ground: Ground) -> ShownField:
    """The field as the form shows it."""
    options = list(field.options if field.choices is None else await field.choices(ground))
    return ShownField(field, [("", field.empty), *options] if field.empty else options)


def read(fields: Sequence[Field], posted: Posted, ground: Ground) -> dict[str, object]:
    """What was filled in, as JSON has it; what was left open is left out. Raises InvalidValue naming the field."""
    found: dict[str, object] = {}
    for field in fields:
        value = _many(field, posted) if field.kind == "many" else _one(field, posted.text(field.name), ground)
        if value not in (None, "", []):
            found[field.name] = value
        elif field.required:
            raise InvalidValue("This is empty.", field=field.name, remedy="Fill it in.")
    return found


def _many(field: Field, posted: Posted) -> list[str]:
    return [value for value in posted.all(field.name) if value]


def _one(field: Field, text: str, ground: Ground) -> object:
    if not text:
        return None
    match field.kind:
        case "money":
            return minor_of(text, ground.currency, field.name)
        case "whole":
            return _whole(text, field.name)
        case "tick":
            return text == "true"
        case "instant":
            return _instant(text, ground.account.zone, field.name)
    return text


def _whole(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidValue("This is not a whole number.", field=name, value=text, remedy="Write it in digits.")
    return int(text)


def _instant(text: str, zone: str, name: str) -> str:
    """The local time of a browser's field, with the offset that the account's zone has then."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).isoformat()
    except ValueError:
        raise InvalidValue(
            "This is not a date with a time.", field=name, value=text, remedy="Write it like 2027-03-20T09:00."
        ) from None
