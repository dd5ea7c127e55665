"""The rules of the books on PostgreSQL, for some accounts or all, and what their checks found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from billing.domain import identity
from billing.domain.errors import InvalidValue
from billing.persistence.invariants import INVARIANTS, Invariant, Violation, as_violations
from billing.persistence.scoped_checks import ScopedQuery
from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables.accounts import accounts
from billing.persistence.tables.invoicing import ledger_entries
from billing.persistence.tables.upkeep import invariant_runs
from billing.ports.invariants import Broken, CheckRun, Rule, Slice

# Rules that need more than the database, such as the process server; none while it is away.
MoreRules = Callable[[], Awaitable[Sequence[Invariant]]]

_runs = invariant_runs.c
# A check of some accounts that takes longer is too dear for a round, one of all for a day: it fails and says so.
LONGEST_PART = timedelta(minutes=4)
LONGEST_WHOLE = timedelta(minutes=30)


async def no_more_rules() -> Sequence[Invariant]:
    """Only those of the database."""
    return ()


class SqlBookChecks:
    """Every check has a connection, and a consistent view, of its own."""

    def __init__(self, engine: AsyncEngine, more: MoreRules = no_more_rules) -> None:
        self._engine = engine
        self._more = more

    async def rules(self) -> Sequence[Rule]:
        return [_in_words(each) for each in (*INVARIANTS, *await self._more())]

    async def next_slice(self, after: str | None, limit: int) -> Slice | None:
        ids = select(accounts.c.account_id).order_by(accounts.c.account_id).limit(limit)
        if after is not None:
            ids = ids.where(accounts.c.account_id > after)
        async with self._engine.connect() as connection:
            found = list((await connection.execute(ids)).scalars())
        return Slice(found[0], found[-1], len(found) < limit) if found else None

    async def lately_booked(self, since: datetime, limit: int) -> Sequence[str]:
        entries = ledger_entries.c
        query = select(entries.account_id).distinct().where(entries.at >= since).limit(limit)
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def find(self, rule: str, part: Slice | None = None, accounts: Sequence[str] = ()) -> Sequence[Broken]:
        known = {each.name: each for each in INVARIANTS}
        wanted = known.get(rule) or {each.name: each for each in await self._more()}.get(rule)
        if wanted is None:
            raise InvalidValue("There is no such rule.", field="rule", value=rule, remedy=f"Use one of: {list(known)}.")
        async with self._engine.connect() as connection:
            await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            longest = LONGEST_PART if part or accounts else LONGEST_WHOLE
            await connection.execute(text(f"SET LOCAL statement_timeout = {longest.total_seconds() * 1000:.0f}"))
            found = await _find(connection, wanted, part, accounts)
        return [Broken(each.account_id, each.what) for each in found]


async def _find(
    connection: AsyncConnection, rule: Invariant, part: Slice | None, more: Sequence[str]
) -> Sequence[Violation]:
    query = rule.find
    if not isinstance(query, ScopedQuery):
        return await query(connection)
    if part is None and not more:
        return as_violations(await query.everywhere(connection))
    numbers = [identity.parse(identity.ACCOUNT, each) for each in more]
    found = list(await query.among(connection, numbers)) if numbers else []
    if part is not None:
        first, last = (identity.parse(identity.ACCOUNT, each) for each in (part.first, part.last))
        found += await query.in_range(connection, first, last)
    return as_violations(found)


def _in_words(rule: Invariant) -> Rule:
    return Rule(rule.name, rule.holds, rule.means, rule.remedy, isinstance(rule.find, ScopedQuery))


class SqlCheckRunStore:
    """Within a unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, run: CheckRun) -> None:
        values = {column.name: getattr(run, column.name) for column in invariant_runs.c} | {
            "examples": list(run.examples)
        }
        await self._connection.execute(insert(invariant_runs).values(**values))

    async def last(self, rule: str) -> CheckRun | None:
        query = select(invariant_runs).where(_runs.rule == rule, _runs.failure == "")
        return await fetch_one(self._connection, CheckRun, query.order_by(_runs.started_at.desc()).limit(1))

    async def runs(self, rule: str = "", limit: int = 100) -> Sequence[CheckRun]:
        query = select(invariant_runs).order_by(_runs.started_at.desc(), _runs.rule).limit(limit)
        return await fetch_all(self._connection, CheckRun, query.where(_runs.rule == rule) if rule else query)

    async def newest(self) -> Mapping[str, CheckRun]:
        latest = select(_runs.rule, func.max(_runs.started_at).label("started_at")).group_by(_runs.rule).subquery()
        query = select(invariant_runs).join(
            latest, (latest.c.rule == _runs.rule) & (latest.c.started_at == _runs.started_at)
        )
        return {run.rule: run for run in await fetch_all(self._connection, CheckRun, query)}

    async def passes(self) -> Mapping[str, datetime]:
        whole = (_runs.ends_pass, _runs.failure == "")
        query = select(_runs.rule, func.max(_runs.started_at).label("at")).where(*whole).group_by(_runs.rule)
        return {row.rule: row.at for row in await self._connection.execute(query)}

    async def forget(self, before: datetime) -> int:
        gone = await self._connection.execute(delete(invariant_runs).where(_runs.started_at < before))
        return int(gone.rowcount)
