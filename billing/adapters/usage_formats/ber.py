"""BER as files hold it: elements are found one by one in bounded memory, and a record becomes a tree in one pass.

Both length forms are read, nested to a bounded depth; what cannot be framed is said with its place and its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

LONGEST_RECORD_BYTES = 256 * 1024
DEEPEST = 32
INDEFINITE = -1
FILLERS = b"\x00\xff"
_WINDOW_BYTES = 1024 * 1024
_LONGEST_HEADER_BYTES = 16
_LONGEST_TAG_BYTES = 4
_LONGEST_LENGTH_BYTES = 8
_END_OF_CONTENTS = (0, 0)

Tag = tuple[int, int]


class BrokenFraming(Exception):
    """Where the bytes stop being BER (from 0), and why."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"At byte {position}: {reason}")
        self.position = position
        self.reason = str(self)


class Element(NamedTuple):
    """``tag`` is (class, number); the value lies from ``start`` to ``end``; ``next`` is what follows."""

    tag: Tag
    is_constructed: bool
    at: int
    start: int
    end: int
    next: int
    is_indefinite: bool = False


class Node(NamedTuple):
    """An element of a record: ``value`` of a primitive one, ``children`` of a constructed one."""

    tag: Tag
    value: bytes = b""
    children: tuple[Node, ...] | None = None


def read_header(data: bytes, at: int, offset: int = 0) -> tuple[Tag, bool, int, int]:
    """Tag, whether constructed, length (INDEFINITE when it has none) and where the value starts.

    ``offset`` is the place of ``data`` in its file, for the message. Raises BrokenFraming.
    """
    try:
        lead = data[at]
        if lead & 0x1F != 0x1F:
            tag, start = (lead >> 6, lead & 0x1F), at + 1
        else:
            tag, start = _read_long_tag(data, at, offset)
        is_constructed = bool(lead & 0x20)
        first = data[start]
        if first < 0x80:
            return tag, is_constructed, first, start + 1
        if first == 0x80:
            if not is_constructed:
                raise BrokenFraming(offset + at, "A primitive element has no length.")
            return tag, is_constructed, INDEFINITE, start + 1
        size = first & 0x7F
        if size > _LONGEST_LENGTH_BYTES:
            raise BrokenFraming(offset + at, f"A length of {size} bytes is beyond measure.")
        if len(data) < start + 1 + size:
            raise IndexError
        return tag, is_constructed, int.from_bytes(data[start + 1 : start + 1 + size], "big"), start + 1 + size
    except IndexError:
        raise BrokenFraming(offset + at, "The data ends inside an element's tag or length.") from None


def _read_long_tag(data: bytes, at: int, offset: int) -> tuple[Tag, int]:
    """A tag whose number is in the bytes behind the first one."""
    number, start = 0, at + 1
    while True:
        part = data[start]
        start += 1
        number = number << 7 | part & 0x7F
        if not part & 0x80:
            return (data[at] >> 6, number), start
        if start - at > _LONGEST_TAG_BYTES:
            raise BrokenFraming(offset + at, "A tag is longer than any that is in use.")


def read_tree(data: bytes) -> Node:
    """One whole element with everything in it. Raises BrokenFraming, also when bytes are left over."""
    node, end = _read_node(data, 0, len(data), 0)
    if data[end:].strip(FILLERS):
        raise BrokenFraming(end, f"{len(data) - end} bytes follow the end of the record.")
    return node


def _read_node(data: bytes, at: int, limit: int, depth: int) -> tuple[Node, int]:
    if depth > DEEPEST:
        raise BrokenFraming(at, f"Elements are nested deeper than {DEEPEST}.")
    tag, is_constructed, length, start = read_header(data, at)
    end = limit if length == INDEFINITE else start + length
    if end > limit or start > limit:
        raise BrokenFraming(at, f"An element claims {length} bytes where {max(0, limit - start)} are left.")
    if not is_constructed:
        return Node(tag, data[start:end]), end
    children: list[Node] = []
    at = start
    while at < end:
        child, at = _read_node(data, at, end, depth + 1)
        if length == INDEFINITE and child.tag == _END_OF_CONTENTS and not child.value:
            return Node(tag, b"", tuple(children)), at
        children.append(child)
    if length == INDEFINITE:
        raise BrokenFraming(start, "An element of indefinite length has no end.")
    return Node(tag, b"", tuple(children)), end


class BerFile:
    """A file whose elements are found without reading what is in them. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self._opened: BinaryIO = path.open("rb")
        self.size = path.stat().st_size
        self._window = b""
        self._window_at = 0

    def __enter__(self) -> BerFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def read(self, at: int, count: int) -> bytes:
        """``count`` bytes from ``at``, fewer at the end of the file."""
        if at >= self.size:
            return b""
        start = at - self._window_at
        if start < 0 or start + count > len(self._window):
            self._opened.seek(at)
            self._window = self._opened.read(max(count, _WINDOW_BYTES))
            self._window_at, start = at, 0
        return self._window[start : start + count]

    def tag_at(self, at: int) -> tuple[Tag, bool]:
        """The tag at a place, and whether its element is constructed. Raises BrokenFraming."""
        tag, is_constructed, _, _ = read_header(self.read(at, _LONGEST_HEADER_BYTES), 0, at)
        return tag, is_constructed

    def element_at(self, at: int, limit: int | None = None, longest: int | None = None) -> Element:
        """The element at a place; ``limit`` is where its parent ends, ``longest`` how many bytes it may have.

        One of indefinite length is followed to its end. Raises BrokenFraming.
        """
        limit = self.size if limit is None else limit
        head = self.read(at, min(_LONGEST_HEADER_BYTES, max(0, limit - at)))
        tag, is_constructed, length, start = read_header(head, 0, at)
        start += at
        if length == INDEFINITE:
            end = self._end_of_indefinite(start, limit if longest is None else min(limit, start + longest))
            return Element(tag, is_constructed, at, start, end, end + 2, True)
        end = start + length
        if end > limit:
            raise BrokenFraming(at, f"An element claims {length} bytes where {max(0, limit - start)} are left.")
        return Element(tag, is_constructed, at, start, end, end)

    def open_at(self, at: int, limit: int | None = None) -> Element:
        """As ``element_at``, but one of indefinite length is not followed: its end is the limit."""
        limit = self.size if limit is None else limit
        head = self.read(at, min(_LONGEST_HEADER_BYTES, max(0, limit - at)))
        tag, is_constructed, length, start = read_header(head, 0, at)
        if length == INDEFINITE:
            return Element(tag, is_constructed, at, at + start, limit, limit, True)
        return self.element_at(at, limit)

    def children(self, parent: Element) -> Iterator[Element]:
        """The elements in a constructed one, in order, up to its end or its end-of-contents mark."""
        at = parent.start
        while at < parent.end:
            child = self.element_at(at, parent.end)
            if child.tag == _END_OF_CONTENTS and child.start == child.end:
                return
            yield child
            at = child.next

    def whole(self, element: Element) -> bytes:
        """The bytes of an element, its header included."""
        return self.read(element.at, element.next - element.at)

    def after_fillers(self, at: int) -> int:
        """The first place from ``at`` that holds something else than a filler byte; the size when there is none."""
        while at < self.size:
            part = self.read(at, 4096)
            rest = part.lstrip(FILLERS)
            at += len(part) - len(rest)
            if rest:
                return at
        return self.size

    def _end_of_indefinite(self, at: int, limit: int) -> int:
        """Where the end-of-contents mark is; the elements between are stepped over."""
        depth, start_at = 0, at
        while at < limit:
            head = self.read(at, min(_LONGEST_HEADER_BYTES, limit - at))
            tag, _, length, start = read_header(head, 0, at)
            if tag == _END_OF_CONTENTS and length == 0:
                if depth == 0:
                    return at
                depth -= 1
            elif length == INDEFINITE:
                depth += 1
                if depth > DEEPEST:
                    raise BrokenFraming(at, f"Elements are nested deeper than {DEEPEST}.")
                at += start
                continue
            at += start + max(0, length)
        raise BrokenFraming(start_at, "An element of indefinite length has no end.")
