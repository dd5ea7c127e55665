"""Which accounts should have a workflow with a next date, and have none.

The ids of the running workflows are listed page by page and compared as sets with the open accounts. Visibility may
lag: starting a workflow twice is harmless, and the rule of the books asks the server itself about each suspect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from billing.messages.identities import account_workflow_id, dunning_workflow_id
from billing.persistence.invariants import Invariant, Violation
from billing.persistence.statements import as_record, fetch_all
from billing.persistence.tables.accounts import accounts
from billing.persistence.tables.dunning import dunning_cases
from billing.ports.accounts import Account
from evenflow.settings import TemporalSettings
from evenflow.temporal import TemporalProcess, connect

# The server's patience is longer than a person's who waits for a check.
CONNECT_SECONDS = 5
# Suspects beyond these are told without asking the server about each: then something is wrong at large.
MOST_ASKED_ABOUT = 1000
# A workflow shows its next date with its first task, which a worker does within moments.
FIRST_TASK_WITHIN = timedelta(minutes=1)
_RUNNING = 'WorkflowType = "AccountWorkflow" AND ExecutionStatus = "Running"'
_CASES_RUNNING = 'WorkflowType = "DunningWorkflow" AND ExecutionStatus = "Running"'
_UNDATED = f"{_RUNNING} AND NextActionAt IS NULL"
_NEXT_ACTION_AT = SearchAttributeKey.for_datetime("NextActionAt")
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class _OpenAccount:
    """As little of an account as the comparison needs, for there may be millions."""

    account_id: str
    brand: str
    number: str
    paused: bool

    @property
    def workflow_id(self) -> str:
        return account_workflow_id(self.brand, self.number)


class LiveAccounts:
    """Compares the accounts in the database with the workflows that are open."""

    def __init__(self, engine: AsyncEngine, process: TemporalProcess) -> None:
        self._engine = engine
        self._process = process

    async def accounts_without_workflow(self) -> Sequence[Account]:
        """Accounts not closed whose workflow is not among the open ones."""
        running = await _ids(await self._process.client(), _RUNNING)
        async with self._engine.connect() as connection:
            missing = [one.account_id for one in await _open_accounts(connection, running)]
            found: list[Account] = []
            for start in range(0, len(missing), _AT_ONCE):
                part = missing[start : start + _AT_ONCE]
                found += await fetch_all(connection, Account, select(accounts).where(accounts.c.account_id.in_(part)))
        return found

    async def cases_without_workflow(self) -> Sequence[tuple[Account, str]]:
        """Accounts with an open dunning case whose workflow is not among the open ones, and the case's id."""
        running = await _ids(await self._process.client(), _CASES_RUNNING)
        open_cases = select(dunning_cases.c.case_id, accounts).join(
            accounts, accounts.c.account_id == dunning_cases.c.account_id
        )
        lost = []
        async with self._engine.connect() as connection:
            for row in await connection.execute(open_cases.where(dunning_cases.c.closed_at.is_(None))):
                account = as_record(Account, row)
                if dunning_workflow_id(account.brand, account.number) not in running:
                    lost.append((account, row.case_id))
        return lost


async def process_rules(temporal: TemporalSettings) -> tuple[tuple[Invariant, ...], str]:
    """The rules of the books that need the process server; without one, none, and why they cannot be checked."""
    if not temporal.address:
        return (), "EVENFLOW_TEMPORAL_ADDRESS names no process server"
    try:
        key = temporal.api_key.get_secret_value()
        client = await asyncio.wait_for(
            connect(temporal.address, temporal.namespace, key, temporal.tls), CONNECT_SECONDS
        )
    except (RPCError, RuntimeError, TimeoutError):
        return (), f"no process server answers at {temporal.address}"
    return (accounts_live(client),), ""


def accounts_live(client: Client) -> Invariant:
    """The rule that every open account is looked after by a workflow that will act."""

    async def find(connection: AsyncConnection) -> list[Violation]:
        # A connection of its own, for a view of the accounts that is newer than the list of workflows.
        return await _violations(client, connection.engine)

    return Invariant(
        "accounts live",
        "Every open account has a running workflow, with a next date unless it is paused.",
        "Nobody bills the account or collects from it.",
        "Upkeep starts a missing workflow in its next round; if it does not, its report and the worker's log say why.",
        find,
    )


async def _violations(client: Client, engine: AsyncEngine) -> list[Violation]:
    undated = await _ids(client, _UNDATED)
    healthy = await _ids(client, _RUNNING) - undated
    async with engine.connect() as connection:
        suspects = await _open_accounts(connection, healthy)
    troubles = [(one, await _trouble(client, one)) for one in suspects[:MOST_ASKED_ABOUT]]
    troubles += [(one, "has no running workflow with a next date") for one in suspects[MOST_ASKED_ABOUT:]]
    return [Violation(one.account_id, f"{one.workflow_id} {what}") for one, what in troubles if what]


async def _ids(client: Client, query: str) -> set[str]:
    return {execution.id async for execution in client.list_workflows(query)}


async def _open_accounts(connection: AsyncConnection, but: set[str]) -> list[_OpenAccount]:
    """The accounts not closed, but for those of some workflows; read as a stream."""
    columns = accounts.c
    query = select(columns.account_id, columns.brand, columns.number, columns.paused).where(columns.status != "closed")
    rows = await connection.stream(query.order_by(columns.account_id))
    return [one async for row in rows if (one := _OpenAccount(*row)).workflow_id not in but]


async def _trouble(client: Client, account: _OpenAccount) -> str:
    """What is wrong with the account's workflow, as the server itself has it; empty when all is well."""
    try:
        found = await client.get_workflow_handle(account.workflow_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return "is not running"
    if found.status is not WorkflowExecutionStatus.RUNNING:
        return f"is not running: its last run is {found.status.name.lower() if found.status else 'unknown'}"
    is_new = datetime.now(UTC) - found.start_time < FIRST_TASK_WITHIN
    if account.paused or is_new or found.typed_search_attributes.get(_NEXT_ACTION_AT) is not None:
        return ""
    return "runs without a next date"
