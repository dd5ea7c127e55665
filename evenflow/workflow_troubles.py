"""Workflows that need a person: those that ended badly, and those of accounts that the books do not know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from billing.domain import staff_cases as kinds
from billing.persistence.tables.accounts import accounts
from billing.ports.staff_cases import Cause
from billing.ports.troubles import MOST_CAUSES
from evenflow.temporal import TemporalProcess

ENDED_SINCE = timedelta(days=30)
_BADLY = 'ExecutionStatus IN ("Failed", "Terminated", "TimedOut")'
# The server notes this when the same task of a workflow failed several times.
_CODE_FAILS = 'TemporalReportedProblems IS NOT NULL AND ExecutionStatus = "Running"'
_RUNNING_ACCOUNTS = 'WorkflowType = "AccountWorkflow" AND ExecutionStatus = "Running"'
_RUNNING_ORDERS = 'WorkflowType = "BarringWorkflow" AND ExecutionStatus = "Running"'
_FINE = (
    WorkflowExecutionStatus.RUNNING,
    WorkflowExecutionStatus.COMPLETED,
    WorkflowExecutionStatus.CONTINUED_AS_NEW,
)
_AT_ONCE = 1000


class WorkflowTroubles:
    """Looks at the process server, for the sweep."""

    def __init__(self, engine: AsyncEngine, process: TemporalProcess) -> None:
        self._engine = engine
        self._process = process

    async def running_orders(self) -> set[str]:
        """The ids of the orders whose workflow is open."""
        client = await self._process.client()
        return {execution.id async for execution in client.list_workflows(_RUNNING_ORDERS)}

    async def ended_badly(self) -> Sequence[Cause]:
        """Workflows whose last run failed, was terminated or timed out, and those that cannot go on for their code.

        Those of closed accounts are left out.
        """
        client = await self._process.client()
        since = datetime.now(UTC) - ENDED_SINCE
        query = f"{_BADLY} AND CloseTime > '{since:%Y-%m-%dT%H:%M:%SZ}'"
        newest: dict[str, WorkflowExecution] = {}
        async for execution in client.list_workflows(query):
            newest.setdefault(execution.id, execution)
            if len(newest) >= MOST_CAUSES:
                break
        standing = [one for one in newest.values() if await _is_last(client, one)]
        standing += [one async for one in client.list_workflows(_CODE_FAILS)][: MOST_CAUSES - len(standing)]
        owners = await self._owners(_account_of(one.id) for one in standing)
        causes = [_ended(one, owners.get(_account_of(one.id))) for one in standing]
        return [cause for cause in causes if cause is not None]

    async def without_account(self) -> Sequence[Cause]:
        """Running workflows of accounts that the books do not have, or have as closed."""
        client = await self._process.client()
        running = {one.id: one async for one in client.list_workflows(_RUNNING_ACCOUNTS)}
        known = await self._owners(_account_of(each) for each in running)
        strangers = [each for each in running if (known.get(_account_of(each)) or ("", "closed"))[1] == "closed"]
        return [_stranger(running[each]) for each in sorted(strangers)[:MOST_CAUSES]]

    async def _owners(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], tuple[str, str]]:
        """Account id and status by brand and number."""
        wanted, columns = sorted(set(names)), accounts.c
        found: dict[tuple[str, str], tuple[str, str]] = {}
        async with self._engine.connect() as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                part = tuple_(columns.brand, columns.number).in_(wanted[start : start + _AT_ONCE])
                query = select(columns.brand, columns.number, columns.account_id, columns.status).where(part)
                for row in await connection.execute(query):
                    found[row.brand, row.number] = (row.account_id, row.status)
        return found


async def _is_last(client: Client, execution: WorkflowExecution) -> bool:
    """Whether no newer run took its place; the list may lag, so the server itself is asked."""
    try:
        last = await client.get_workflow_handle(execution.id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return last.status not in _FINE


def _account_of(workflow_id: str) -> tuple[str, str]:
    """Brand and number in ``account/<brand>/<number>``, and in a case's or an order's id; empty in others."""
    parts = workflow_id.split("/")
    return (parts[1], parts[2]) if parts[0] in ("account", "dunning", "barring") and len(parts) > 2 else ("", "")


def _ended(execution: WorkflowExecution, owner: tuple[str, str] | None) -> Cause | None:
    account_id, status = owner or (None, "")
    if status == "closed":
        return None
    how = execution.status.name.lower().replace("_", " ") if execution.status else "ended"
    at = f" at {execution.close_time:%Y-%m-%d %H:%M} UTC" if execution.close_time else ""
    said = f"{how}{at}, and no newer run took its place"
    if execution.status is WorkflowExecutionStatus.RUNNING:
        said = "runs and cannot go on: its tasks fail again and again"
    return Cause(
        kinds.WORKFLOW_FAILED,
        execution.id,
        f"{execution.workflow_type} {execution.id} {said}.",
        account_id,
        {"workflow_id": execution.id, "run_id": execution.run_id, "status": how},
    )


def _stranger(execution: WorkflowExecution) -> Cause:
    return Cause(
        kinds.WORKFLOW_WITHOUT_ACCOUNT,
        execution.id,
        f"{execution.id} runs since {execution.start_time:%Y-%m-%d %H:%M} UTC; the books know no such open account.",
        facts={"workflow_id": execution.id, "run_id": execution.run_id},
    )
