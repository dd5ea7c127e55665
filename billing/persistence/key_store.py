"""API keys on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables.accounts import api_keys
from billing.ports.access import KeyRecord


class SqlKeyStore:
    """Reads and writes hashes of keys, each in its own short transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, key_hash: str) -> KeyRecord | None:
        async with self._engine.connect() as connection:
            return await fetch_one(connection, KeyRecord, select(api_keys).where(api_keys.c.key_hash == key_hash))

    async def add(self, key: KeyRecord) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(insert(api_keys).values(key_hash=key.key_hash, name=key.name, role=key.role))

    async def revoke(self, name: str, at: datetime) -> int:
        async with self._engine.begin() as connection:
            revoked = await connection.execute(
                update(api_keys).where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None)).values(revoked_at=at)
            )
            return revoked.rowcount

    async def all(self) -> Sequence[KeyRecord]:
        async with self._engine.connect() as connection:
            return await fetch_all(connection, KeyRecord, select(api_keys).order_by(api_keys.c.name))
