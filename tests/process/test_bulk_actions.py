"""Bulk actions through real processes: held and put back, stopped and gone on, and a worker that dies in the middle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.worker import Replayer

from billing.domain.bulk_actions import BulkKind, BulkOrder
from billing.domain.work_list import WorkFilter
from billing.messages.account import HoldUntil, PauseCollection
from billing.messages.bulk_actions import BulkActionState
from billing.messages.identities import account_workflow_id, bulk_action_workflow_id
from billing.services.bulk_actions import UnableToUndo
from billing.services.dunning_assignments import PolicyAssignments
from evenflow.temporal import plugin
from tests.builders_bulk import BOSS, BulkDesk, a_bulk_desk
from tests.builders_work_list import NOW
from tests.histories.catalogue import add_to_manifest
from tests.histories.record import keep_runs
from workflows.bulk_action import BulkActionWorkflow

pytestmark = pytest.mark.xdist_group("worlds")
HOLD = BulkOrder(BulkKind.HOLD, until=NOW + timedelta(days=10))


@pytest.fixture
async def desk(
    database_url: str, temporal_address: str, simulator_environment: dict[str, str], tmp_path: Path
) -> AsyncIterator[BulkDesk]:
    async with a_bulk_desk(database_url, temporal_address, simulator_environment, tmp_path) as built:
        yield built


async def keep(desk: BulkDesk, request: pytest.FixtureRequest, scenario: str, bulk_id: str) -> None:
    """Keep the histories of an action when a release is recorded (tests.histories.record)."""
    release = request.config.getoption("--record")
    if release:
        # Other tests on this server have actions of the same number.
        began = desk.began.isoformat(timespec="seconds")
        query = f'WorkflowId = "{bulk_action_workflow_id(bulk_id)}" AND StartTime >= "{began}"'
        add_to_manifest(await keep_runs(desk.client, release, f"{scenario}.bulk-action", query))


async def test_a_segment_is_held_and_put_back_where_nobody_changed_it_since(
    desk: BulkDesk, request: pytest.FixtureRequest
) -> None:
    held = await desk.owes(8, "business")
    others = await desk.owes(2, "standard")
    actions = desk.parts.collections.actions
    async with desk.working():
        paused = account_workflow_id("vonk", held[0].number)
        await desk.parts.process.command(paused, "pause_collection", PauseCollection("p", "ann", "asked"))
        bulk_id = await desk.begin(HOLD, "business")
        report = await desk.ended(bulk_id)
        assert (report.state, report.done, report.refused, report.failed) == ("done", 8, 0, 0)
        assert [(await desk.account(one)).hold_until for one in held] == [HOLD.until] * 8
        assert [(await desk.account(one)).hold_until for one in others] == [None] * 2
        assert [await desk.told(one, "hold_until") for one in held] == [1] * 8

        later = HoldUntil("later", "ann", "agreed with the customer", NOW + timedelta(days=30))
        workflow_id = account_workflow_id("vonk", held[1].number)
        await desk.parts.process.command(workflow_id, "hold_until", later)
        undoing = await actions.preview_undo(bulk_id, "boss")
        assert (undoing.accounts, undoing.undoes) == (8, bulk_id)
        await actions.confirm(undoing.bulk_id, 8, "the outage is over", BOSS)
        back = await desk.ended(undoing.bulk_id)
    assert (back.done, back.skipped) == (7, 1)
    assert (await desk.account(held[1])).hold_until == later.until, "somebody's later decision stays"
    put_back = [await desk.account(one) for one in held if one is not held[1]]
    assert [one.hold_until for one in put_back] == [None] * 7
    assert [one.paused for one in put_back] == [True] + [False] * 6, "the pause of before is in force again"
    await keep(desk, request, "bulk_held", bulk_id)
    await keep(desk, request, "bulk_put_back", undoing.bulk_id)


async def test_it_stands_still_goes_on_and_is_called_off(desk: BulkDesk, request: pytest.FixtureRequest) -> None:
    await desk.owes(70, "business", steps_done=None)
    actions = desk.parts.collections.actions
    order = BulkOrder(BulkKind.SEGMENT, segment="gold")
    previewed = await actions.preview(order, WorkFilter(segment="business"), "boss")
    await actions.confirm(previewed.bulk_id, 70, "sorted anew", BOSS)
    bulk_id = previewed.bulk_id
    async with desk.working():
        await desk.until(bulk_id, lambda report: report.done > 0)
        await actions.command(bulk_id, "pause", "c1", "boss", "wait")
        standing = await desk.until(bulk_id, lambda report: report.state == "paused")
        if standing.waiting:  # on a machine that is quick enough all was done before
            await actions.command(bulk_id, "resume", "c2", "boss", "go on")
            await actions.command(bulk_id, "cancel", "c3", "boss", "enough")
        report = await desk.ended(bulk_id)
    assert report.done + report.left == 70
    action = await actions.get(bulk_id)
    assert [note["state"] for note in action.history][:2] == ["running", "paused"]
    assert action.finished_at is not None
    await keep(desk, request, "bulk_paused_and_cancelled", bulk_id)


async def test_cases_move_to_another_version_and_back(desk: BulkDesk) -> None:
    moved = await desk.owes(3, "business")
    without_case = await desk.owes(1, "business", steps_done=None)
    actions = desk.parts.collections.actions
    order = BulkOrder(BulkKind.MOVE_POLICY, policy_code="default", policy_version=2)
    previewed = await actions.preview(order, WorkFilter(segment="business"), "boss")
    assert previewed.totals["reasons"] == {"there is no open case": 1}
    async with desk.working():
        await actions.confirm(previewed.bulk_id, 4, "the new ladder", BOSS)
        report = await desk.ended(previewed.bulk_id)
        assert (report.done, report.refused) == (3, 1)
        assert [await _version(desk, one.account_id) for one in moved] == [2] * 3
        undoing = await actions.preview_undo(previewed.bulk_id, "boss")
        await actions.confirm(undoing.bulk_id, 3, "the old one was better", BOSS)
        assert (await desk.ended(undoing.bulk_id)).done == 3
    assert [await _version(desk, one.account_id) for one in moved] == [1] * 3
    assert [(await desk.account(one)).dunning_policy_code for one in [*moved, *without_case]] == [None] * 4


async def _version(desk: BulkDesk, account_id: str) -> int:
    async with desk.parts.make_work() as work:
        case = await work.dunning.open_case(account_id)
    assert case is not None
    return case.policy_version


async def test_paylinks_are_sent_once_and_cannot_be_taken_back(desk: BulkDesk) -> None:
    owing = await desk.owes(2, "business")
    actions = desk.parts.collections.actions
    async with desk.working():
        bulk_id = await desk.begin(BulkOrder(BulkKind.PAYLINK), "business")
        assert (await desk.ended(bulk_id)).done == 2
    for one in owing:
        async with desk.parts.make_work() as work:
            notices = await work.notices.of(one.account_id)
        assert [(notice.kind, notice.amount_minor) for notice in notices] == [("dunning_reminder", one.overdue_minor)]
        assert await desk.told(one, "paylink_sent") == 1
    with pytest.raises(UnableToUndo, match="a message that was sent cannot be taken back"):
        await actions.preview_undo(bulk_id, "boss")


async def test_what_does_not_match_any_more_is_skipped_and_what_the_process_refuses_is_told(desk: BulkDesk) -> None:
    owing = await desk.owes(4, "business", failure="funds", code="AM04", method="card")
    actions = desk.parts.collections.actions
    previewed = await actions.preview(BulkOrder(BulkKind.RETRY), WorkFilter(segment="business"), "boss")
    assert previewed.totals["amounts"] == {"EUR": 4 * owing[0].overdue_minor}
    assignments = PolicyAssignments(desk.parts.make_work, desk.parts.clock)
    await assignments.move_account(owing[0].account_id, "gold", "ann", "corrected")
    async with desk.working():
        await actions.confirm(previewed.bulk_id, 4, "the bank was away", BOSS)
        report = await desk.ended(previewed.bulk_id)
    assert (report.skipped, report.refused, report.done) == (1, 3, 0)
    rows = await actions.accounts(previewed.bulk_id)
    assert {one.status: one.detail for one in rows}["skipped"] == "it does not match the filter any more"
    assert "no overdue invoice to try again" in {one.status: one.detail for one in rows}["refused"]


async def test_a_worker_that_dies_in_the_middle_changes_each_account_once(
    desk: BulkDesk, request: pytest.FixtureRequest
) -> None:
    owing = await desk.owes(60, "business", steps_done=None)
    bulk_id = await desk.begin(HOLD, "business")
    async with desk.a_worker_process() as kill:
        await desk.until(bulk_id, lambda report: report.done >= 3)
        await kill()
    struck = await desk.report(bulk_id)
    assert 0 < struck.waiting < 60, "it died before all had their turn"
    async with desk.working():
        report = await desk.ended(bulk_id)
    assert (report.state, report.done, report.waiting) == ("done", 60, 0)
    assert [(await desk.account(one)).hold_until for one in owing] == [HOLD.until] * 60
    assert [await desk.told(one, "hold_until") for one in owing] == [1] * 60
    handle = desk.client.get_workflow_handle(bulk_action_workflow_id(bulk_id))
    await Replayer(workflows=[BulkActionWorkflow], plugins=[plugin()]).replay_workflow(await handle.fetch_history())
    await keep(desk, request, "bulk_worker_killed", bulk_id)


async def test_many_accounts_are_served_by_several_runs(desk: BulkDesk, request: pytest.FixtureRequest) -> None:
    await desk.owes(65, "business", steps_done=None)
    bulk_id = await desk.begin(BulkOrder(BulkKind.SEGMENT, segment="gold"), "business")
    workflow_id = bulk_action_workflow_id(bulk_id)
    await desk.client.get_workflow_handle(workflow_id).terminate("it begins again, with short runs")
    await desk.parts.process.start_bulk_action(BulkActionState(bulk_id, rounds=1))
    async with desk.working():
        assert (await desk.ended(bulk_id)).done == 65
        query = f'WorkflowId = "{workflow_id}" AND ExecutionStatus = "ContinuedAsNew"'
        deadline = time.monotonic() + 20  # what can be listed lags behind
        while len([one async for one in desk.client.list_workflows(query)]) < 2:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
    await keep(desk, request, "bulk_in_several_runs", bulk_id)


async def test_upkeep_begins_what_was_confirmed_while_the_process_server_was_away(desk: BulkDesk) -> None:
    await desk.owes(2, "business", steps_done=None)
    actions = desk.parts.collections.actions
    bulk_id = await desk.begin(HOLD, "business")
    await desk.client.get_workflow_handle(bulk_action_workflow_id(bulk_id)).terminate("lost")
    assert await actions.look_after() == 1
    async with desk.working():
        assert (await desk.ended(bulk_id)).done == 2
    assert await actions.look_after() == 0
