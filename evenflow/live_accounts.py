"""Which accounts should have a workflow and have none. Visibility may lag; starting one twice is harmless."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.messages.identities import account_workflow_id
from billing.persistence.statements import fetch_all
from billing.persistence.tables.accounts import accounts
from billing.ports.accounts import Account
from evenflow.temporal import TemporalProcess

_OPEN_ACCOUNTS = 'WorkflowType = "AccountWorkflow" AND ExecutionStatus = "Running"'


class LiveAccounts:
    """Compares the accounts in the database with the workflows that are open."""

    def __init__(self, engine: AsyncEngine, process: TemporalProcess) -> None:
        self._engine = engine
        self._process = process

    async def accounts_without_workflow(self) -> Sequence[Account]:
        """Accounts not closed whose workflow is not among the open ones."""
        client = await self._process.client()
        running = {execution.id async for execution in client.list_workflows(_OPEN_ACCOUNTS)}
        async with self._engine.connect() as connection:
            alive = await fetch_all(connection, Account, select(accounts).where(accounts.c.status != "closed"))
        return [one for one in alive if account_workflow_id(one.brand, one.number) not in running]
