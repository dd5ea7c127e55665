"""A list as a CSV file, sent row by row while it is read, that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from datetime import datetime

from starlette.responses import Response, StreamingResponse

# A cell that begins with one of these is calculated by spreadsheets (OWASP: CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
ROWS_AT_ONCE = 200


def cell(value: object) -> str:
    """One value as text: numbers as they are, instants in ISO 8601, and text that a spreadsheet leaves alone."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA_STARTS) else text


def csv_answer(
    name: str, header: Sequence[str], rows: AsyncIterable[Sequence[object]] | Iterable[Sequence[object]]
) -> Response:
    """A file ``name.csv`` in UTF-8 with a byte order mark, as spreadsheets expect it."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(_written(header, rows), media_type="text/csv; charset=utf-8", headers=headers)


async def _written(
    header: Sequence[str], rows: AsyncIterable[Sequence[object]] | Iterable[Sequence[object]]
) -> AsyncIterator[bytes]:
    waiting = io.StringIO()
    writer = csv.writer(waiting)
    writer.writerow(header)
    yield b"\xef\xbb\xbf"
    number = 0
    async for row in _one_by_one(rows):
        writer.writerow([cell(value) for value in row])
        number += 1
        if number % ROWS_AT_ONCE == 0:
            yield _taken(waiting)
    yield _taken(waiting)


def _taken(waiting: io.StringIO) -> bytes:
    text = waiting.getvalue()
    waiting.seek(0)
    waiting.truncate()
    return text.encode()


async def _one_by_one(
    rows: AsyncIterable[Sequence[object]] | Iterable[Sequence[object]],
) -> AsyncIterator[Sequence[object]]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row
