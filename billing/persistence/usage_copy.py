"""Columns to PostgreSQL by COPY: the fastest way in, and one statement whatever the size of the batch."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import psycopg
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncConnection

# An instant as PostgreSQL reads it quickest.
_INSTANT = "%Y-%m-%d %H:%M:%S%.6f+00"


class Constant:
    """A column with one value in every row."""

    def __init__(self, value: Any) -> None:
        self.value = value


async def driver_of(connection: AsyncConnection) -> psycopg.AsyncConnection[Any]:
    """The driver's own connection, within the transaction of the statements before."""
    raw = await connection.get_raw_connection()
    driver: psycopg.AsyncConnection[Any] | None = raw.driver_connection
    assert driver is not None
    return driver


def as_csv(frame: pl.DataFrame) -> bytes:
    """A frame as CSV without a header; null is an unquoted empty field."""
    buffer = io.BytesIO()
    frame.write_csv(buffer, include_header=False, datetime_format=_INSTANT)
    return buffer.getvalue()


def frame_of(columns: Mapping[str, Sequence[Any] | Constant]) -> pl.DataFrame:
    """Lists as a frame; constants fill their column. At least one column is a list."""
    kept = {name: values if isinstance(values, Constant) else _same(values) for name, values in columns.items()}
    lists = {name: values for name, values in kept.items() if not isinstance(values, Constant)}
    size = next((len(values) for values in columns.values() if not isinstance(values, Constant)), 0)
    frame = pl.DataFrame(lists, strict=False, infer_schema_length=None, height=size)
    constants = [pl.lit(each.value).alias(name) for name, each in kept.items() if isinstance(each, Constant)]
    return frame.with_columns(constants).select(list(columns))


def _same(values: Sequence[Any]) -> Sequence[Any] | Constant:
    """A column of one text as a constant: counting equal texts costs a tenth of carrying each over."""
    if isinstance(values, list) and values and isinstance(values[0], str) and values.count(values[0]) == len(values):
        return Constant(values[0])
    return values


async def copy_in(connection: AsyncConnection, table: str, frame: pl.DataFrame, texts: Sequence[str]) -> None:
    """Append a frame to a table. ``texts`` are its columns that may be empty and are never null."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, FORCE_NOT_NULL ({}))").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, frame.columns)),
        sql.SQL(", ").join(map(sql.Identifier, texts)),
    )
    driver = await driver_of(connection)
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(as_csv(frame))
