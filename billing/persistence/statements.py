"""Small helpers that turn rows into the frozen records of the ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar, Protocol, TypeVar

from sqlalchemy import Executable, Table, insert
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


Record = TypeVar("Record", bound=_Dataclass)


def as_record(kind: type[Record], row: Row[Any]) -> Record:
    """The row as ``kind``; columns the record does not have are left out."""
    values = row._mapping
    return kind(**{field.name: values[field.name] for field in fields(kind) if field.name in values})


async def fetch_one(connection: AsyncConnection, kind: type[Record], statement: Executable) -> Record | None:
    """The first row as a record, or None."""
    row = (await connection.execute(statement)).first()
    return None if row is None else as_record(kind, row)


async def fetch_all(connection: AsyncConnection, kind: type[Record], statement: Executable) -> Sequence[Record]:
    """All rows as records."""
    result = await connection.execute(statement)
    known = set(result.keys())
    names = [field.name for field in fields(kind) if field.name in known]
    return [kind(**{name: row._mapping[name] for name in names}) for row in result]


async def insert_returning(
    connection: AsyncConnection, kind: type[Record], table: Table, values: Mapping[str, Any]
) -> Record:
    """Insert one row and return it as the database stored it."""
    row = (await connection.execute(insert(table).values(**values).returning(*table.c))).one()
    return as_record(kind, row)
