"""Barring orders and their confirmations on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import and_, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.errors import NotFound
from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables import barring as t
from billing.ports.barring import Held, Order, OrderedService


class SqlBarringRepository:
    """Barring orders and their confirmations."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_order(self, order: Order, services: Sequence[OrderedService]) -> bool:
        """Store an order with its services; False when it is there already."""
        stored = await self._connection.execute(
            upsert(t.barring_orders)
            .values(**asdict(order))
            .on_conflict_do_nothing(index_elements=["account_id", "order_id"])
            .returning(t.barring_orders.c.order_id)
        )
        is_new = stored.first() is not None
        if is_new and services:
            rows = [asdict(service) for service in services]
            await self._connection.execute(insert(t.barring_order_services), rows)
        return is_new

    async def order(self, account_id: str, order_id: str) -> Order:
        orders = t.barring_orders
        query = select(orders).where(orders.c.account_id == account_id, orders.c.order_id == order_id)
        found = await fetch_one(self._connection, Order, query)
        if found is None:
            raise NotFound(
                f"There is no order {order_id} of {account_id}.",
                field="order_id",
                value=order_id,
                remedy="GET /v1/accounts/{account_id}/barring lists the account's orders.",
            )
        return found

    async def orders(self, account_id: str) -> Sequence[Order]:
        query = select(t.barring_orders).where(t.barring_orders.c.account_id == account_id)
        return await fetch_all(
            self._connection, Order, query.order_by(t.barring_orders.c.placed_at, t.barring_orders.c.order_id)
        )

    async def unfinished(self, placed_before: datetime, limit: int = 500) -> Sequence[Order]:
        orders = t.barring_orders.c
        query = select(t.barring_orders).where(orders.finished_at.is_(None), orders.placed_at < placed_before)
        lifting_first = query.order_by((orders.level != "none"), orders.placed_at, orders.account_id)
        return await fetch_all(self._connection, Order, lifting_first.limit(limit))

    async def services_of(self, account_id: str, order_id: str) -> Sequence[OrderedService]:
        ordered = t.barring_order_services
        query = select(ordered).where(ordered.c.account_id == account_id, ordered.c.order_id == order_id)
        return await fetch_all(self._connection, OrderedService, query.order_by(ordered.c.service_id))

    async def orders_naming(self, account_id: str, service_id: str) -> Sequence[tuple[Order, OrderedService]]:
        named = t.barring_order_services
        about = (named.c.account_id == account_id, named.c.service_id == service_id)
        services = await fetch_all(self._connection, OrderedService, select(named).where(*about))
        by_order = {one.order_id: one for one in services}
        orders = t.barring_orders
        query = select(orders).where(orders.c.account_id == account_id, orders.c.order_id.in_(by_order))
        found = await fetch_all(self._connection, Order, query.order_by(orders.c.placed_at, orders.c.order_id))
        return [(one, by_order[one.order_id]) for one in found]

    async def ordered_stops(self, account_id: str) -> Mapping[str, str]:
        orders, ordered = t.barring_orders.c, t.barring_order_services.c
        query = (
            select(ordered.service_id, orders.level)
            .join_from(
                t.barring_order_services,
                t.barring_orders,
                and_(orders.account_id == ordered.account_id, orders.order_id == ordered.order_id),
            )
            .where(ordered.account_id == account_id, orders.level.startswith("stop:"))
            .order_by(orders.placed_at, orders.order_id)
        )
        return {row.service_id: row.level for row in await self._connection.execute(query)}

    async def held(self, account_id: str) -> Sequence[Held]:
        columns = t.service_restrictions.c
        query = select(t.service_restrictions).where(columns.account_id == account_id, columns.lifted_at.is_(None))
        return await fetch_all(self._connection, Held, query.order_by(columns.restriction_id))

    async def ever_held(self, account_id: str, service_id: str, limit: int) -> Sequence[Held]:
        columns = t.service_restrictions.c
        query = select(t.service_restrictions).where(columns.account_id == account_id, columns.service_id == service_id)
        return await fetch_all(self._connection, Held, query.order_by(columns.restriction_id.desc()).limit(limit))

    async def hold(self, restrictions: Sequence[Held]) -> None:
        """Store what is held from now on; the same kind for the same cause is there once."""
        rows = [
            {name: value for name, value in asdict(one).items() if name != "restriction_id"} for one in restrictions
        ]
        if rows:
            await self._connection.execute(insert(t.service_restrictions), rows)

    async def lift(self, account_id: str, restriction_ids: Sequence[str], values: Mapping[str, Any]) -> None:
        columns = t.service_restrictions.c
        await self._connection.execute(
            update(t.service_restrictions)
            .where(columns.account_id == account_id, columns.restriction_id.in_(restriction_ids))
            .values(**values)
        )

    async def change_order(self, account_id: str, order_id: str, values: Mapping[str, Any]) -> None:
        orders = t.barring_orders
        await self._connection.execute(
            update(orders).where(orders.c.account_id == account_id, orders.c.order_id == order_id).values(**values)
        )

    async def change_service(self, account_id: str, order_id: str, service_id: str, values: Mapping[str, Any]) -> None:
        ordered = t.barring_order_services
        of_service = (
            ordered.c.account_id == account_id,
            ordered.c.order_id == order_id,
            ordered.c.service_id == service_id,
        )
        await self._connection.execute(update(ordered).where(*of_service).values(**values))
