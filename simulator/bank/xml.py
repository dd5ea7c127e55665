"""Reading and writing the bank's messages, without regard to the version's namespace."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)


class Message:
    """A document being written: ``add(parent, "Refs/EndToEndId", text)`` makes the elements of a path."""

    def __init__(self, version: str, name: str) -> None:
        self._namespace = f"urn:iso:std:iso:20022:tech:xsd:{version}"
        default: Any = {None: self._namespace}
        self.document = etree.Element(self._tag("Document"), nsmap=default)
        self.root = self.add(self.document, name)

    def _tag(self, name: str) -> str:
        return f"{{{self._namespace}}}{name}"

    def add(self, parent: etree._Element, path: str, text: str | None = None) -> etree._Element:
        """New elements for each name of the path; the last one holds the text."""
        for name in path.split("/"):
            parent = etree.SubElement(parent, self._tag(name))
        parent.text = text
        return parent

    def amount(self, parent: etree._Element, path: str, minor: int) -> None:
        """An amount of euros, never signed."""
        self.add(parent, path, decimal(minor)).set("Ccy", "EUR")

    def as_text(self) -> str:
        """The document, with its declaration."""
        return etree.tostring(self.document, xml_declaration=True, encoding="UTF-8", pretty_print=True).decode()


def decimal(minor: int) -> str:
    """Cents as an amount without a sign."""
    return f"{Decimal(abs(minor)).scaleb(-2):.2f}"


def minor(text: str) -> int | None:
    """An amount as cents; None when it is none, or has parts of a cent."""
    try:
        cents = Decimal(text).scaleb(2)
    except InvalidOperation:
        return None
    return int(cents) if cents == cents.to_integral_value() else None


def text(element: etree._Element, path: str) -> str:
    """The text at a path of local names; empty when there is none."""
    found = next(every(element, path), None)
    return "" if found is None else (found.text or "").strip()


def every(element: etree._Element, path: str) -> Iterator[etree._Element]:
    """The elements at a path of local names."""
    name, _, rest = path.partition("/")
    for child in element:
        if isinstance(child.tag, str) and etree.QName(child).localname == name:
            if rest:
                yield from every(child, rest)
            else:
                yield child
