"""Bulk actions on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.bulk_actions import WAITING, BulkOutcome, BulkState
from billing.domain.errors import NotFound
from billing.persistence.statements import fetch_all, fetch_one, insert_returning
from billing.persistence.tables.bulk_actions import bulk_action_accounts, bulk_actions
from billing.ports.bulk_actions import BULK_ORDERS, BulkAccount, BulkAction, BulkChoice

_ACTIONS, _ACCOUNTS = bulk_actions.c, bulk_action_accounts.c


class SqlBulkActionRepository:
    """Reads and writes actions and their accounts."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, values: Mapping[str, Any]) -> BulkAction:
        return await insert_returning(self._connection, BulkAction, bulk_actions, values)

    async def choose(self, bulk_id: str, chosen: Sequence[BulkChoice]) -> None:
        rows = [asdict(one) | {"bulk_id": bulk_id, "status": BulkOutcome.CHOSEN.value} for one in chosen]
        if rows:
            await self._connection.execute(insert(bulk_action_accounts), rows)

    async def get(self, bulk_id: str) -> BulkAction:
        return await self._one(select(bulk_actions), bulk_id)

    async def lock(self, bulk_id: str) -> BulkAction:
        return await self._one(select(bulk_actions).with_for_update(), bulk_id)

    async def _one(self, query: Select[Any], bulk_id: str) -> BulkAction:
        found = await fetch_one(self._connection, BulkAction, query.where(_ACTIONS.bulk_id == bulk_id))
        if found is None:
            remedy = "GET /v1/bulk-actions lists those there are."
            raise NotFound(f"There is no bulk action {bulk_id}.", field="bulk_id", value=bulk_id, remedy=remedy)
        return found

    async def change(self, bulk_id: str, values: Mapping[str, Any], note: Mapping[str, Any] | None = None) -> None:
        changed = dict(values)
        if note is not None:
            changed["history"] = _ACTIONS.history.op("||", return_type=JSONB())(literal([dict(note)], JSONB))
        await self._connection.execute(update(bulk_actions).where(_ACTIONS.bulk_id == bulk_id).values(**changed))

    async def all(
        self, before: str, limit: int, state: str = "", order: str = BULK_ORDERS[0], offset: int = 0
    ) -> Sequence[BulkAction]:
        key = {"accounts": _ACTIONS.accounts, "author": _ACTIONS.author}.get(order.removeprefix("-"), _ACTIONS.bulk_id)
        turned = (key.desc(), _ACTIONS.bulk_id.desc()) if order.startswith("-") else (key, _ACTIONS.bulk_id)
        query = select(bulk_actions).order_by(*turned).offset(offset).limit(limit)
        if state:
            query = query.where(_ACTIONS.state == state)
        if before:
            query = query.where(_ACTIONS.bulk_id < literal(before, _ACTIONS.bulk_id.type))
        return await fetch_all(self._connection, BulkAction, query)

    async def undone_by(self, bulk_id: str) -> BulkAction | None:
        query = select(bulk_actions).where(_ACTIONS.undoes == bulk_id, _ACTIONS.confirmed_at.is_not(None))
        return await fetch_one(self._connection, BulkAction, query.order_by(_ACTIONS.bulk_id.desc()).limit(1))

    async def unfinished(self) -> Sequence[BulkAction]:
        query = select(bulk_actions).where(_ACTIONS.confirmed_at.is_not(None), _ACTIONS.finished_at.is_(None))
        return await fetch_all(self._connection, BulkAction, query.order_by(_ACTIONS.bulk_id))

    async def forget_previews(self, before: datetime) -> int:
        old = (
            delete(bulk_actions)
            .where(
                _ACTIONS.state == BulkState.PREVIEWED,
                _ACTIONS.finished_at.is_(None),
                _ACTIONS.previewed_at < before,
            )
            .returning(_ACTIONS.bulk_id)
        )
        forgotten = list((await self._connection.execute(old)).scalars())
        await self._connection.execute(delete(bulk_action_accounts).where(_ACCOUNTS.bulk_id.in_(forgotten)))
        return len(forgotten)

    async def waiting(self, bulk_id: str, limit: int) -> Sequence[str]:
        query = select(_ACCOUNTS.account_id).where(_ACCOUNTS.bulk_id == bulk_id, _ACCOUNTS.finished_at.is_(None))
        return list((await self._connection.execute(query.order_by(_ACCOUNTS.account_id).limit(limit))).scalars())

    async def accounts(
        self, bulk_id: str, status: str = "", after: str = "", limit: int = 100, foreseen: bool = False
    ) -> Sequence[BulkAccount]:
        query = select(bulk_action_accounts).where(_ACCOUNTS.bulk_id == bulk_id)
        if status == BulkOutcome.CHOSEN:
            query = query.where(_ACCOUNTS.status.in_([each.value for each in WAITING]))
        elif status:
            query = query.where(_ACCOUNTS.status == status)
        if after:
            query = query.where(_ACCOUNTS.account_id > literal(after, _ACCOUNTS.account_id.type))
        if foreseen:
            query = query.where(_ACCOUNTS.foreseen != "")
        return await fetch_all(self._connection, BulkAccount, query.order_by(_ACCOUNTS.account_id).limit(limit))

    async def of(self, bulk_id: str, account_ids: Sequence[str]) -> Sequence[BulkAccount]:
        query = select(bulk_action_accounts).where(_ACCOUNTS.account_id.in_(account_ids), _ACCOUNTS.bulk_id == bulk_id)
        return await fetch_all(self._connection, BulkAccount, query.order_by(_ACCOUNTS.account_id))

    async def note(self, bulk_id: str, account_id: str, values: Mapping[str, Any]) -> None:
        mine = (_ACCOUNTS.account_id == account_id, _ACCOUNTS.bulk_id == bulk_id)
        await self._connection.execute(update(bulk_action_accounts).where(*mine).values(**values))

    async def counts(self, bulk_id: str) -> Mapping[str, int]:
        query = select(_ACCOUNTS.status, func.count()).where(_ACCOUNTS.bulk_id == bulk_id).group_by(_ACCOUNTS.status)
        return {status: int(number) for status, number in await self._connection.execute(query)}

    async def leave(self, bulk_id: str, at: datetime) -> int:
        left = (
            update(bulk_action_accounts)
            .where(_ACCOUNTS.bulk_id == bulk_id, _ACCOUNTS.finished_at.is_(None))
            .values(status=BulkOutcome.LEFT.value, detail="the action was cancelled before its turn", finished_at=at)
            .returning(_ACCOUNTS.account_id)
        )
        return len((await self._connection.execute(left)).all())
