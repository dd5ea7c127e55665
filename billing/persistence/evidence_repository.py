"""Agreements of customers on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.statements import fetch_all
from billing.persistence.tables.payment_evidence import mandate_acceptances
from billing.ports.payment_evidence import Acceptance, NewAcceptance


class SqlEvidenceRepository:
    """What customers agreed to."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, acceptance: NewAcceptance) -> str:
        kept = insert(mandate_acceptances).values(**asdict(acceptance)).returning(mandate_acceptances.c.acceptance_id)
        return str((await self._connection.execute(kept)).scalar_one())

    async def opened(self, account_id: str, acceptance_id: str, setup_reference: str) -> None:
        kept = mandate_acceptances.c
        one = (kept.account_id == account_id, kept.acceptance_id == acceptance_id)
        await self._connection.execute(update(mandate_acceptances).where(*one).values(setup_reference=setup_reference))

    async def fulfilled(self, account_id: str, acceptance_id: str, method_id: str, mandate_reference: str) -> None:
        kept = mandate_acceptances.c
        waiting = (kept.account_id == account_id, kept.acceptance_id == acceptance_id, kept.method_id.is_(None))
        values = {"method_id": method_id, "mandate_reference": mandate_reference}
        await self._connection.execute(update(mandate_acceptances).where(*waiting).values(**values))

    async def all(self, account_id: str) -> Sequence[Acceptance]:
        kept = mandate_acceptances.c
        query = select(mandate_acceptances).where(kept.account_id == account_id).order_by(kept.acceptance_id.desc())
        return await fetch_all(self._connection, Acceptance, query)
