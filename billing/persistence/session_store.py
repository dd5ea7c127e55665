"""Sessions of the console on PostgreSQL: only the hash of a session's word is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables.access import user_sessions
from billing.ports.users import NewSession, Session


class SqlSessionStore:
    """Each call is one short transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, session: NewSession) -> Session:
        """Sessions that are long over are forgotten on the way."""
        statement = insert(user_sessions).values(**vars(session), seen_at=session.started_at)
        async with self._engine.begin() as connection:
            await connection.execute(delete(user_sessions).where(user_sessions.c.expires_at < session.started_at))
            added = await fetch_one(connection, Session, statement.returning(*user_sessions.c))
        assert added is not None
        return added

    async def find(self, word_hash: str, now: datetime, idle_since: datetime) -> Session | None:
        wanted = and_(user_sessions.c.word_hash == word_hash, _is_live(now, idle_since))
        async with self._engine.connect() as connection:
            return await fetch_one(connection, Session, select(user_sessions).where(wanted))

    async def seen(self, session_id: str, now: datetime) -> None:
        await self._change(user_sessions.c.session_id == session_id, seen_at=now)

    async def end(self, session_id: str, now: datetime) -> None:
        await self._change(user_sessions.c.session_id == session_id, ended_at=now)

    async def of_user(self, user_id: str, now: datetime, idle_since: datetime) -> Sequence[Session]:
        theirs = and_(user_sessions.c.user_id == user_id, _is_live(now, idle_since))
        statement = select(user_sessions).where(theirs).order_by(user_sessions.c.session_id.desc())
        async with self._engine.connect() as connection:
            return await fetch_all(connection, Session, statement)

    async def end_of_user(self, user_id: str, now: datetime, but: str = "") -> int:
        theirs = and_(user_sessions.c.user_id == user_id, user_sessions.c.ended_at.is_(None))
        if but:
            theirs = and_(theirs, user_sessions.c.session_id != but)
        return await self._change(theirs, ended_at=now)

    async def _change(self, which: ColumnElement[bool], **values: datetime) -> int:
        async with self._engine.begin() as connection:
            return (await connection.execute(update(user_sessions).where(which).values(**values))).rowcount


def _is_live(now: datetime, idle_since: datetime) -> ColumnElement[bool]:
    return and_(
        user_sessions.c.ended_at.is_(None), user_sessions.c.expires_at > now, user_sessions.c.seen_at > idle_since
    )
