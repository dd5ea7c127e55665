"""Payment methods, the provider's customers and mandates on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, insert, or_, select, union_all, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.errors import NotFound
from billing.domain.staff_cases import REPORTED_DEATH, CaseState
from billing.messages.payments import MethodKind
from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables import payments as t
from billing.persistence.tables.accounts import accounts
from billing.persistence.tables.staff_cases import account_staff_cases
from billing.ports.payments import Mandate, MandateStatus, MethodStatus, PaymentMethod


def _with_mandate() -> Select[Any]:
    """A method's columns with what its mandate says."""
    mandate = t.payment_mandates.c
    joined = t.payment_methods.outerjoin(
        t.payment_mandates,
        and_(
            mandate.account_id == t.payment_methods.c.account_id,
            mandate.method_id == t.payment_methods.c.method_id,
        ),
    )
    columns = (mandate.reference.label("mandate_reference"), mandate.status.label("mandate_status"))
    return select(*t.payment_methods.c, *columns).select_from(joined)


class SqlMethodRepository:
    """Stored ways to pay."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def usable_method(self, account_id: str, at: datetime) -> PaymentMethod | None:
        """The default when it is usable on the account's local date, else the newest usable method.

        None at all after a reported death, until a person closed the case about it: invoices are then not announced as
        a debit either, since every announcement asks here.
        """
        if await self._is_reported_dead(account_id):
            return None
        zone = await self._connection.scalar(select(accounts.c.zone).where(accounts.c.account_id == account_id))
        day = at.astimezone(ZoneInfo(zone or "UTC")).date()
        usable = [method for method in await self.methods(account_id) if method.usable_on(day)]
        return next((method for method in usable if method.is_default), usable[0] if usable else None)

    async def _is_reported_dead(self, account_id: str) -> bool:
        cases = account_staff_cases.c
        reported = select(cases.case_id).where(
            cases.account_id == account_id, cases.kind == REPORTED_DEATH, cases.state != CaseState.CLOSED.value
        )
        return (await self._connection.execute(reported)).first() is not None

    async def methods(self, account_id: str) -> Sequence[PaymentMethod]:
        methods = t.payment_methods.c
        query = _with_mandate().where(methods.account_id == account_id, methods.status != MethodStatus.REMOVED)
        return [
            _typed(row) for row in await fetch_all(self._connection, _Row, query.order_by(methods.method_id.desc()))
        ]

    async def method(self, account_id: str, method_id: str) -> PaymentMethod:
        methods = t.payment_methods.c
        query = _with_mandate().where(methods.account_id == account_id, methods.method_id == method_id)
        found = await fetch_one(self._connection, _Row, query)
        if found is None:
            raise NotFound(
                f"There is no payment method {method_id} on account {account_id}.",
                field="method_id",
                value=method_id,
                remedy=f"GET /v1/accounts/{account_id}/payment-methods lists the methods there are.",
            )
        return _typed(found)

    async def add_method(self, values: Mapping[str, Any]) -> PaymentMethod:
        """Store a method, or bring back the one stored before under the provider's id."""
        changes = {name: value for name, value in values.items() if name not in ("account_id", "is_default")}
        statement = upsert(t.payment_methods).values(**values)
        kept = statement.on_conflict_do_update(
            index_elements=["account_id", "provider", "provider_method"], set_=changes
        ).returning(t.payment_methods.c.method_id)
        method_id = (await self._connection.execute(kept)).scalar_one()
        return await self.method(values["account_id"], method_id)

    async def change_method(self, account_id: str, method_id: str, values: Mapping[str, Any]) -> None:
        methods = t.payment_methods.c
        await self._connection.execute(
            update(t.payment_methods)
            .where(methods.account_id == account_id, methods.method_id == method_id)
            .values(**values)
        )

    async def make_default(self, account_id: str, method_id: str) -> None:
        """This method, and no other of the account, is the default."""
        methods = t.payment_methods.c
        others = update(t.payment_methods).where(methods.account_id == account_id, methods.is_default)
        await self._connection.execute(others.values(is_default=False))
        await self.change_method(account_id, method_id, {"is_default": True})

    async def put_mandate(self, mandate: Mandate) -> None:
        """Store a method's mandate, new or changed."""
        changed = ("status", "reference", "creditor_id", "ended_by", "confirmed_at")
        changes = {name: getattr(mandate, name) for name in changed}
        await self._connection.execute(
            upsert(t.payment_mandates)
            .values(**asdict(mandate))
            .on_conflict_do_update(
                index_elements=["account_id", "method_id"],
                set_={**changes, "provider_mandate": mandate.provider_mandate},
            )
        )

    async def mandate(self, account_id: str, method_id: str) -> Mandate | None:
        mandates = t.payment_mandates.c
        query = select(t.payment_mandates).where(mandates.account_id == account_id, mandates.method_id == method_id)
        return await fetch_one(self._connection, Mandate, query)

    async def mandates(self, account_id: str) -> Sequence[Mandate]:
        """All mandates of an account, newest first."""
        mandates = t.payment_mandates.c
        query = select(t.payment_mandates).where(mandates.account_id == account_id)
        return await fetch_all(self._connection, Mandate, query.order_by(mandates.method_id.desc()))

    async def change_mandate(self, account_id: str, method_id: str, values: Mapping[str, Any]) -> None:
        mandates = t.payment_mandates.c
        of_method = (mandates.account_id == account_id, mandates.method_id == method_id)
        await self._connection.execute(update(t.payment_mandates).where(*of_method).values(**values))

    async def expiring(self, since: date, until: date, limit: int = 200) -> Sequence[PaymentMethod]:
        """Cards in use whose last day is near, and whose customers were not told of that day yet."""
        methods = t.payment_methods.c
        untold = or_(methods.expiry_noticed_on.is_(None), methods.expiry_noticed_on != methods.expires_on)
        in_use = (methods.is_default, methods.status == MethodStatus.USABLE)
        query = (
            _with_mandate()
            .where(*in_use, methods.expires_on.between(since, until), untold)
            .order_by(methods.expires_on, methods.account_id)
            .limit(limit)
        )
        return [_typed(row) for row in await fetch_all(self._connection, _Row, query)]

    async def unconfirmed(self, limit: int = 200) -> Sequence[Mandate]:
        """Mandates of methods that may be debited, whose customers were not told of them yet."""
        mandates, methods = t.payment_mandates.c, t.payment_methods.c
        of_method = and_(methods.account_id == mandates.account_id, methods.method_id == mandates.method_id)
        query = (
            select(t.payment_mandates)
            .join(t.payment_methods, of_method)
            .where(
                mandates.confirmed_at.is_(None),
                mandates.status != MandateStatus.INACTIVE,
                methods.status == MethodStatus.USABLE,
            )
        )
        oldest = query.order_by(mandates.accepted_at, mandates.account_id).limit(limit)
        return await fetch_all(self._connection, Mandate, oldest)

    async def method_of(self, provider: str, references: Sequence[str]) -> tuple[str, str] | None:
        """Account and method behind one of a provider's methods or mandates."""
        methods, mandates = t.payment_methods.c, t.payment_mandates.c
        by_method = select(methods.account_id, methods.method_id).where(
            methods.provider == provider, methods.provider_method.in_(references)
        )
        by_mandate = select(mandates.account_id, mandates.method_id).where(
            mandates.provider == provider, mandates.provider_mandate.in_(references)
        )
        row = (await self._connection.execute(union_all(by_mandate, by_method).limit(1))).first()
        return None if row is None else (row.account_id, row.method_id)

    async def customer(self, account_id: str, provider: str) -> str | None:
        customers = t.payment_customers.c
        query = select(customers.provider_customer).where(
            customers.account_id == account_id, customers.provider == provider
        )
        return await self._connection.scalar(query)

    async def add_customer(self, account_id: str, provider: str, provider_customer: str) -> None:
        await self._connection.execute(
            insert(t.payment_customers).values(
                account_id=account_id, provider=provider, provider_customer=provider_customer
            )
        )


# A method as it is stored: the database knows no enumerations.
_Row = PaymentMethod


def _typed(row: PaymentMethod) -> PaymentMethod:
    values = {**asdict(row), "kind": MethodKind(row.kind), "status": MethodStatus(row.status)}
    values["mandate_reference"] = row.mandate_reference or ""
    values["mandate_status"] = MandateStatus(row.mandate_status) if row.mandate_status else None
    return PaymentMethod(**values)
