"""XML from the inside out: elements of what they hold, left out when there is nothing in them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from xml.etree.ElementTree import Element, register_namespace, tostring

from billing.domain.money import Money

Part = Element | str | None


class Elements:
    """Makes elements by prefixed name; ``namespaces`` by prefix, the empty one for the root's own."""

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self._namespaces = namespaces

    def __call__(self, name: str, *parts: Part, **attributes: str) -> Element | None:
        """An element with attributes and children or text; None when all of its parts are nothing."""
        filled = [part for part in parts if part is not None and part != ""]
        if parts and not filled:
            return None
        prefix, _, local = name.rpartition(":")
        element = Element(f"{{{self._namespaces[prefix]}}}{local}", attributes)
        for part in filled:
            if isinstance(part, str):
                element.text = _allowed(part)
            else:
                element.append(part)
        return element

    def document(self, name: str, *parts: Part) -> bytes:
        """The whole document as UTF-8."""
        for prefix, namespace in self._namespaces.items():
            register_namespace(prefix, namespace)
        root = self(name, *parts)
        if root is None:
            raise ValueError("a document without content")
        return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def amount(minor: int, currency: str) -> str:
    """Minor units as decimal text, with the currency's own number of places."""
    return f"{Money(minor, currency).decimal:f}"


def percentage(percent: Decimal) -> str:
    """A percentage without idle zeros."""
    return f"{percent.normalize():f}"


def _allowed(text: str) -> str:
    """What XML 1.0 can hold of a text; the rest is left out."""
    return "".join(letter for letter in text if letter in "\t\n\r" or letter >= " ").replace("\ufffe", "")
