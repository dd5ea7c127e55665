"""Attempts with their allocations, refunds and pay links on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, exists, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from billing.domain.errors import Conflict
from billing.messages.payments import PaymentStatus
from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables import payments as t
from billing.persistence.webhook_inbox_repository import SqlWebhookInboxRepository
from billing.ports.payments import Allocation, Attempt, AttemptPurpose, PaymentMethod, Refund


class SqlPaymentRepository(SqlWebhookInboxRepository):
    """Everything kept about payments; methods and the inbox have modules of their own."""

    async def add_attempt(self, attempt: Attempt, allocations: Sequence[Allocation]) -> None:
        """Store a try and the invoices it holds. Raises Conflict when another live try holds one of them."""
        await self._connection.execute(insert(t.payment_attempts).values(**asdict(attempt)))
        for allocation in allocations:
            held = upsert(t.payment_allocations).values(**asdict(allocation)).on_conflict_do_nothing()
            taken = await self._connection.execute(held.returning(t.payment_allocations.c.invoice_id))
            if taken.first() is None:
                raise Conflict(
                    f"Invoice {allocation.invoice_id} is being collected by another attempt.",
                    field="invoice_ids",
                    value=allocation.invoice_id,
                    remedy="Wait for its outcome, or settle it first.",
                )

    async def attempt(self, account_id: str, attempt_id: str) -> Attempt | None:
        query = select(t.payment_attempts).where(*_of_attempt(t.payment_attempts, account_id, attempt_id))
        found = await fetch_one(self._connection, Attempt, query)
        return None if found is None else _typed(found)

    async def attempts(self, account_id: str) -> Sequence[Attempt]:
        attempts = t.payment_attempts.c
        query = select(t.payment_attempts).where(attempts.account_id == account_id)
        newest = query.order_by(attempts.created_at.desc(), attempts.attempt_id.desc())
        return [_typed(one) for one in await fetch_all(self._connection, Attempt, newest)]

    async def debits_of(self, method: PaymentMethod) -> Sequence[tuple[Attempt, frozenset[str]]]:
        """Debits of a method's card or bank account by its own account, oldest first, each with its invoices."""
        attempts, methods, held = t.payment_attempts.c, t.payment_methods.c, t.payment_allocations.c
        same = select(methods.method_id).where(
            methods.account_id == method.account_id,
            or_(
                methods.method_id == method.method_id,
                and_(methods.fingerprint == method.fingerprint, methods.fingerprint != ""),
            ),
        )
        debits = (
            attempts.account_id == method.account_id,
            attempts.purpose == AttemptPurpose.DEBIT,
            attempts.method_id.in_(same),
        )
        query = select(t.payment_attempts).where(*debits).order_by(attempts.created_at, attempts.attempt_id)
        found = [_typed(one) for one in await fetch_all(self._connection, Attempt, query)]
        of_these = (held.account_id == method.account_id, held.attempt_id.in_([one.attempt_id for one in found]))
        invoices: dict[str, set[str]] = {}
        for row in await self._connection.execute(select(held.attempt_id, held.invoice_id).where(*of_these)):
            invoices.setdefault(row.attempt_id, set()).add(row.invoice_id)
        return [(one, frozenset(invoices.get(one.attempt_id, ()))) for one in found]

    async def live_attempts(self, account_id: str) -> Sequence[Attempt]:
        attempts, allocations = t.payment_attempts.c, t.payment_allocations.c
        holds = exists().where(
            and_(
                allocations.account_id == attempts.account_id,
                allocations.attempt_id == attempts.attempt_id,
                allocations.live,
            )
        )
        query = select(t.payment_attempts).where(attempts.account_id == account_id, holds)
        return [_typed(one) for one in await fetch_all(self._connection, Attempt, query.order_by(attempts.created_at))]

    async def attempts_to_ask(self, now: datetime, limit: int = 500) -> Sequence[Attempt]:
        attempts = t.payment_attempts.c
        late = or_(attempts.expected_by <= now, attempts.expected_by.is_(None))
        query = select(t.payment_attempts).where(attempts.settled_at.is_(None), late)
        oldest = query.order_by(attempts.expected_by.nulls_first()).limit(limit)
        return [_typed(one) for one in await fetch_all(self._connection, Attempt, oldest)]

    async def change_attempt(self, account_id: str, attempt_id: str, values: Mapping[str, Any]) -> None:
        of_attempt = _of_attempt(t.payment_attempts, account_id, attempt_id)
        await self._connection.execute(update(t.payment_attempts).where(*of_attempt).values(**values))

    async def allocations(self, account_id: str, attempt_id: str) -> Sequence[Allocation]:
        """Oldest invoice first."""
        query = select(t.payment_allocations).where(*_of_attempt(t.payment_allocations, account_id, attempt_id))
        return await fetch_all(self._connection, Allocation, query.order_by(t.payment_allocations.c.invoice_id))

    async def release(self, account_id: str, attempt_id: str) -> None:
        of_attempt = _of_attempt(t.payment_allocations, account_id, attempt_id)
        await self._connection.execute(update(t.payment_allocations).where(*of_attempt).values(live=False))

    async def drop_attempt(self, account_id: str, attempt_id: str) -> None:
        """Forget a try that was never shown to the provider."""
        for table in (t.payment_allocations, t.payment_attempts):
            await self._connection.execute(delete(table).where(*_of_attempt(table, account_id, attempt_id)))

    async def remember(self, provider: str, reference: str, account_id: str, attempt_id: str) -> None:
        values = {"provider": provider, "reference": reference, "account_id": account_id, "attempt_id": attempt_id}
        await self._connection.execute(upsert(t.provider_references).values(**values).on_conflict_do_nothing())

    async def owner_of(self, provider: str, references: Sequence[str]) -> tuple[str, str] | None:
        known = t.provider_references.c
        query = select(known.account_id, known.attempt_id).where(
            known.provider == provider, known.reference.in_(references)
        )
        row = (await self._connection.execute(query.limit(1))).first()
        return None if row is None else (row.account_id, row.attempt_id)

    async def owners_of(self, provider: str, references: Sequence[str]) -> Mapping[str, str]:
        known = t.provider_references.c
        query = select(known.reference, known.account_id).where(
            known.provider == provider, known.reference.in_(references)
        )
        return {row.reference: row.account_id for row in await self._connection.execute(query)}

    async def add_refund(self, refund: Refund) -> bool:
        stored = upsert(t.payment_refunds).values(**asdict(refund)).on_conflict_do_nothing()
        result = await self._connection.execute(stored.returning(t.payment_refunds.c.refund_id))
        return result.first() is not None

    async def refund(self, account_id: str, refund_id: str) -> Refund | None:
        refunds = t.payment_refunds.c
        query = select(t.payment_refunds).where(refunds.account_id == account_id, refunds.refund_id == refund_id)
        return await fetch_one(self._connection, Refund, query)

    async def refunds(self, account_id: str, attempt_id: str) -> Sequence[Refund]:
        query = select(t.payment_refunds).where(*_of_attempt(t.payment_refunds, account_id, attempt_id))
        return await fetch_all(self._connection, Refund, query.order_by(t.payment_refunds.c.created_at))

    async def waiting_refunds(self, account_id: str = "", limit: int = 200) -> Sequence[Refund]:
        refunds = t.payment_refunds.c
        query = select(t.payment_refunds).where(refunds.status == "requested")
        if account_id:
            query = query.where(refunds.account_id == account_id)
        return await fetch_all(self._connection, Refund, query.order_by(refunds.created_at).limit(limit))

    async def change_refund(self, account_id: str, refund_id: str, values: Mapping[str, Any]) -> None:
        refunds = t.payment_refunds.c
        of_refund = (refunds.account_id == account_id, refunds.refund_id == refund_id)
        await self._connection.execute(update(t.payment_refunds).where(*of_refund).values(**values))

    async def paylink_revision(self, account_id: str) -> int:
        revision = await self._connection.scalar(
            select(t.paylinks.c.revision).where(t.paylinks.c.account_id == account_id)
        )
        return 1 if revision is None else int(revision)

    async def revoke_paylink(self, account_id: str) -> int:
        raised = upsert(t.paylinks).values(account_id=account_id, revision=2)
        changed = raised.on_conflict_do_update(
            index_elements=["account_id"], set_={"revision": t.paylinks.c.revision + 1}
        )
        return int((await self._connection.execute(changed.returning(t.paylinks.c.revision))).scalar_one())


def _of_attempt(table: Any, account_id: str, attempt_id: str) -> tuple[Any, Any]:
    return table.c.account_id == account_id, table.c.attempt_id == attempt_id


def _typed(row: Attempt) -> Attempt:
    values = {**asdict(row), "purpose": AttemptPurpose(row.purpose), "status": PaymentStatus(row.status)}
    return Attempt(**values)
