"""XML by local names: banks' files differ in their namespaces, prefixes and wrappers, and never in these names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from billing.domain.errors import InvalidValue
from billing.domain.money import minor_digits

LARGEST_FILE_BYTES = 64 * 2**20
DEEPEST = 40
LONGEST_TEXT = 1000
_PIECE_BYTES = 256 * 1024
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{0,5})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_REMEDY = "Ask the bank for the file again; nothing of it was taken."


class NotABankFile(InvalidValue):
    """The bytes are no file of a bank that can be read; nothing of it is kept."""

    def __init__(self, message: str, *, field: str = "file", value: object = "", remedy: str = _REMEDY) -> None:
        super().__init__(message, field=field, value=str(value)[:200], remedy=remedy)


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def namespace(element: Element) -> str:
    """The namespace of an element; empty for none."""
    return element.tag[1:].rpartition("}")[0] if element.tag.startswith("{") else ""


def walk(opened: BinaryIO) -> Iterator[tuple[str, Element, tuple[Element, ...]]]:
    """``start`` and ``end`` of every element with the elements around it, the outermost first.

    Raises NotABankFile for what is no XML, brings definitions of its own, is nested too deep, or is too large.
    """
    around: list[Element] = []
    try:
        for event, element in iterparse(_Bounded(opened), events=("start", "end"), forbid_dtd=True):
            if event == "end":
                around.pop()
            yield event, element, tuple(around)
            if event == "start":
                around.append(element)
                if len(around) > DEEPEST:
                    raise NotABankFile(f"Elements are nested deeper than {DEEPEST}.", field=local_name(element))
    except ParseError as error:
        raise NotABankFile(f"The file is not XML, or was cut off: {error}.") from None
    except DefusedXmlException:
        raise NotABankFile(
            "The file brings its own definitions (a DOCTYPE or an ENTITY), which are never read.", field="DOCTYPE"
        ) from None
    except (LookupError, UnicodeError, ValueError) as error:
        if isinstance(error, InvalidValue):
            raise
        raise NotABankFile(f"The encoding of the file cannot be read: {error}.", field="encoding") from None


class _Bounded:
    """A file that ends in a refusal when it goes on for too long."""

    def __init__(self, opened: BinaryIO) -> None:
        self._opened = opened
        self._read = 0

    def read(self, _size: int = -1) -> bytes:
        piece = self._opened.read(_PIECE_BYTES)
        self._read += len(piece)
        if self._read > LARGEST_FILE_BYTES:
            raise NotABankFile(
                "The file is too large.", value=f"more than {LARGEST_FILE_BYTES} bytes", remedy="Ask for smaller files."
            )
        return piece


def children(element: Element | None, name: str) -> list[Element]:
    """The child elements of a name."""
    return [] if element is None else [one for one in element if local_name(one) == name]


def find(element: Element | None, *path: str) -> Element | None:
    """The first element down a path of names."""
    for name in path:
        element = next(iter(children(element, name)), None)
    return element


def text_of(element: Element | None, *path: str) -> str:
    """The text at a path, its blanks as one; empty when there is none, cut where it is longer than a name can be."""
    found = find(element, *path)
    return (
        "" if found is None or found.text is None else " ".join(found.text[: LONGEST_TEXT * 2].split())[:LONGEST_TEXT]
    )


def code_of(element: Element | None, *path: str) -> str:
    """A code written as text, as <Cd> or as <Prtry>, as the versions differ."""
    return text_of(element, *path) or text_of(element, *path, "Cd") or text_of(element, *path, "Prtry")


def minor_of(element: Element, currency: str) -> int:
    """The amount of an element as minor units of its currency, exactly. Raises NotABankFile."""
    written, name = (element.text or "").strip(), local_name(element)
    if not _AMOUNT.fullmatch(written):
        raise NotABankFile("This is no amount of money.", field=name, value=written)
    minor = Decimal(written).scaleb(minor_digits(currency))
    if minor != minor.to_integral_value():
        raise NotABankFile(f"{currency} has no such fractions.", field=name, value=written)
    return int(minor)


def currency_of(element: Element) -> str:
    """The currency of an amount. Raises NotABankFile."""
    currency = element.get("Ccy", "")
    if not _CURRENCY.fullmatch(currency):
        raise NotABankFile("An amount has no currency.", field=f"{local_name(element)}/@Ccy", value=currency)
    return currency


def is_credit(element: Element, otherwise: bool | None = None) -> bool:
    """The sign of an entry, a detail or a balance. Raises NotABankFile where it is not said."""
    written = text_of(element, "CdtDbtInd")
    if written in ("CRDT", "DBIT"):
        return written == "CRDT"
    if not written and otherwise is not None:
        return otherwise
    raise NotABankFile("It is not said whether this is a credit or a debit.", field="CdtDbtInd", value=written)


def day_of(element: Element | None, *path: str) -> date | None:
    """A date, or the date of an instant as the bank wrote it; None for none. Raises NotABankFile."""
    written = text_of(element, *path, "Dt") or text_of(element, *path, "DtTm")
    if not written:
        return None
    try:
        return (
            date.fromisoformat(written) if len(written) == len("2027-01-31") else datetime.fromisoformat(written).date()
        )
    except ValueError:
        try:
            return date.fromisoformat(written[:10])  # a date with a zone
        except ValueError:
            raise NotABankFile("This is no date.", field=path[-1] if path else "Dt", value=written) from None


def number_of(element: Element | None, *path: str) -> int | None:
    """A whole number of at most eighteen digits; None for none. Raises NotABankFile."""
    written = text_of(element, *path)
    if not written:
        return None
    if not re.fullmatch("[0-9]{1,18}", written, re.ASCII):
        raise NotABankFile("This is no whole number.", field=path[-1], value=written)
    return int(written)
