"""The work list of collections on PostgreSQL."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from billing.domain import identity
from billing.domain.errors import InvalidValue
from billing.domain.work_list import Sort, WorkFilter
from billing.persistence.work_list_days import read_choices, read_day_numbers
from billing.persistence.work_list_sql import FACTS, KEYS, SORTS, choice
from billing.ports.work_list import AccountFacts, DayNumbers, WorkChoices, WorkItem, WorkPage, WorkTotal

_AT_ONCE = 1000
_FORMS = {
    "bigint": re.compile(r"-?\d{1,18}"),
    "integer": re.compile(r"\d{1,9}"),
    "timestamptz": re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d+)?\+00"),
    "text": re.compile(r"[^\x00\ud800-\udfff]{0,400}"),
}
_PREFIXES = {"account_id": identity.ACCOUNT, "case_id": identity.CASE, "plan_id": identity.PAYMENT_PLAN}


class SqlWorkList:
    """Each call takes a connection of its own and writes nothing."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(self, wanted: WorkFilter, now: datetime, sort: str, after: str, limit: int) -> WorkPage:
        """Raises InvalidValue for an ``after`` that was not answered for this sort."""
        async with self._engine.connect() as connection:
            keys = await _keys(connection, wanted, now, sort, after, limit + 1)
            shown = keys[:limit]
            items = await _items(connection, shown, now)
        following = _token(sort, shown[-1]) if len(keys) > limit else None
        return WorkPage(items, following)

    async def totals(self, wanted: WorkFilter, now: datetime) -> Sequence[WorkTotal]:
        """By currency."""
        chosen = choice(wanted, now)
        query = (
            "SELECT w.currency, count(*) AS accounts, sum(w.unpaid_invoices)::bigint AS invoices, "
            f"sum(w.overdue_minor)::bigint AS overdue_minor {chosen.sql} GROUP BY w.currency ORDER BY w.currency"
        )
        async with self._engine.connect() as connection:
            rows = await connection.execute(text(query), chosen.values)
            return [WorkTotal(row.currency, row.accounts, row.invoices, row.overdue_minor) for row in rows]

    async def everything(self, wanted: WorkFilter, now: datetime) -> AsyncIterator[WorkItem]:
        """By account number."""
        after: str | None = ""
        while after is not None:
            page = await self.page(wanted, now, Sort.NUMBER, after, _AT_ONCE)
            for item in page.items:
                yield item
            after = page.next_after

    async def still_matching(self, wanted: WorkFilter, now: datetime, account_ids: Sequence[str]) -> set[str]:
        """Which of these accounts the filter chooses now."""
        chosen = choice(wanted, now, "w.account_id = ANY(:ids)")
        async with self._engine.connect() as connection:
            query = text(f"SELECT w.account_id {chosen.sql}")
            rows = await connection.execute(query, chosen.values | {"ids": _numbers(account_ids)})
            return {identity.show(identity.ACCOUNT, number) for number in rows.scalars()}

    async def facts(self, account_ids: Sequence[str], now: datetime) -> Mapping[str, AccountFacts]:
        """How these accounts stand, overdue or not."""
        async with self._engine.connect() as connection:
            return await _facts(connection, _numbers(account_ids), now)

    async def day_numbers(self, now: datetime) -> DayNumbers:
        """By the accounts' own dates."""
        async with self._engine.connect() as connection:
            return await read_day_numbers(connection, now)

    async def choices(self) -> WorkChoices:
        """Of brands, segments, policies and steps."""
        async with self._engine.connect() as connection:
            return await read_choices(connection)


async def _keys(
    connection: AsyncConnection, wanted: WorkFilter, now: datetime, sort: str, after: str, limit: int
) -> Sequence[Row[Any]]:
    key, kind = SORTS[_known_sort(sort).removeprefix("-")]
    compared, direction = ("<", "DESC") if sort.startswith("-") else (">", "ASC")
    more: tuple[str, ...] = ()
    values: dict[str, Any] = {}
    if after:
        place, number = _read_token(after, sort, kind)
        more = (f"({key}, w.account_id) {compared} (CAST(:after_key AS {kind}), :after_id)",)
        values = {"after_key": place, "after_id": number}
    chosen = choice(wanted, now, *more)
    ordered = f"ORDER BY {key} {direction}, w.account_id {direction} LIMIT {int(limit)}"
    query = f"SELECT {KEYS}, ({key})::text AS sort_key {chosen.sql} {ordered}"
    await connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
    return (await connection.execute(text(query), chosen.values | values)).all()


async def _items(connection: AsyncConnection, keys: Sequence[Row[Any]], now: datetime) -> list[WorkItem]:
    facts = await _facts(connection, [row.account_id for row in keys], now)
    return [
        WorkItem(
            facts[identity.show(identity.ACCOUNT, row.account_id)],
            row.currency,
            row.overdue_minor,
            row.unpaid_invoices,
            row.oldest_due_on,
            row.days_overdue,
        )
        for row in keys
    ]


async def _facts(connection: AsyncConnection, numbers: Sequence[int], now: datetime) -> dict[str, AccountFacts]:
    if not numbers:
        return {}
    rows = await connection.execute(text(FACTS), {"ids": list(numbers), "now": now})
    found = [_as_facts(row) for row in rows]
    return {each.account_id: each for each in found}


def _as_facts(row: Row[Any]) -> AccountFacts:
    values = {one.name: _shown(one.name, row._mapping[one.name]) for one in fields(AccountFacts)}
    return AccountFacts(**values)


def _shown(name: str, value: Any) -> Any:
    if name in _PREFIXES and value is not None:
        return identity.show(_PREFIXES[name], value)
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _numbers(account_ids: Sequence[str]) -> list[int]:
    return [identity.parse(identity.ACCOUNT, one, "account_id") for one in account_ids]


def _known_sort(sort: str) -> str:
    if sort not in tuple(Sort):
        raise InvalidValue(
            "There is no such order.", field="sort", value=sort, remedy=f"Use one of: {', '.join(Sort)}."
        )
    return sort


def _token(sort: str, row: Row[Any]) -> str:
    written = json.dumps([str(sort), row.sort_key, row.account_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def _read_token(token: str, sort: str, kind: str) -> tuple[str, int]:
    """The place a page ended at. Raises InvalidValue."""
    try:
        of_sort, key, number = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if of_sort == sort and _FORMS[kind].fullmatch(key) and 0 < number < 10**18:
            if kind == "timestamptz":
                datetime.fromisoformat(key)
            return key, int(number)
    except (ValueError, TypeError, binascii.Error):
        pass
    remedy = "Send the next_after of the page before, with the same sort; or leave it out for the first page."
    raise InvalidValue("No page ended there.", field="after", value=token[:80], remedy=remedy)
