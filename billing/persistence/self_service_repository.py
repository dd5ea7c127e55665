"""Codes, sessions and counts of self-service on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables import self_service as t
from billing.ports.self_service import ContactChange, CustomerSession, SignIn

_s = t.customer_sessions.c
_i = t.customer_sign_ins.c
_c = t.contact_changes.c
_n = t.customer_tries


class SqlSelfServiceRepository:
    """Reads and writes within one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def count_try(self, scope: str, subject_hash: str, window_from: datetime) -> int:
        row = {"scope": scope, "subject_hash": subject_hash, "window_from": window_from, "tries": 1}
        counted = upsert(_n).values(**row)
        counted = counted.on_conflict_do_update(index_elements=list(row)[:3], set_={"tries": _n.c.tries + 1})
        return int((await self._connection.execute(counted.returning(_n.c.tries))).scalar_one())

    async def add_sign_in(self, sign_in: SignIn) -> None:
        await self._connection.execute(insert(t.customer_sign_ins).values(**asdict(sign_in)))

    async def name_accounts(self, request_hash: str, account_ids: Sequence[str]) -> None:
        change = update(t.customer_sign_ins).where(_i.request_hash == request_hash)
        await self._connection.execute(change.values(account_ids=list(account_ids)))

    async def try_sign_in(self, request_hash: str, now: datetime, most_tries: int) -> SignIn | None:
        alive = (_i.request_hash == request_hash, _i.used_at.is_(None), _i.ends_at > now, _i.tries < most_tries)
        counted = update(t.customer_sign_ins).where(*alive).values(tries=_i.tries + 1)
        row = (await self._connection.execute(counted.returning(*t.customer_sign_ins.c))).mappings().first()
        return None if row is None else SignIn(**row)

    async def sign_in_by_link(self, link_hash: str, now: datetime) -> SignIn | None:
        alive = (_i.link_hash == link_hash, _i.used_at.is_(None), _i.ends_at > now)
        return await fetch_one(self._connection, SignIn, select(t.customer_sign_ins).where(*alive).with_for_update())

    async def use_sign_in(self, request_hash: str, now: datetime) -> None:
        change = update(t.customer_sign_ins).where(_i.request_hash == request_hash)
        await self._connection.execute(change.values(used_at=now))

    async def add_session(self, session: CustomerSession) -> None:
        await self._connection.execute(insert(t.customer_sessions).values(**asdict(session)))

    async def session(self, account_id: str, session_hash: str) -> CustomerSession | None:
        query = select(t.customer_sessions).where(_s.account_id == account_id, _s.session_hash == session_hash)
        return await fetch_one(self._connection, CustomerSession, query)

    async def see_session(self, account_id: str, session_hash: str, now: datetime) -> None:
        change = update(t.customer_sessions).where(_s.account_id == account_id, _s.session_hash == session_hash)
        await self._connection.execute(change.values(seen_at=now))

    async def end_session(self, account_id: str, session_hash: str, now: datetime) -> None:
        change = update(t.customer_sessions).where(_s.account_id == account_id, _s.session_hash == session_hash)
        await self._connection.execute(change.where(_s.ended_at.is_(None)).values(ended_at=now))

    async def end_sessions(self, account_id: str, now: datetime) -> int:
        change = update(t.customer_sessions).where(*_may_look_at(account_id, now))
        return (await self._connection.execute(change.values(ended_at=now))).rowcount

    async def end_other_sessions(self, account_id: str, session_hash: str, now: datetime) -> None:
        others = (*_may_look_at(account_id, now), _s.session_hash != session_hash)
        await self._connection.execute(update(t.customer_sessions).where(*others).values(ended_at=now))

    async def sessions(self, account_id: str, now: datetime) -> Sequence[CustomerSession]:
        query = select(t.customer_sessions).where(*_may_look_at(account_id, now))
        return await fetch_all(self._connection, CustomerSession, query.order_by(_s.begun_at.desc()))

    async def add_change(self, change: ContactChange) -> None:
        await self._connection.execute(insert(t.contact_changes).values(**asdict(change)))

    async def try_change(self, account_id: str, change_id: str, now: datetime, most_tries: int) -> ContactChange | None:
        alive = (_c.used_at.is_(None), _c.ends_at > now, _c.tries < most_tries)
        counted = update(t.contact_changes).where(_c.account_id == account_id, _c.change_id == change_id, *alive)
        counted = counted.values(tries=_c.tries + 1)
        row = (await self._connection.execute(counted.returning(*t.contact_changes.c))).mappings().first()
        return None if row is None else ContactChange(**row)

    async def change(self, account_id: str, change_id: str) -> ContactChange | None:
        query = select(t.contact_changes).where(_c.account_id == account_id, _c.change_id == change_id)
        return await fetch_one(self._connection, ContactChange, query)

    async def use_change(self, account_id: str, change_id: str, now: datetime) -> None:
        change = update(t.contact_changes).where(_c.account_id == account_id, _c.change_id == change_id)
        await self._connection.execute(change.values(used_at=now))

    async def forget_before(self, instant: datetime) -> int:
        over = (
            delete(t.customer_sign_ins).where(_i.ends_at < instant),
            delete(t.customer_sessions).where(_s.ends_at < instant),
            delete(t.contact_changes).where(_c.ends_at < instant),
            delete(_n).where(_n.c.window_from < instant),
        )
        return sum([(await self._connection.execute(each)).rowcount for each in over])


def _may_look_at(account_id: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Running sessions of this account, and those of another one of the same contact that could switch here."""
    return (_s.account_ids.contains([account_id]), _s.ended_at.is_(None), _s.ends_at > now)
