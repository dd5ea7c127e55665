"""Compiled plans: a published version never changes, so each is read and compiled once per process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from billing.domain.rating import PlanDefinition
from billing.ports.unit_of_work import UnitOfWork
from billing.services.usage_guiding import PlanKey


class PlanShelf:
    """Plan definitions by (plan_code, plan_version)."""

    def __init__(self) -> None:
        self._plans: dict[PlanKey, PlanDefinition] = {}

    @property
    def all(self) -> Mapping[PlanKey, PlanDefinition]:
        """Those that were read so far."""
        return self._plans

    def has(self, keys: Iterable[PlanKey]) -> bool:
        """Whether all of these were read before."""
        return all(key in self._plans for key in keys)

    async def get(self, work: UnitOfWork, keys: Iterable[PlanKey]) -> Mapping[PlanKey, PlanDefinition]:
        """At least these. Raises NotFound for a version that was never published."""
        for key in sorted(set(keys) - self._plans.keys()):
            plan = await work.accounts.plan(*key)
            named = {"code": plan.plan_code, "name": plan.name} | dict(plan.definition)
            self._plans[key] = PlanDefinition.from_dict(named | {"version": plan.plan_version})
        return self._plans
