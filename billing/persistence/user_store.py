"""Users, their links and their recovery codes on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables.access import user_links, user_recovery_codes, users
from billing.ports.users import ACTIVE, Link, NewUser, User, UserFilter


class SqlUserStore:
    """Each call is one short transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, user: NewUser) -> User | None:
        statement = upsert(users).values(**vars(user)).on_conflict_do_nothing(index_elements=["email"])
        async with self._engine.begin() as connection:
            return await fetch_one(connection, User, statement.returning(*users.c))

    async def get(self, user_id: str) -> User | None:
        async with self._engine.connect() as connection:
            return await fetch_one(connection, User, select(users).where(users.c.user_id == user_id))

    async def by_email(self, email: str) -> User | None:
        async with self._engine.connect() as connection:
            return await fetch_one(connection, User, select(users).where(users.c.email == email))

    async def by_subject(self, issuer: str, subject: str) -> User | None:
        is_them = and_(users.c.issuer == issuer, users.c.subject == subject)
        async with self._engine.connect() as connection:
            return await fetch_one(connection, User, select(users).where(is_them))

    async def find(self, wanted: UserFilter) -> Sequence[User]:
        keys = {"name": func.lower(users.c.name), "role": users.c.role, "status": users.c.status,
                "seen": users.c.last_seen_at}  # fmt: skip
        key = keys.get(wanted.order.removeprefix("-"), users.c.email)
        first = key.desc().nulls_last() if wanted.order.startswith("-") else key.asc().nulls_first()
        statement = select(users).order_by(first, users.c.email).offset(wanted.offset).limit(wanted.limit)
        if wanted.text:
            sought = wanted.text.lower()
            named = func.lower(users.c.name).contains(sought, autoescape=True)
            statement = statement.where(or_(users.c.email.contains(sought, autoescape=True), named))
        if wanted.role:
            statement = statement.where(users.c.role == wanted.role)
        if wanted.status:
            statement = statement.where(users.c.status == wanted.status)
        if wanted.after:
            statement = statement.where(users.c.email > wanted.after)
        async with self._engine.connect() as connection:
            return await fetch_all(connection, User, statement)

    async def change(self, user_id: str, values: Mapping[str, object]) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(update(users).where(users.c.user_id == user_id).values(**values))

    async def change_keeping_an_admin(self, user_id: str, values: Mapping[str, object]) -> bool:
        """Every active administrator is locked, so that two cannot take away each other's role at once."""
        admins = select(users.c.user_id).where(users.c.role == "admin", users.c.status == ACTIVE)
        async with self._engine.begin() as connection:
            locked = (await connection.execute(admins.order_by(users.c.user_id).with_for_update())).scalars().all()
            stays = values.get("role", "admin") == "admin" and values.get("status", ACTIVE) == ACTIVE
            if user_id in locked and not stays and len(locked) == 1:
                return False
            await connection.execute(update(users).where(users.c.user_id == user_id).values(**values))
            return True

    async def take_step(self, user_id: str, step: int) -> bool:
        newer = and_(users.c.user_id == user_id, users.c.factor_last_step < step)
        async with self._engine.begin() as connection:
            taken = await connection.execute(update(users).where(newer).values(factor_last_step=step))
            return taken.rowcount == 1

    async def replace_codes(self, user_id: str, code_hashes: Sequence[str]) -> None:
        codes = user_recovery_codes
        async with self._engine.begin() as connection:
            await connection.execute(delete(codes).where(codes.c.user_id == user_id))
            if code_hashes:
                rows = [{"user_id": user_id, "code_hash": code_hash} for code_hash in code_hashes]
                await connection.execute(insert(codes), rows)

    async def take_code(self, user_id: str, code_hash: str, now: datetime) -> bool:
        codes = user_recovery_codes
        is_free = and_(codes.c.user_id == user_id, codes.c.code_hash == code_hash, codes.c.used_at.is_(None))
        async with self._engine.begin() as connection:
            return (await connection.execute(update(codes).where(is_free).values(used_at=now))).rowcount == 1

    async def codes_left(self, user_id: str) -> int:
        codes = user_recovery_codes
        free = select(func.count()).where(codes.c.user_id == user_id, codes.c.used_at.is_(None))
        async with self._engine.connect() as connection:
            return int((await connection.execute(free)).scalar_one())

    async def add_link(self, link: Link) -> None:
        earlier = and_(user_links.c.user_id == link.user_id, user_links.c.used_at.is_(None))
        async with self._engine.begin() as connection:
            await connection.execute(update(user_links).where(earlier).values(used_at=link.created_at))
            await connection.execute(insert(user_links).values(**vars(link)))

    async def link(self, link_hash: str) -> Link | None:
        async with self._engine.connect() as connection:
            return await fetch_one(connection, Link, select(user_links).where(user_links.c.link_hash == link_hash))

    async def use_link(self, link_hash: str, now: datetime, values: Mapping[str, object]) -> str | None:
        is_good = and_(
            user_links.c.link_hash == link_hash, user_links.c.used_at.is_(None), user_links.c.expires_at > now
        )
        used = update(user_links).where(is_good).values(used_at=now).returning(user_links.c.user_id)
        async with self._engine.begin() as connection:
            user_id: str | None = (await connection.execute(used)).scalar_one_or_none()
            if user_id is not None:
                await connection.execute(update(users).where(users.c.user_id == user_id).values(**values))
            return user_id
