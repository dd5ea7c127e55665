"""Test data for limits: a plan that prices data at home and abroad, and the commands of customers and operators."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from billing.messages.limits import AgreeRequest, ChangeLimitRequest, LimitChanged, ReviewStopsRequest, StopsReview
from billing.services.limits_in_force import LimitView
from billing.services.usage_limits import LimitService
from tests.builders_usage import UsageWorld, a_usage_world, an_event

# Data costs a cent per MB at home and a euro abroad, where nothing is included.
PLAN: Mapping[str, Any] = {
    "code": "vonk-basis",
    "name": "Vonk Basis",
    "currency": "EUR",
    "zones": [{"code": "eu", "name": "Europa", "places": ["BE", "DE", "FR"]}],
    "prices": [
        {"code": "fee", "name": "Abonnement", "model": "recurring", "fee": "10"},
        {"code": "sms", "name": "SMS", "model": "per_unit", "meter": "sms", "rate": "0.05"},
        {"code": "data", "name": "Data", "model": "per_unit", "meter": "data", "unit_size": 1000000, "rate": "0.01"},
        {
            "code": "data-eu",
            "name": "Data in Europa",
            "model": "per_unit",
            "meter": "data",
            "unit_size": 1000000,
            "rate": "1.00",
            "zones": ["eu"],
        },
    ],
}
MB = 1_000_000
_records = itertools.count()
_commands = itertools.count()


@dataclass(frozen=True)
class LimitsWorld:
    """An operator's database with one customer, who uses data at home and abroad, and has limits."""

    usage: UsageWorld
    limits: LimitService

    async def uses(self, meter: str = "data", quantity: int = MB, **changes: Any) -> None:
        """One record; ``visited`` says where."""
        event = an_event(record_id=f"l-{next(_records)}", meter=meter, quantity=quantity, destination="", **changes)
        (result,) = await self.usage.service.take([event])
        assert result.outcome == "accepted", result

    async def sets(self, value: int | None, **changes: Any) -> LimitChanged:
        """Set (or with None remove) a cap on the amount of all usage, or another limit."""
        values: dict[str, Any] = {
            "account_id": self.usage.account_id,
            "kind": "hard",
            "measure": "amount",
            "service_id": "",
            "meter": "",
            "roaming": False,
            "value": value,
            "asked_by": "customer",
            "author": "the agent",
            "reason": "asked by telephone",
            "command_id": f"limit-{next(_commands)}",
        }
        return await self.limits.change(ChangeLimitRequest(**(values | changes)))

    async def agrees(self, **changes: Any) -> LimitChanged:
        """Go on with data abroad."""
        values = {
            "account_id": self.usage.account_id,
            "service_id": self.usage.service_id,
            "asked_by": "customer",
            "author": "the agent",
            "reason": "asked by telephone",
            "command_id": f"agree-{next(_commands)}",
        }
        return await self.limits.agree(AgreeRequest(**(values | changes)))

    async def review(self, number: int) -> StopsReview:
        return await self.limits.review_stops(ReviewStopsRequest(self.usage.account_id, number))

    async def limit(self, limit_id: str) -> LimitView:
        """One limit as it is shown."""
        return next(one for one in await self.shown() if one.use.limit.limit_id == limit_id)

    async def shown(self) -> list[LimitView]:
        return list(await self.limits.of(self.usage.account_id))

    def told(self) -> list[tuple[str, int, bool]]:
        """(notice, amount in minor units, stops usage) of every crossed limit that the process heard of."""
        facts = [fact for _, name, fact in self.usage.process.signals if name == "usage_threshold_crossed"]
        return [(fact.notice, fact.amount_minor, fact.stops) for fact in facts]

    async def timeline(self) -> list[Any]:
        async with self.usage.work() as work:
            return list(await work.timeline.of(self.usage.account_id))


async def a_limits_world(engine: AsyncEngine, spool: Path) -> LimitsWorld:
    """The Dutch brand with its usual policy and one consumer."""
    usage = await a_usage_world(engine, spool, PLAN)
    return LimitsWorld(usage, LimitService(usage.work, usage.clock, usage.service.thresholds))
