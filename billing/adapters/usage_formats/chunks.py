"""A text file by many lines at once, each of bounded length, with the numbers that reading line by line would give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from billing.adapters.usage_formats.lines import LONGEST_LINE_BYTES, Line, as_line
from billing.ports.usage import LARGEST_CHUNK, DecodedChunk, DecodedLine
from billing.ports.usage_columns import RecordColumns

_BLOCK_BYTES = 2**20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Block:
    """Lines without their ends; ``first`` is the number of the first one. One that is too long is cut behind the limit,
    which tells it from all others."""

    first: int
    lines: Sequence[bytes]

    def line(self, place: int) -> Line:
        """One line as reading line by line gives it."""
        part = self.lines[place]
        is_whole = len(part) <= LONGEST_LINE_BYTES
        return as_line(self.first + place, part[:LONGEST_LINE_BYTES], is_whole=is_whole)

    def after(self, place: int) -> Block:
        """The lines from this place on."""
        return Block(self.first + place, self.lines[place:])

    def texts(self) -> list[str]:
        """Every line's text; one that is not ASCII is a text that nobody takes for plain."""
        try:
            texts = b"\n".join(self.lines).decode("ascii").split("\n")
        except UnicodeDecodeError:
            texts = [part.decode("ascii", "ignore") if part.isascii() else "\x7f" for part in self.lines]
        return [text.rstrip("\r") for text in texts] if any("\r" in text for text in texts) else texts


def read_blocks(path: Path, size: int, most_bytes: int = LARGEST_CHUNK) -> Iterator[Block]:
    """The lines of a UTF-8 file by ``size``, or by fewer that have about ``most_bytes`` together: memory is bounded
    whatever the file holds."""
    number, waiting, held = 1, list[bytes](), 0
    for lines in _lines(path):
        waiting += lines
        held += sum(map(len, lines))
        while len(waiting) >= size or held >= most_bytes:
            yield Block(number, waiting[:size])
            number, waiting = number + len(waiting[:size]), waiting[size:]
            held = sum(map(len, waiting))
    if waiting:
        yield Block(number, waiting)


def _lines(path: Path) -> Iterator[list[bytes]]:
    with path.open("rb") as opened:
        rest = opened.read(len(_BYTE_ORDER_MARK)).removeprefix(_BYTE_ORDER_MARK)
        while block := opened.read(_BLOCK_BYTES):
            *lines, rest = (rest + block).split(b"\n")
            yield [line[: LONGEST_LINE_BYTES + 1] for line in lines] if _has_long(lines) else lines
            rest = rest[: LONGEST_LINE_BYTES + 1]
    if rest:
        yield [rest]


def _has_long(lines: Sequence[bytes]) -> bool:
    return max(map(len, lines), default=0) > LONGEST_LINE_BYTES


def chunk_of(
    block: Block,
    read_plain: Callable[[Sequence[str]], RecordColumns],
    is_row: Callable[[Line], bool],
    decode: Callable[[Line], DecodedLine],
) -> DecodedChunk:
    """A block as a chunk: what is not plain is decoded line by line, what is no record is left out."""
    texts = block.texts()
    plain = read_plain(texts)
    others = sorted(set(range(len(texts))) - set(plain.places))
    lines = {place: block.line(place) for place in others}
    rows = {place: line for place, line in lines.items() if is_row(line)}
    unusual = {place: decode(line) for place, line in rows.items()}
    numbers: Sequence[int] = range(block.first, block.first + len(texts))
    if len(rows) == len(lines):
        return DecodedChunk(len(texts), texts, numbers, plain, unusual)
    return _without_gaps(DecodedChunk(len(texts), texts, numbers, plain, unusual), lines.keys() - rows.keys())


def _without_gaps(chunk: DecodedChunk, left_out: set[int]) -> DecodedChunk:
    kept = [place for place in range(chunk.size) if place not in left_out]
    now: Mapping[int, int] = {place: number for number, place in enumerate(kept)}
    chunk.plain.places = [now[place] for place in chunk.plain.places]
    unusual = {now[place]: line for place, line in chunk.unusual.items()}
    raw, numbers = [chunk.raw[place] for place in kept], [chunk.line_numbers[place] for place in kept]
    return DecodedChunk(len(kept), raw, numbers, chunk.plain, unusual)
