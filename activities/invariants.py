"""Checks of the books, as the process calls them. What they find is also a metric of the worker."""

from __future__ import annotations

from temporalio import activity

from activities.refusals import dependable
from billing.messages.invariants import CheckReport, CheckRequest, Rules, RulesRequest
from billing.services.invariant_checks import InvariantChecks


class InvariantActivities:
    """Which rules are due, and one check of one rule; both may be repeated at any time."""

    def __init__(self, service: InvariantChecks) -> None:
        self._service = service

    @activity.defn(name="rules_due")
    @dependable
    async def rules_due(self, request: RulesRequest) -> Rules:
        return Rules(await self._service.due())

    @activity.defn(name="check_rule")
    @dependable
    async def check_rule(self, request: CheckRequest) -> CheckReport:
        report = await self._service.check(request.rule)
        await self._measure()
        return report

    async def _measure(self) -> None:
        """Gauges for Prometheus: how often each rule is broken, how long its last check took and when it began."""
        meter = activity.metric_meter()
        broken = meter.create_gauge("evenflow_invariant_broken", "Where a rule of the books does not hold now")
        took = meter.create_gauge("evenflow_invariant_check", "How long the last check of a rule took", "ms")
        for state in await self._service.states():
            labels = {"rule": state.rule.name}
            broken.set(state.broken, labels)
            if state.newest is not None:
                took.set(state.newest.duration_ms, labels)
