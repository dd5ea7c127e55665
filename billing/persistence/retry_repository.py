"""Retry policies and the memory of instruments on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.errors import Conflict
from billing.domain.retry import FailureCategory
from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables import retries as t
from billing.ports.retries import InstrumentTry, RetryPolicyVersion


class SqlRetryRepository:
    """Retry policies, and the tries of each card and bank account."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_policy(self, policy: RetryPolicyVersion) -> None:
        stored = upsert(t.retry_policies).values(**asdict(policy)).on_conflict_do_nothing()
        if (await self._connection.execute(stored.returning(t.retry_policies.c.brand))).first() is None:
            raise Conflict(
                f"Version {policy.policy_version} was published just now by somebody else.",
                field="brand",
                value=policy.brand,
                remedy="Look at what was published, and publish again.",
            )

    async def policy(self, brand: str) -> RetryPolicyVersion | None:
        policies = t.retry_policies
        query = select(policies).where(policies.c.brand == brand).order_by(policies.c.policy_version.desc()).limit(1)
        return await fetch_one(self._connection, RetryPolicyVersion, query)

    async def policies(self) -> Sequence[RetryPolicyVersion]:
        policies = t.retry_policies
        ordered = select(policies).order_by(policies.c.brand, policies.c.policy_version)
        return await fetch_all(self._connection, RetryPolicyVersion, ordered)

    async def lock_instrument(self, provider: str, fingerprint: str) -> None:
        """An advisory lock of this transaction, since a card that was never tried has no row to lock."""
        key = func.hashtextextended(f"instrument/{provider}/{fingerprint}", 0)
        await self._connection.execute(select(func.pg_advisory_xact_lock(key)))

    async def add_try(self, one: InstrumentTry) -> None:
        await self._connection.execute(upsert(t.instrument_tries).values(**asdict(one)).on_conflict_do_nothing())

    async def change_try(self, provider: str, fingerprint: str, attempt_id: str, values: Mapping[str, Any]) -> None:
        tries = t.instrument_tries.c
        one = (tries.provider == provider, tries.fingerprint == fingerprint, tries.attempt_id == attempt_id)
        await self._connection.execute(update(t.instrument_tries).where(*one).values(**values))

    async def forget_tries(self, before: datetime, kept_codes: Collection[str], limit: int) -> int:
        tries = t.instrument_tries
        key = (tries.c.provider, tries.c.fingerprint, tries.c.attempt_id)
        old = (
            select(*key)
            .where(
                tries.c.tried_at < before,
                tries.c.is_settled,
                tries.c.category != FailureCategory.HARD_STOP.value,
                tries.c.code.not_in(kept_codes),
            )
            .order_by(tries.c.tried_at)
            .limit(limit)
        )
        return (await self._connection.execute(delete(tries).where(tuple_(*key).in_(old)))).rowcount

    async def tries(self, provider: str, fingerprint: str) -> Sequence[InstrumentTry]:
        tries = t.instrument_tries
        query = select(tries).where(tries.c.provider == provider, tries.c.fingerprint == fingerprint)
        return await fetch_all(self._connection, InstrumentTry, query.order_by(tries.c.tried_at))
