"""Dunning policies, cases, promises and disputes on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, desc, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.errors import NotFound
from billing.persistence.statements import fetch_all, fetch_one, insert_returning
from billing.persistence.tables import dunning as t
from billing.persistence.tables.accounts import accounts
from billing.ports.dunning import Case, CaseFilter, Dispute, OpenCase, PolicyVersion, Promise


class SqlDunningRepository:
    """Dunning policies, cases, promises and disputes."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_policy(self, policy: PolicyVersion) -> None:
        await self._connection.execute(insert(t.dunning_policies).values(**asdict(policy)))

    async def policy(self, policy_code: str, policy_version: int | None = None) -> PolicyVersion:
        query = select(t.dunning_policies).where(t.dunning_policies.c.policy_code == policy_code)
        if policy_version is not None:
            query = query.where(t.dunning_policies.c.policy_version == policy_version)
        newest = query.order_by(desc(t.dunning_policies.c.policy_version)).limit(1)
        found = await fetch_one(self._connection, PolicyVersion, newest)
        if found is None:
            version = "" if policy_version is None else f" version {policy_version}"
            raise NotFound(
                f"There is no dunning policy {policy_code}{version}.",
                field="policy_code",
                value=policy_code,
                remedy="GET /v1/dunning-policies lists the published versions.",
            )
        return found

    async def policies(self) -> Sequence[PolicyVersion]:
        ordered = select(t.dunning_policies).order_by(
            t.dunning_policies.c.policy_code, t.dunning_policies.c.policy_version
        )
        return await fetch_all(self._connection, PolicyVersion, ordered)

    async def add_case(self, values: Mapping[str, Any]) -> Case:
        return await insert_returning(self._connection, Case, t.dunning_cases, values)

    async def open_case(self, account_id: str) -> Case | None:
        cases = t.dunning_cases
        query = select(cases).where(cases.c.account_id == account_id, cases.c.closed_at.is_(None))
        return await fetch_one(self._connection, Case, query.with_for_update())

    async def case(self, account_id: str, case_id: str) -> Case:
        cases = t.dunning_cases
        query = select(cases).where(cases.c.account_id == account_id, cases.c.case_id == case_id)
        found = await fetch_one(self._connection, Case, query.with_for_update())
        if found is None:
            raise NotFound(
                f"There is no case {case_id} of {account_id}.",
                field="case_id",
                value=case_id,
                remedy="GET /v1/accounts/{account_id}/dunning lists the account's cases.",
            )
        return found

    async def cases(self, account_id: str) -> Sequence[Case]:
        query = select(t.dunning_cases).where(t.dunning_cases.c.account_id == account_id)
        return await fetch_all(self._connection, Case, query.order_by(t.dunning_cases.c.case_id))

    async def change_case(self, account_id: str, case_id: str, values: Mapping[str, Any]) -> None:
        cases = t.dunning_cases
        await self._connection.execute(
            update(cases).where(cases.c.account_id == account_id, cases.c.case_id == case_id).values(**values)
        )

    async def add_promise(self, values: Mapping[str, Any]) -> bool:
        """Store a promise; False when the same command stored it before."""
        stored = await self._connection.execute(
            upsert(t.promises)
            .values(**values)
            .on_conflict_do_nothing(index_elements=["account_id", "command_id"])
            .returning(t.promises.c.promise_id)
        )
        return stored.first() is not None

    async def promises(self, account_id: str) -> Sequence[Promise]:
        query = select(t.promises).where(t.promises.c.account_id == account_id)
        return await fetch_all(self._connection, Promise, query.order_by(t.promises.c.promise_id))

    async def change_promise(self, account_id: str, promise_id: str, values: Mapping[str, Any]) -> None:
        promises = t.promises
        mine = (promises.c.account_id == account_id, promises.c.promise_id == promise_id)
        await self._connection.execute(update(promises).where(*mine).values(**values))

    async def promises_over(self, now: datetime, limit: int = 200) -> Sequence[Promise]:
        """Promises of any account whose time is over and whose outcome is not written down; for upkeep."""
        promises = t.promises
        query = select(promises).where(promises.c.outcome == "", promises.c.until <= now)
        return await fetch_all(self._connection, Promise, query.order_by(promises.c.until).limit(limit))

    async def promises_unconfirmed(self, limit: int = 200) -> Sequence[Promise]:
        """Promises of any account that were not confirmed to the customer yet, oldest first; for upkeep."""
        promises = t.promises
        query = select(promises).where(promises.c.confirmed_at.is_(None))
        return await fetch_all(self._connection, Promise, query.order_by(promises.c.made_at).limit(limit))

    async def open_cases(self, wanted: CaseFilter, limit: int) -> Sequence[OpenCase]:
        """Open cases of any account, oldest first; for an operator who moves many."""
        cases, owners = t.dunning_cases.c, accounts.c
        query = (
            select(t.dunning_cases, owners.brand, owners.number, owners.segment)
            .join(accounts, owners.account_id == cases.account_id)
            .where(*_chosen(wanted))
        )
        ordered = query.order_by(cases.opened_at, cases.case_id).limit(limit)
        return await fetch_all(self._connection, OpenCase, ordered)

    async def count_open_cases(self, wanted: CaseFilter) -> int:
        joined = t.dunning_cases.join(accounts, accounts.c.account_id == t.dunning_cases.c.account_id)
        query = select(func.count()).select_from(joined).where(*_chosen(wanted))
        return int((await self._connection.execute(query)).scalar_one())

    async def open_cases_by_version(self, policy_code: str) -> Mapping[int, int]:
        cases = t.dunning_cases.c
        query = select(cases.policy_version, func.count().label("cases")).group_by(cases.policy_version)
        query = query.where(cases.policy_code == policy_code, cases.closed_at.is_(None))
        return {row.policy_version: row.cases for row in await self._connection.execute(query)}

    async def add_dispute(self, values: Mapping[str, Any]) -> Dispute:
        return await insert_returning(self._connection, Dispute, t.disputes, values)

    async def dispute(self, account_id: str, dispute_id: str) -> Dispute:
        query = select(t.disputes).where(t.disputes.c.account_id == account_id, t.disputes.c.dispute_id == dispute_id)
        found = await fetch_one(self._connection, Dispute, query.with_for_update())
        if found is None:
            raise NotFound(
                f"There is no dispute {dispute_id} of {account_id}.",
                field="dispute_id",
                value=dispute_id,
                remedy="GET /v1/accounts/{account_id}/disputes lists them.",
            )
        return found

    async def disputes(self, account_id: str) -> Sequence[Dispute]:
        query = select(t.disputes).where(t.disputes.c.account_id == account_id)
        return await fetch_all(self._connection, Dispute, query.order_by(t.disputes.c.dispute_id))

    async def change_dispute(self, account_id: str, dispute_id: str, values: Mapping[str, Any]) -> None:
        await self._connection.execute(
            update(t.disputes)
            .where(t.disputes.c.account_id == account_id, t.disputes.c.dispute_id == dispute_id)
            .values(**values)
        )


def _chosen(wanted: CaseFilter) -> list[ColumnElement[bool]]:
    cases, owners = t.dunning_cases.c, accounts.c
    asked = {
        owners.brand: wanted.brand,
        owners.segment: wanted.segment,
        cases.policy_code: wanted.policy_code,
        cases.policy_version: wanted.policy_version,
        cases.stage: wanted.stage,
    }
    return [cases.closed_at.is_(None), *(column == value for column, value in asked.items() if value)]
