"""Test data for corrections of prices: a plan published wrong, its corrected version, and two accounts that have it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from billing.persistence.usage_invariants import counters_disagree
from billing.ports.plan_corrections import NewPlanCorrection, PlanCorrection
from billing.services.invoicing_charges import charges_of
from billing.services.plan_correcting import PlanCorrections
from billing.services.usage_plans import PlanShelf
from tests.builders import ACTIVATED_AT
from tests.builders_usage import PLAN, UsageWorld, an_event

IN_CYCLE_1 = "2027-01-28T10:00:00Z"
SINCE = ACTIVATED_AT - timedelta(days=30)
OTHER_LINE = "+31687654321"
_numbers = iter(range(10**9))


def a_version(fee: str = "10", rate: str = "0.10", **changes: Any) -> dict[str, Any]:
    """The plan with another fee and another rate of calls to Dutch numbers."""
    plan = deepcopy({**PLAN, "allowances": []}) | changes
    plan["prices"][0]["fee"], plan["prices"][1]["rate"] = fee, rate
    return plan


@dataclass(frozen=True)
class Correcting:
    """A brand whose plan was published wrong, two accounts that have it, and the use case."""

    world: UsageWorld
    other_id: str
    corrections: PlanCorrections

    async def use(self, at: str = IN_CYCLE_1, quantity: int = 600, **changes: Any) -> None:
        event = an_event(record_id=f"r-{next(_numbers)}", started_at=at, quantity=quantity, **changes)
        (result,) = await self.world.service.take([event])
        assert result.outcome in ("accepted", "late"), result

    async def correct(self, **changes: Any) -> PlanCorrection:
        requested = await self.corrections.request(a_correction(**changes))
        return await self.corrections.carry_out(requested.correction_id)

    async def counted(self, account_id: str = "") -> list[tuple[int, str, str, int, int]]:
        async with self.world.work() as work:
            assert await counters_disagree(work.connection) == []
            rows = await work.usage.counters_of(account_id or self.world.account_id, 1)
        return [(r.plan_version, r.price_code, r.band, r.events, r.quantity) for r in rows if r.events]

    async def bill(self, account_id: str = "", number: int = 1) -> None:
        async with self.world.work() as work:
            await work.accounts.change_cycle(account_id or self.world.account_id, number, {"status": "issued"})
            await work.commit()

    async def charged(self, account_id: str = "") -> list[tuple[str, str, str]]:
        """What the invoice of cycle 2 says of cycle 1: kind, description, amount."""
        async with self.world.work() as work:
            cycle = await work.accounts.cycle(account_id or self.world.account_id, 2)
            charges = await charges_of(work, PlanShelf(), cycle, "Europe/Amsterdam")
        return [
            (line.kind, line.description, str(line.amount.decimal))
            for line in charges.lines
            if line.period_from is not None
        ]


def a_correction(**changes: Any) -> NewPlanCorrection:
    return replace(NewPlanCorrection("vonk-basis", 1, 2, SINCE, "published wrong", "Ann"), **changes)
