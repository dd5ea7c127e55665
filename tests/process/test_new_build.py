"""A new build of the worker: a run stays on its build, and an account moves over when it wakes to bill."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion, WorkflowIDConflictPolicy
from temporalio.service import RPCError
from temporalio.worker import Worker, WorkerDeploymentConfig

from billing.messages.account import AccountState
from billing.services.account_recovery import state_from_books
from evenflow.workers import WORKFLOWS
from tests.process.people import Customer, a_customer
from tests.process.world import World

pytestmark = pytest.mark.xdist_group("worlds")

QUEUE = "builds"
DEPLOYMENT = "evenflow-builds"


@asynccontextmanager
async def a_build(world: World, build_id: str) -> AsyncIterator[None]:
    """A worker of this build, which is the one that new runs take."""
    config = WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(DEPLOYMENT, build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )
    async with Worker(world.temporal, task_queue=QUEUE, workflows=WORKFLOWS, deployment_config=config):
        await world.until(lambda: _make_current(world, build_id), why=f"build {build_id} did not become current")
        yield


async def _make_current(world: World, build_id: str) -> bool:
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=world.temporal.namespace, deployment_name=DEPLOYMENT, build_id=build_id
    )
    try:
        await world.temporal.workflow_service.set_worker_deployment_current_version(request)
    except RPCError:  # the server has not seen the worker yet
        return False
    return True


async def _start_on_builds(world: World, customer: Customer) -> None:
    """The account's process again, on the versioned queue; its activities are served by the world's workers."""
    async with world.parts.make_work() as work:
        account = await work.accounts.get(customer.account_id)
        state = await state_from_books(work, account, world.parts.clock.segment(), 0, world.now())
    assert isinstance(state, AccountState)
    await world.temporal.start_workflow(
        "AccountWorkflow",
        state,
        id=customer.workflow_id,
        task_queue=QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
    )


async def _builds(world: World, customer: Customer) -> list[str]:
    """The build of each run of the account on the versioned queue, oldest first."""
    query = f'WorkflowId = "{customer.workflow_id}" AND TaskQueue = "{QUEUE}"'
    runs = [one async for one in world.temporal.list_workflows(query)]
    return [await _build_of(world, one.id, one.run_id) for one in sorted(runs, key=lambda run: run.start_time)]


async def _build_of(world: World, workflow_id: str, run_id: str) -> str:
    execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    request = DescribeWorkflowExecutionRequest(namespace=world.temporal.namespace, execution=execution)
    answer: Any = await world.temporal.workflow_service.describe_workflow_execution(request)
    return str(answer.workflow_execution_info.versioning_info.deployment_version.build_id)


async def test_a_sleeping_account_moves_to_the_new_build_when_it_wakes(world: World) -> None:
    async with a_build(world, "one"):
        customer = await a_customer(world, "pm_card_visa", days_to_close=12)
        await _start_on_builds(world, customer)

        async def begun() -> bool:
            return await _builds(world, customer) == ["one"]

        await world.until(begun, why="the account did not start on the first build")
        async with a_build(world, "two"):
            assert await _builds(world, customer) == ["one"], "a run never changes its build"

            async def moved() -> bool:
                return await _builds(world, customer) == ["one", "two"]

            await world.until(moved, 20, "the account did not move to the new build", customer.story)
            await customer.told("thank_you")
