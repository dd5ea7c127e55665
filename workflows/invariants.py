"""Invariants: round after round, check the rules of the books that are due, one after the other."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.invariants import InvariantActivities
    from billing.messages.account import ClockChanged
    from billing.messages.invariants import CheckReport, CheckRequest, InvariantsState, RulesRequest

from workflows._deadline import Deadline
from workflows._options import CHECK, QUICK_WRITE

# However fast business time runs, the database is read through at most this often.
LEAST_PAUSE = timedelta(seconds=10)
ROUNDS_PER_RUN = 50


@workflow.defn(name="InvariantsWorkflow")
class InvariantsWorkflow:
    """One for the whole installation. A rule that cannot be checked keeps no other one waiting."""

    @workflow.init
    def __init__(self, state: InvariantsState) -> None:
        self._state = state
        self._deadline = Deadline(state.clock)
        self._has_new_clock = False

    @workflow.run
    async def run(self, state: InvariantsState) -> None:
        for _ in range(ROUNDS_PER_RUN):
            await self._pause()
            reports = [await self._check(rule) for rule in await self._rules_due()]
            _show(reports)
        workflow.continue_as_new(
            replace(self._state, clock=self._deadline.clock, rounds_done=self._state.rounds_done + ROUNDS_PER_RUN)
        )

    async def _rules_due(self) -> tuple[str, ...]:
        rules = await workflow.execute_activity_method(
            InvariantActivities.rules_due,
            RulesRequest(self._state.rounds_done),
            summary="Which rules are due",
            **QUICK_WRITE,
        )
        return rules.names

    async def _check(self, rule: str) -> CheckReport:
        try:
            return await workflow.execute_activity_method(
                InvariantActivities.check_rule, CheckRequest(rule), summary=f"Check: {rule}", **CHECK
            )
        except ActivityError as error:
            workflow.logger.error("the rule %s was not checked: %s", rule, error.cause)
            return CheckReport(rule, failure=str(error.cause))

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


def _show(reports: list[CheckReport]) -> None:
    """What the last round found, in the details that operators see."""
    broken = [f"{one.rule}: {one.violations}" for one in reports if one.violations]
    failed = [f"{one.rule}: {one.failure}" for one in reports if one.failure]
    took = sum(one.duration_ms for one in reports)
    said = f"last round: {len(reports)} rules checked in {took} ms"
    said += f" · **broken** {', '.join(broken)}" if broken else " · all hold"
    workflow.set_current_details(said + (f" · not checked: {', '.join(failed)}" if failed else ""))
