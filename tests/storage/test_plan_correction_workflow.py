"""A correction as a workflow: its worker dies, another one goes on, and every account is corrected once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Replayer, Worker

from activities.plan_corrections import PlanCorrectionActivities
from billing.messages.identities import plan_correction_workflow_id
from billing.messages.plan_corrections import CorrectPlanRequest, PlanCorrectionReport
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.ports.plan_corrections import NewPlanCorrection, PlanCorrection
from evenflow.temporal import TemporalProcess, plugin
from tests.builders import ACTIVATED_AT, a_plan
from tests.builders_usage import PLAN, UsageWorld, a_usage_world, an_event
from workflows.plan_correction import PlanCorrectionWorkflow


@pytest.fixture
async def client(temporal_address: str) -> Client:
    return await Client.connect(temporal_address, plugins=[plugin()])


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path)
    dearer = deepcopy(dict(PLAN))
    dearer["prices"][0]["fee"] = "12"
    async with world.work() as work:
        await work.accounts.add_plan(a_plan(dearer, plan_version=2))
        await work.commit()
    await world.service.take([an_event()])
    yield world
    await engine.dispose()


async def test_a_correction_goes_on_after_a_failure_and_operators_read_what_it_did(
    client: Client, world: UsageWorld, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    corrections = world.service.plan_corrections
    wanted = NewPlanCorrection("vonk-basis", 1, 2, ACTIVATED_AT, "published too cheap", "Ann")
    recorded = await corrections.request(wanted)
    failed, correct_some = asyncio.Event(), corrections._correct_some

    async def failing(correction_id: str, accounts: Sequence[str], **more: Any) -> PlanCorrection:
        corrected = await correct_some(correction_id, accounts, **more)
        if not failed.is_set():
            failed.set()
            raise ConnectionError("the database went away after the first accounts")
        return corrected

    monkeypatch.setattr(corrections, "_correct_some", failing)

    async def connected() -> Client:
        return client

    activities = [PlanCorrectionActivities(corrections).correct_plan]
    async with Worker(client, task_queue=unique, workflows=[PlanCorrectionWorkflow], activities=activities):
        await TemporalProcess(connected, unique).start_plan_correction(CorrectPlanRequest(recorded.correction_id))
        workflow_id = plan_correction_workflow_id(recorded.correction_id)
        handle = client.get_workflow_handle(workflow_id, result_type=PlanCorrectionReport)
        report = await handle.result()
    assert report == PlanCorrectionReport(recorded.correction_id, 1, 1, 0, 200, "EUR")
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []
    assert (await corrections.get(recorded.correction_id)).finished_at is not None
    assert await corrections.start_unfinished() == 0
    replayer = Replayer(workflows=[PlanCorrectionWorkflow], plugins=[plugin()])
    await replayer.replay_workflow(await handle.fetch_history())
