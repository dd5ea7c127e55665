"""What is written down about a case: steps that were carried out, what the customer was told, fees that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from billing.domain.dunning_ladder import DunningPolicy
from billing.messages.dunning import NextAction, StepDone
from billing.ports.accounts import TimelineEntry
from billing.ports.dunning import Case
from billing.ports.unit_of_work import UnitOfWork
from billing.services.dunning_fees import charge_reminder
from billing.services.dunning_plans import INSTALMENT_STEP, note_instalment

_NOT_DONE = ("interrupted", "withdrawn")
_LEFT = ("sent", "repeated")


def failures_with(known: list[dict[str, Any]], attempt_id: str, *, told: bool) -> list[dict[str, Any]]:
    """The case's failures with another one, once."""
    if not attempt_id or attempt_id in {one["attempt_id"] for one in known}:
        return known
    return [*known, {"attempt_id": attempt_id, "told": told}]


async def write_down(work: UnitOfWork, case: Case, policy: DunningPolicy, done: StepDone, now: datetime) -> Case:
    """Keep what was done. A step that was interrupted is not done: the next decision looks at it again."""
    if done.detail in _NOT_DONE:
        return case
    told = _told(case.failures, done.occasion) if done.action is NextAction.NOTIFY else list(case.failures)
    of_plan = done.step.startswith(INSTALMENT_STEP)
    taken = [done.step] if done.step and not of_plan else []
    changed = replace(case, steps_done=list(dict.fromkeys([*case.steps_done, *taken])), failures=told)
    told_anew = told != list(case.failures)
    if of_plan and not await note_instalment(work, case.account_id, done, now, told_anew=told_anew):
        return changed  # written down before
    if changed == case and done.action is not NextAction.WARN and not of_plan:
        return case  # written down before
    values = {"steps_done": changed.steps_done, "failures": told}
    await work.dunning.change_case(case.account_id, case.case_id, values)
    reason = {"rule": case.reason, "detail": done.detail, "occasion": done.occasion, "case_id": case.case_id}
    summary = f"Dunning step {done.step or done.action} done{f': {done.detail}' if done.detail else ''}"
    entry = TimelineEntry(case.account_id, now, "dunning_step", summary, reason)
    if done.action is NextAction.WARN:  # one that is sent again changes nothing in the case, and has its own date
        await work.timeline.add_once(entry, ("case_id", "occasion", "detail"))
    else:
        await work.timeline.add(entry)
    if done.step.startswith("reminder@") and done.detail in _LEFT:
        await charge_reminder(work, changed, policy, done.step, now)
    return changed


def _told(failures: Sequence[Mapping[str, Any]], attempt_id: str) -> list[Mapping[str, Any]]:
    """The customer was told of this attempt, and with it of all before; what failed meanwhile is still to be told."""
    attempts = [one["attempt_id"] for one in failures]
    last = attempts.index(attempt_id) if attempt_id in attempts else -1
    return [{**one, "told": one["told"] or place <= last} for place, one in enumerate(failures)]
