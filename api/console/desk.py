"""What the pages of usage, catalogue, policies and templates share: typed texts, places of mistakes, amounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from api.console.amounts import minor_of
from api.console.posted import Posted
from billing.domain.errors import InvalidValue, Refusal
from billing.services.catalogue_files.problems import CatalogueRefused
from billing.services.definition_text import LONGEST_TEXT

_AROUND = 2


@dataclass(frozen=True)
class ExcerptLine:
    """One line of a text around a mistake; ``is_wrong`` marks it."""

    number: int
    text: str
    is_wrong: bool


@dataclass(frozen=True)
class Mistake:
    """What is wrong at which line (0: the whole text) or cell, the way out, and the lines around it."""

    where: str
    says: str
    excerpt: Sequence[ExcerptLine] = ()


def mistakes_of(refusal: Refusal | None, text: str) -> Sequence[Mistake]:
    """Everything a refusal says about a text; nothing for a refusal that names no lines."""
    if not isinstance(refusal, CatalogueRefused):
        return ()
    lines = text.splitlines()
    found = [
        Mistake(one.where, f"{one.message} {one.remedy}".strip(), _excerpt(lines, one.line)) for one in refusal.problems
    ]
    if refusal.left_out:
        found.append(Mistake("more", f"{refusal.left_out} further problems are not shown."))
    return found


def _excerpt(lines: Sequence[str], line: int) -> Sequence[ExcerptLine]:
    if not 0 < line <= len(lines):
        return ()
    numbers = range(max(line - _AROUND, 1), min(line + _AROUND, len(lines)) + 1)
    return [ExcerptLine(number, lines[number - 1], number == line) for number in numbers]


def typed_text(posted: Posted, name: str, most: int = LONGEST_TEXT) -> str:
    """A text as it was typed, its lines ended as we write them. Raises InvalidValue when too long."""
    found = posted.data.get(name, "")
    text = (found if isinstance(found, str) else "").replace("\r\n", "\n")
    if len(text) > most:
        raise InvalidValue(f"This is {len(text)} characters long.", field=name, remedy=f"Write at most {most}.")
    return text


def typed_minor(values: Mapping[str, str], name: str, currency: str) -> int:
    """An amount written in whole units, in minor units. Raises InvalidValue."""
    return minor_of(values.get(name, ""), currency, name)


def typed_day(values: Mapping[str, str], name: str) -> date:
    """A date. Raises InvalidValue."""
    written = values.get(name, "").strip()
    try:
        return date.fromisoformat(written)
    except ValueError:
        remedy = "Write a date like 2027-03-01."
        raise InvalidValue("This is not a date.", field=name, value=written[:40], remedy=remedy) from None


def typed_whole(values: Mapping[str, str], name: str, least: int = 0, most: int = 2**31) -> int:
    """A whole number. Raises InvalidValue."""
    written = values.get(name, "").strip()
    if not written.isascii() or not written.isdigit() or not least <= int(written[:12]) <= most:
        remedy = f"Write a whole number from {least} to {most}."
        raise InvalidValue("This is not a number to use.", field=name, value=written[:40], remedy=remedy)
    return int(written)
