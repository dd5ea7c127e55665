"""Upkeep: round after round, find what was missed and mend it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.upkeep import UpkeepActivities
    from billing.messages.account import ClockChanged
    from billing.messages.upkeep import UpkeepState

from workflows._deadline import Deadline
from workflows._options import MEND

# However fast business time runs, real servers are asked at most this often.
LEAST_PAUSE = timedelta(seconds=2)
ROUNDS_PER_RUN = 100


@workflow.defn(name="UpkeepWorkflow")
class UpkeepWorkflow:
    """One for the whole installation. Repairs: accounts without a workflow, messages and thresholds not delivered,
    attempts past their date without an outcome."""

    @workflow.init
    def __init__(self, state: UpkeepState) -> None:
        self._state = state
        self._deadline = Deadline(state.clock)
        self._has_new_clock = False

    @workflow.run
    async def run(self, state: UpkeepState) -> None:
        for _ in range(ROUNDS_PER_RUN):
            await self._pause()
            report = await workflow.execute_activity_method(
                UpkeepActivities.mend, self._state, summary="Find and mend what was missed", **MEND
            )
            workflow.set_current_details(f"last round: {report}")
        workflow.continue_as_new(
            replace(
                self._state,
                clock=self._deadline.clock,
                rounds_done=self._state.rounds_done + ROUNDS_PER_RUN,
            )
        )

    async def _pause(self) -> None:
        """Until the next round; a change of the clock's pace counts at once."""
        began = workflow.now()
        while (left := began + self._interval() - workflow.now()) > timedelta(0):
            self._has_new_clock = False
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._has_new_clock, timeout=left, timeout_summary="until the next round"
                )

    def _interval(self) -> timedelta:
        """Real time between two rounds."""
        return max(self._deadline.clock.real_duration(timedelta(seconds=self._state.interval_seconds)), LEAST_PAUSE)

    @workflow.signal(name="clock_changed", description="A new segment of business time began.")
    def clock_changed(self, fact: ClockChanged) -> None:
        self._deadline.change_clock(fact.clock)
        self._has_new_clock = True
