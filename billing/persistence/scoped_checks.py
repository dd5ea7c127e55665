"""A rule's query, asked of some accounts alone: each table it names stands for those accounts' rows of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.columns import metadata

_RANGE = "account_id BETWEEN :first AND :last"
_SET = "account_id = ANY(CAST(:accounts AS bigint[]))"


@dataclass(frozen=True)
class ScopedQuery:
    """A query over tables of accounts. A table's name within a common table expression of that name is the table."""

    statement: str

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The tables it names whose rows belong to accounts."""
        owned = (each.name for each in metadata.sorted_tables if "account_id" in each.c)
        return tuple(sorted(each for each in owned if re.search(rf"\b{each}\b", self.statement)))

    async def everywhere(self, connection: AsyncConnection) -> Sequence[Row[Any]]:
        """All rows it finds."""
        return (await connection.execute(text(self.statement))).all()

    async def in_range(self, connection: AsyncConnection, first: int, last: int) -> Sequence[Row[Any]]:
        """What it finds of the accounts from ``first`` to ``last``."""
        return (await connection.execute(text(self._within(_RANGE)), {"first": first, "last": last})).all()

    async def among(self, connection: AsyncConnection, accounts: Sequence[int]) -> Sequence[Row[Any]]:
        """What it finds of these accounts."""
        return (await connection.execute(text(self._within(_SET)), {"accounts": list(accounts)})).all()

    def _within(self, condition: str) -> str:
        scoped = ", ".join(
            f"{name} AS NOT MATERIALIZED (SELECT * FROM {name} WHERE {condition})" for name in self.tables
        )
        inner = self.statement.strip()
        begins_so = inner[:5].upper() == "WITH "
        return f"WITH {scoped}, {inner[5:]}" if begins_so else f"WITH {scoped} {inner}"
