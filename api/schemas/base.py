"""What every schema of the API shares."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

FIRST_YEAR, LAST_YEAR = 2000, 2199
DEEPEST = 32


def _iso_text(value: Any) -> Any:
    """0 is not the first of January 1970, nor is "0"."""
    if (isinstance(value, str) and value.strip()[4:5] != "-") or isinstance(value, int | float):
        raise ValueError("write it in ISO 8601, like 2027-03-20")
    return value


def _in_calendar(day: date) -> date:
    """Beyond these years the calendars of banks and zones say nothing."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"use a year from {FIRST_YEAR} to {LAST_YEAR}")
    return day


def _exact_text(value: Any) -> Any:
    """A JSON fraction is a binary float, and not the amount that was meant."""
    if isinstance(value, bool | float):
        raise ValueError('write it as text, like "0.12"')
    return value


# JSON has no dates and no exact decimals of its own: they are read from text.
Day = Annotated[date, Field(strict=False), BeforeValidator(_iso_text), AfterValidator(_in_calendar)]
Instant = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_iso_text), AfterValidator(_in_calendar)]
Exact = Annotated[Decimal, Field(strict=False), BeforeValidator(_exact_text)]


class Unkeepable(ValueError):
    """What no column keeps, at a ``place`` within the body: names and numbers from the outside in."""

    def __init__(self, message: str, place: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.place = place


def identity_pattern(prefix: str, *, optional: bool = False) -> str:
    """The form of an identity, ``acc_1042``, as billing.domain.identity reads it."""
    written = f"{prefix}_(0|[1-9][0-9]{{0,17}})"
    return f"^({written})?$" if optional else f"^{written}$"


class Request(BaseModel):
    """A request body, read strictly: true is no number, "5" is none either, and no unknown field is ignored."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _only_what_can_be_kept(cls, data: Any) -> Any:
        """PostgreSQL keeps any text but U+0000 and halves of characters, and nobody means a hundred levels."""
        refuse_unkeepable(data)
        return data


class Response(BaseModel):
    """An answer, read from the attributes of a record."""

    model_config = ConfigDict(from_attributes=True)


def refuse_unkeepable(data: Any, place: tuple[str, ...] = ()) -> None:
    """Raises Unkeepable with the place of a text that is none, or of what is nested too deep."""
    if isinstance(data, str) and not _is_keepable(data):
        message = "holds U+0000 or half of a character, which cannot be kept"
        raise Unkeepable(message, place)
    if len(place) > DEEPEST:
        raise Unkeepable("is nested too deep", place[:3])
    for name, value in _parts(data):
        refuse_unkeepable(name, place)
        refuse_unkeepable(value, (*place, str(name)))


def _parts(data: Any) -> Iterable[tuple[Any, Any]]:
    """What an object or a list of plain JSON holds, by name or place."""
    if isinstance(data, dict):
        return data.items()
    return enumerate(data) if isinstance(data, list) else ()


def _is_keepable(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:  # JSON may write half of a surrogate pair: "\\ud800"
        return False
