"""Limits on usage on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, any_, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.persistence.columns import PrefixedId
from billing.persistence.statements import fetch_all, insert_returning
from billing.persistence.tables import accounts as a
from billing.persistence.tables import limits as t
from billing.ports.limits import LimitAgreement, LimitChange, LimitTerms

_ACCOUNT_IDS = ARRAY(PrefixedId(identity.ACCOUNT))


def _among(column: ColumnElement[Any], account_ids: Sequence[str]) -> ColumnElement[bool]:
    """One array parameter: the statement's text does not depend on how many accounts are asked for."""
    return column == any_(literal(list(account_ids), _ACCOUNT_IDS))


class SqlLimitRepository:
    """Changes of limits, agreements, and what decides the defaults."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_change(self, values: Mapping[str, Any]) -> LimitChange:
        return await insert_returning(self._connection, LimitChange, t.usage_limit_changes, values)

    async def changes(self, account_ids: Sequence[str]) -> Sequence[LimitChange]:
        changes = t.usage_limit_changes
        query = select(changes).where(_among(changes.c.account_id, account_ids)).order_by(*changes.primary_key.columns)
        return await fetch_all(self._connection, LimitChange, query)

    async def add_agreement(self, agreement: LimitAgreement) -> bool:
        added = await self._connection.execute(
            upsert(t.usage_agreements)
            .values(**asdict(agreement))
            .on_conflict_do_nothing()
            .returning(t.usage_agreements.c.service_id)
        )
        return added.first() is not None

    async def agreements(self, account_ids: Sequence[str]) -> Sequence[LimitAgreement]:
        agreements = t.usage_agreements
        query = select(agreements).where(_among(agreements.c.account_id, account_ids))
        return await fetch_all(self._connection, LimitAgreement, query.order_by(*agreements.primary_key.columns))

    async def terms(self, account_ids: Sequence[str]) -> Sequence[LimitTerms]:
        accounts, brands = a.accounts, a.brands
        query = (
            select(
                accounts.c.account_id,
                accounts.c.customer_kind,
                brands.c.currency,
                brands.c.country,
                brands.c.limit_policy,
            )
            .join(brands, brands.c.brand == accounts.c.brand)
            .where(_among(accounts.c.account_id, account_ids))
        )
        return await fetch_all(self._connection, LimitTerms, query)
