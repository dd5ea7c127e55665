"""ASN.1 definitions as reading tables: which tag is which field, and how its value is written.

The definitions are pycrate's; the values are read here from the tree of a record. A field in another order than
defined, or one that a newer release added, then hides no other field: pycrate's own decoder stops at it and
leaves out what follows, which would bill a volume as nothing. Reading shares no state, so files are read in parallel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from billing.adapters.usage_formats.ber import Node, Tag
from billing.adapters.usage_formats.values import Damaged

_LONGEST_INTEGER_BYTES = 16
Reader = Callable[[Node, str], Any]


class Layouts:
    """Readers by ASN.1 type, made when first needed."""

    def __init__(self) -> None:
        self._readers: dict[int, Reader] = {}

    def reader(self, definition: Any) -> Reader:
        """What reads a node of this type, given the node and the name of its field. Raises Damaged."""
        known = self._readers.get(id(definition))
        if known is None:
            known = self._readers[id(definition)] = self._make(definition)
        return known

    def _make(self, definition: Any) -> Reader:
        if definition is None:  # a list whose items the definitions leave open
            return _octets
        kind = definition.TYPE
        if kind in ("SEQUENCE", "SET"):
            return _Fields(definition, self)
        if kind == "CHOICE":
            return _Choice(definition, self)
        if kind in ("SEQUENCE OF", "SET OF"):
            return _Items(definition, self)
        if kind == "ENUMERATED":
            return _Enumerated(definition)
        return _SIMPLE.get(kind, _octets)


class _Fields:
    """A SEQUENCE or SET as a dict of the fields that are known, in whatever order they come."""

    def __init__(self, definition: Any, layouts: Layouts) -> None:
        self._layouts = layouts
        self._definitions: Mapping[Tag, tuple[str, Any]] = {
            tag: (name, field) for name, field in definition._cont.items() for tag in _tags_of(field)
        }
        self._fields: dict[Tag, tuple[str, Reader]] = {}

    def __call__(self, node: Node, name: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for child in _children(node, name):
            known = self._fields.get(child.tag) or self._field(child.tag)
            if known is None:
                continue
            field, read = known
            if field in values:
                raise Damaged(field, f"The field {field} occurs twice.")
            values[field] = read(child, field)
        return values

    def _field(self, tag: Tag) -> tuple[str, Reader] | None:
        """The field with a tag; what is no field is looked up each time, so that no file fills the memory."""
        defined = self._definitions.get(tag)
        if defined is None:
            return None
        name, definition = defined
        known = self._fields[tag] = (name, self._layouts.reader(definition))
        return known


class _Choice:
    """A CHOICE as (name, value); one that this release does not know as ("", None)."""

    def __init__(self, definition: Any, layouts: Layouts) -> None:
        self._layouts = layouts
        self._is_tagged = bool(definition._tagc)
        self._choices: Mapping[Tag, tuple[str, Any]] = {
            tag: (name, choice) for name, choice in definition._cont.items() for tag in _tags_of(choice)
        }

    def __call__(self, node: Node, name: str) -> tuple[str, Any]:
        if self._is_tagged:
            inside = _children(node, name)
            if len(inside) != 1:
                raise Damaged(name, f"The field {name} has {len(inside)} alternatives instead of one.")
            node = inside[0]
        known = self._choices.get(node.tag)
        if known is None:
            return "", None
        choice, definition = known
        return choice, self._layouts.reader(definition)(node, choice)


class _Items:
    """A list of values of one type."""

    def __init__(self, definition: Any, layouts: Layouts) -> None:
        self._layouts = layouts
        self._item = definition._cont

    def __call__(self, node: Node, name: str) -> list[Any]:
        read = self._layouts.reader(self._item)
        return [read(child, name) for child in _children(node, name)]


class _Enumerated:
    """The name of the value, or its number as text when this release does not know it."""

    def __init__(self, definition: Any) -> None:
        self._names: Mapping[int, str] = {number: name for name, number in definition._cont.items()}

    def __call__(self, node: Node, name: str) -> str:
        number = _integer(node, name)
        return self._names.get(number, str(number))


def _tags_of(definition: Any) -> Sequence[Tag]:
    """The tags a field can start with: its own, or those of its alternatives."""
    if definition._tagc:
        return [definition._tagc[0]]
    if definition.TYPE == "CHOICE":
        return [tag for choice in definition._cont.values() for tag in _tags_of(choice)]
    return []


def _children(node: Node, name: str) -> tuple[Node, ...]:
    if node.children is None:
        raise Damaged(name, f"The field {name} should contain other fields.")
    return node.children


def _octets(node: Node, name: str) -> bytes:
    """An octet string, whole or in pieces."""
    if node.children is None:
        return node.value
    return b"".join(_octets(child, name) for child in node.children)


def _text(node: Node, name: str) -> str:
    return _octets(node, name).decode("utf-8", "backslashreplace")


def _integer(node: Node, name: str) -> int:
    if node.children is not None or not 1 <= len(node.value) <= _LONGEST_INTEGER_BYTES:
        raise Damaged(name, f"The field {name} is not a whole number.")
    return int.from_bytes(node.value, "big", signed=True)


def _boolean(node: Node, name: str) -> bool:
    return _integer(node, name) != 0


def _null(node: Node, name: str) -> bool:
    return True


_SIMPLE: Mapping[str, Reader] = {
    "INTEGER": _integer,
    "BOOLEAN": _boolean,
    "NULL": _null,
    "IA5String": _text,
    "UTF8String": _text,
    "GraphicString": _text,
    "VisibleString": _text,
    "PrintableString": _text,
    "NumericString": _text,
    "GeneralizedTime": _text,
    "UTCTime": _text,
}
