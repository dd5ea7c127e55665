"""A dunning case on a real Temporal server: whom it tells something may be gone in that very moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.worker import (
    Interceptor,
    SignalChildWorkflowInput,
    Worker,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from billing.domain.clock import ClockSegment
from billing.messages.account import CaseChanged
from billing.messages.dunning import CloseCaseRequest, DecideRequest, DunningState, NextAction, NextStep, StepDone
from billing.messages.identities import BILLING_QUEUE, account_workflow_id, barring_workflow_id, dunning_workflow_id
from evenflow.temporal import plugin
from tests.builders_gone import ShortAccount, ShortBarring
from workflows.dunning import DunningWorkflow

BRAND, CASE = "vonk", "case_7"
CLOSE = NextStep(NextAction.CLOSE, "nothing is owed")


class _GoneOutbound(WorkflowOutboundInterceptor):
    async def signal_child_workflow(self, input: SignalChildWorkflowInput) -> None:
        """What the server says of a workflow that closed before the signal came."""
        raise ApplicationError("Unable to signal external workflow because it was not found")


class _GoneInbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_GoneOutbound(outbound))


class ChildrenAreGone(Interceptor):
    """Every signal to a child comes too late."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return _GoneInbound


@dataclass
class Case:
    """A case whose decisions are given; what it wrote down, and how it closed."""

    client: Client
    number: str = field(default_factory=lambda: uuid4().hex[:12])
    decisions: list[NextStep] = field(default_factory=list)
    done: list[StepDone] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)

    @activity.defn(name="decide_next_step")
    async def decide(self, request: DecideRequest) -> NextStep:
        if request.done is not None:
            self.done.append(request.done)
        return self.decisions.pop(0) if len(self.decisions) > 1 else self.decisions[0]

    @activity.defn(name="close_case")
    async def close(self, request: CloseCaseRequest) -> None:
        self.outcomes.append(request.outcome)

    async def start(self, *decisions: NextStep) -> WorkflowHandle[DunningWorkflow, str]:
        self.decisions = list(decisions)
        hurried = ClockSegment(datetime.now(UTC), datetime(2027, 6, 1, tzinfo=UTC), 86_400 / 10)
        return await self.client.start_workflow(
            DunningWorkflow.run,
            DunningState("acc_1001", BRAND, self.number, CASE, clock=hurried),
            id=dunning_workflow_id(BRAND, self.number),
            task_queue=BILLING_QUEUE,
        )

    @property
    def order(self) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(barring_workflow_id(BRAND, self.number, f"{CASE}-1"))


@asynccontextmanager
async def working(client: Client) -> AsyncIterator[Case]:
    case = Case(client)
    worker = Worker(
        client,
        task_queue=BILLING_QUEUE,
        workflows=[DunningWorkflow, ShortBarring, ShortAccount],
        activities=[case.decide, case.close],
        interceptors=[ChildrenAreGone()],
    )
    async with worker:
        yield case


@pytest.fixture
async def case(temporal_address: str) -> AsyncIterator[Case]:
    client = await Client.connect(temporal_address, plugins=[plugin()])
    async with working(client) as made:
        yield made


async def eventually(what: Callable[[], bool]) -> None:
    for _ in range(1500):
        if what():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


async def until_it_runs(handle: WorkflowHandle[Any, Any]) -> None:
    for _ in range(600):
        with suppress(RPCError):
            if (await handle.describe()).status == WorkflowExecutionStatus.RUNNING:
                return
        await asyncio.sleep(0.05)
    raise AssertionError("the order did not begin")


async def test_a_case_goes_on_when_its_order_ends_just_as_it_is_withdrawn(case: Case) -> None:
    running = await case.start(NextStep(NextAction.BAR, "policy", "bar@17", level="outgoing"), CLOSE)
    await until_it_runs(case.order)
    await running.signal(DunningWorkflow.case_changed, CaseChanged(why="paid"))
    await asyncio.sleep(0.5)
    await case.order.signal("end")
    assert await asyncio.wait_for(running.result(), 30) == "settled"
    assert [(one.step, one.detail) for one in case.done] == [("bar@17", "confirmed")]
    assert case.outcomes == ["settled"]


async def test_an_account_that_is_away_is_asked_to_collect_when_it_is_there_again(case: Case) -> None:
    retry = NextStep(NextAction.RETRY, "policy", "retry@3", invoice_ids=("inv_1",))
    running = await case.start(retry)
    await eventually(lambda: len(case.done) >= 2)
    assert {one.detail for one in case.done} == {"interrupted"}
    account = await case.client.start_workflow(
        ShortAccount.run, id=account_workflow_id(BRAND, case.number), task_queue=BILLING_QUEUE
    )
    assert await asyncio.wait_for(account.result(), 30) >= 1
    await eventually(lambda: "asked" in {one.detail for one in case.done})
    case.decisions = [CLOSE]
    assert await asyncio.wait_for(running.result(), 30) == "settled"
