"""Every recorded run must replay on today's code: same commands, same inputs, same carried state."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from evenflow.temporal import plugin
from evenflow.workers import WORKFLOWS
from tests.histories.broken import BrokenAccountWorkflow
from tests.histories.catalogue import FOLDER, Recorded, digest, read_manifest, recorded
from tests.histories.replaying import CommandNotes, ends_within_a_task, recorded_commands, without_newer_fields
from workflows.account import AccountWorkflow

RUNS = list(recorded())
MOST_EVENTS_OF_A_DEBT = 600
NEEDED = {
    "pays_by_debit",
    "pays_by_card",
    "pays_early",
    "declined_then_pays_by_paylink",
    "declined_retried_paid",
    "sepa_fails_days_later",
    "ignored_until_outgoing_bar",
    "ignored_to_full_bar",
    "charged_back_after_thanks",
    "mandate_revoked",
    "nothing_to_pay",
    "paused_and_resumed",
    "cycle_day_changed",
    "still_sleeping",
    "calls_in_a_file_are_billed",
    "held_file_is_released",
    "wrong_file_is_cancelled",
    "price_is_corrected",
    "capped_then_raised",
    "stopped_abroad_until_agreed",
    "plan_kept_by_debit",
    "plan_missed_once",
    "lost_phone_outlives_the_debt",
    "pays_by_bacs",
    "bulk_held",
    "bulk_put_back",
    "bulk_paused_and_cancelled",
    "bulk_worker_killed",
    "bulk_in_several_runs",
}


@pytest.mark.parametrize("run", RUNS, ids=[run.name for run in RUNS])
async def test_replays_with_the_same_inputs(run: Recorded) -> None:
    notes = CommandNotes()
    replayer = Replayer(workflows=WORKFLOWS, plugins=[plugin()], interceptors=[notes])
    history = run.json()
    await replayer.replay_workflow(WorkflowHistory.from_json(run.workflow_id, history))
    expected = recorded_commands(history)
    # A run recorded while a task was waiting has not yet written down what that task asks for.
    asked = notes.commands.seen[: len(expected)] if ends_within_a_task(history) else notes.commands.seen
    assert without_newer_fields(asked, expected) == expected


def test_there_is_a_history_of_every_story() -> None:
    assert {run.name.split("/")[1].split(".")[0] for run in RUNS} >= NEEDED


def test_recorded_files_never_change_and_never_go() -> None:
    now = {path.relative_to(FOLDER).as_posix(): digest(path) for path in FOLDER.glob("*/*.json.gz")}
    assert now == read_manifest()


async def test_a_broken_process_is_noticed() -> None:
    """The negative control: a build that skips the ready notice must not replay."""
    run = next(one for one in RUNS if ".account." in one.name and "pays_by_card" in one.name)
    workflows = [one for one in WORKFLOWS if one is not AccountWorkflow]
    replayer = Replayer(workflows=[*workflows, BrokenAccountWorkflow], plugins=[plugin()])
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(WorkflowHistory.from_json(run.workflow_id, run.json()))


async def test_a_changed_amount_is_noticed() -> None:
    """The second control: replay alone does not see inputs, so the comparison of inputs must."""
    run = next(one for one in RUNS if ".account." in one.name and "pays_by_card" in one.name)
    recorded_inputs = recorded_commands(run.json())
    for _kind, payloads in recorded_inputs:
        if payloads and "announced_minor" in payloads[0]:
            payloads[0]["announced_minor"] += 1
    notes = CommandNotes()
    replayer = Replayer(workflows=WORKFLOWS, plugins=[plugin()], interceptors=[notes])
    await replayer.replay_workflow(WorkflowHistory.from_json(run.workflow_id, run.json()))
    assert notes.commands.seen != recorded_inputs


def test_a_newer_field_is_left_out_only_while_it_holds_nothing() -> None:
    recorded = [("collect", [{"amount": 0, "more": [{"id": "a"}]}])]
    newer = [("collect", [{"amount": 0, "more": [{"id": "a", "note": ""}], "stops": False}])]
    telling = [("collect", [{"amount": 0, "more": [{"id": "a", "note": "x"}], "stops": False}])]
    assert without_newer_fields(newer, recorded) == recorded
    assert without_newer_fields(telling, recorded) != recorded
    assert without_newer_fields([*newer, ("collect", [])], recorded) != recorded


@pytest.mark.parametrize(
    "release", sorted({run.name.split("/")[0] for run in RUNS if "/ignored_to_full_bar." in run.name})
)
@pytest.mark.parametrize("story", ["ignored_until_outgoing_bar", "ignored_to_full_bar"])
def test_full_dunning_and_barring_stay_within_their_budget_of_events(story: str, release: str) -> None:
    """All runs of account, case and orders together, with the cycles that passed meanwhile."""
    events = [len(run.json()["events"]) for run in RUNS if run.name.startswith(f"{release}/{story}.")]
    assert len(events) > 5
    assert sum(events) <= MOST_EVENTS_OF_A_DEBT
