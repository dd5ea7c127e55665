"""Brands, plans, accounts, services, cycles and timeline on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import desc, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.domain.errors import NotFound
from billing.persistence.service_repository import SqlServiceRepository
from billing.persistence.statements import fetch_all, fetch_one, insert_returning
from billing.persistence.tables import accounts as t
from billing.ports.accounts import Account, Brand, BrandPolicyVersion, Cycle, LetterheadVersion, Plan, TimelineEntry

# Of one contact: more would be no person any more.
MOST_ACCOUNTS = 50


def _missing(what: str, field: str, value: object, remedy: str) -> NotFound:
    return NotFound(f"There is no {what} {value}.", field=field, value=value, remedy=remedy)


_CATALOGUE_LOCK = 7_290_004  # any number no other advisory lock of ours uses
_LOCK_CATALOGUE = text("SELECT pg_advisory_xact_lock(:lock)")


class SqlCatalogueRepository:
    """Brands and plans."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_brand(self, brand: Brand) -> None:
        await self._connection.execute(insert(t.brands).values(**asdict(brand)))

    async def brand(self, brand: str) -> Brand:
        found = await fetch_one(self._connection, Brand, select(t.brands).where(t.brands.c.brand == brand))
        if found is None:
            raise _missing("brand", "brand", brand, "GET /v1/brands lists the brands there are.")
        return found

    async def brands(self) -> Sequence[Brand]:
        return await fetch_all(self._connection, Brand, select(t.brands).order_by(t.brands.c.brand))

    async def change_brand(self, brand: str, values: Mapping[str, Any]) -> None:
        await self._connection.execute(update(t.brands).where(t.brands.c.brand == brand).values(**values))

    async def add_brand_policy(self, version: BrandPolicyVersion) -> None:
        await self._connection.execute(insert(t.brand_policies).values(**asdict(version)))

    async def brand_policies(self, brand: str, part: str) -> Sequence[BrandPolicyVersion]:
        kept = t.brand_policies.c
        query = select(t.brand_policies).where(kept.brand == brand, kept.part == part).order_by(kept.version)
        return await fetch_all(self._connection, BrandPolicyVersion, query)

    async def add_letterhead(self, letterhead: LetterheadVersion) -> None:
        await self._connection.execute(insert(t.letterheads).values(**asdict(letterhead)))

    async def letterheads(self, brand: str) -> Sequence[LetterheadVersion]:
        query = select(t.letterheads).where(t.letterheads.c.brand == brand).order_by(t.letterheads.c.version)
        return await fetch_all(self._connection, LetterheadVersion, query)

    async def lock_catalogue(self) -> None:
        await self._connection.execute(_LOCK_CATALOGUE, {"lock": _CATALOGUE_LOCK})

    async def add_plan(self, plan: Plan) -> None:
        await self._connection.execute(insert(t.plans).values(**asdict(plan)))

    async def plan(self, plan_code: str, plan_version: int | None = None, sold_at: datetime | None = None) -> Plan:
        query = select(t.plans).where(t.plans.c.plan_code == plan_code)
        if plan_version is not None:
            query = query.where(t.plans.c.plan_version == plan_version)
        elif sold_at is not None:
            query = query.where(or_(t.plans.c.sold_from.is_(None), t.plans.c.sold_from <= sold_at))
        found = await fetch_one(self._connection, Plan, query.order_by(desc(t.plans.c.plan_version)).limit(1))
        if found is None:
            version = "" if plan_version is None else f" version {plan_version}"
            raise _missing("plan", "plan_code", f"{plan_code}{version}", "GET /v1/plans lists the published plans.")
        return found

    async def lines_by_version(self, plan_code: str) -> Mapping[int, int]:
        services = t.services.c
        query = select(services.plan_version, func.count().label("lines")).group_by(services.plan_version)
        query = query.where(services.plan_code == plan_code, services.active_to.is_(None))
        return {row.plan_version: row.lines for row in await self._connection.execute(query)}

    async def lines_by_plan(self) -> Mapping[str, int]:
        services = t.services.c
        query = select(services.plan_code, func.count().label("lines")).group_by(services.plan_code)
        query = query.where(services.active_to.is_(None))
        return {row.plan_code: row.lines for row in await self._connection.execute(query)}

    async def plans(self, brand: str | None = None) -> Sequence[Plan]:
        query = select(t.plans).order_by(t.plans.c.plan_code, t.plans.c.plan_version)
        if brand is not None:
            query = query.where(t.plans.c.brand == brand)
        return await fetch_all(self._connection, Plan, query)


class SqlAccountRepository(SqlServiceRepository, SqlCatalogueRepository):
    """Accounts with their services and cycles."""

    async def add(self, values: Mapping[str, Any]) -> Account:
        return await insert_returning(self._connection, Account, t.accounts, values)

    async def get(self, account_id: str) -> Account:
        return await self._account(account_id, lock=False)

    async def lock(self, account_id: str) -> Account:
        """The account, locked until the end of the transaction: one writer of its money at a time."""
        return await self._account(account_id, lock=True)

    async def lock_all(self, account_ids: Collection[str]) -> Mapping[str, Account]:
        in_order = sorted(set(account_ids), key=lambda account_id: identity.parse(identity.ACCOUNT, account_id))
        return {account_id: await self.lock(account_id) for account_id in in_order}

    async def _account(self, account_id: str, *, lock: bool) -> Account:
        query = select(t.accounts).where(t.accounts.c.account_id == account_id)
        found = await fetch_one(self._connection, Account, query.with_for_update() if lock else query)
        if found is None:
            raise _missing("account", "account_id", account_id, "GET /v1/accounts lists the accounts there are.")
        return found

    async def with_whatsapp(self, mobile: str) -> Sequence[Account]:
        columns = t.accounts.c
        query = select(t.accounts).where(columns.mobile == mobile, columns.whatsapp_opted_in_at.is_not(None))
        return await fetch_all(self._connection, Account, query.order_by(columns.account_id))

    async def with_contact(self, channel: str, contact: str) -> Sequence[Account]:
        columns = t.accounts.c
        has_it = func.lower(columns.email) == contact.lower() if channel == "email" else columns.mobile == contact
        query = select(t.accounts).where(has_it).order_by(columns.account_id.desc()).limit(MOST_ACCOUNTS)
        return await fetch_all(self._connection, Account, query)

    async def by_number(self, brand: str, number: str) -> Account | None:
        query = select(t.accounts).where(t.accounts.c.brand == brand, t.accounts.c.number == number)
        return await fetch_one(self._connection, Account, query)

    async def change(self, account_id: str, values: Mapping[str, Any]) -> None:
        await self._connection.execute(update(t.accounts).where(t.accounts.c.account_id == account_id).values(**values))

    async def add_cycle(self, cycle: Cycle) -> None:
        await self._connection.execute(insert(t.cycles).values(**asdict(cycle)))

    async def cycle(self, account_id: str, cycle_number: int) -> Cycle:
        return await self._cycle(account_id, cycle_number, lock=False)

    async def lock_cycle(self, account_id: str, cycle_number: int) -> Cycle:
        """The cycle, locked: usage counted after this transaction belongs to the next cycle."""
        return await self._cycle(account_id, cycle_number, lock=True)

    async def _cycle(self, account_id: str, cycle_number: int, *, lock: bool) -> Cycle:
        query = select(t.cycles).where(t.cycles.c.account_id == account_id, t.cycles.c.cycle_number == cycle_number)
        found = await fetch_one(self._connection, Cycle, query.with_for_update() if lock else query)
        if found is None:
            raise _missing("cycle", "cycle_number", cycle_number, f"Use a cycle of account {account_id}.")
        return found

    async def open_cycle(self, account_id: str) -> Cycle | None:
        """The oldest cycle not yet issued."""
        query = select(t.cycles).where(t.cycles.c.account_id == account_id, t.cycles.c.status == "open")
        return await fetch_one(self._connection, Cycle, query.order_by(t.cycles.c.cycle_number).limit(1))

    async def cycles(self, account_id: str) -> Sequence[Cycle]:
        query = select(t.cycles).where(t.cycles.c.account_id == account_id).order_by(t.cycles.c.cycle_number)
        return await fetch_all(self._connection, Cycle, query)

    async def changed_cycles(self, account_id: str) -> Sequence[int]:
        cycles = t.cycles.c
        query = select(cycles.cycle_number).where(
            cycles.account_id == account_id, cycles.status == "issued", cycles.billed_periods.is_not(None)
        )
        return list((await self._connection.execute(query.order_by(cycles.cycle_number))).scalars())

    async def change_cycle(self, account_id: str, cycle_number: int, values: Mapping[str, Any]) -> None:
        await self._connection.execute(
            update(t.cycles)
            .where(t.cycles.c.account_id == account_id, t.cycles.c.cycle_number == cycle_number)
            .values(**values)
        )


class SqlTimeline:
    """Append-only: what happened and why."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, entry: TimelineEntry) -> None:
        await self._connection.execute(insert(t.timeline).values(**asdict(entry)))

    async def add_once(self, entry: TimelineEntry, about: Collection[str]) -> bool:
        told, same = t.timeline.c, {name: entry.reason[name] for name in about}
        query = select(told.entry_id).where(
            told.account_id == entry.account_id, told.kind == entry.kind, told.reason.contains(same)
        )
        if await self._connection.scalar(query.limit(1)) is not None:
            return False
        await self.add(entry)
        return True

    async def add_all(self, entries: Sequence[TimelineEntry]) -> None:
        if entries:
            await self._connection.execute(insert(t.timeline), [asdict(entry) for entry in entries])

    async def of(self, account_id: str, limit: int = 500) -> Sequence[TimelineEntry]:
        query = select(t.timeline).where(t.timeline.c.account_id == account_id)
        return await fetch_all(self._connection, TimelineEntry, query.order_by(t.timeline.c.entry_id).limit(limit))
