"""Test data for records that are sent again: a plan whose nights have a price of their own, calls, and the check."""

from __future__ import annotations

from typing import Any

from tests.builders_usage import PLAN, UsageWorld, an_event

DAYS = 35
AT_NIGHT = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "07:00"}
NIGHTS = {"time_zone": "UTC", "bands": [{"code": "night", "name": "Nacht", "windows": [AT_NIGHT]}]}
BY_TIME = {
    **PLAN,
    "allowances": [],
    "time_bands": NIGHTS,
    "prices": [
        {**price, "time_bands": [{"band": "night", "rate": "0.01"}]} if price["code"] == "voice" else price
        for price in PLAN["prices"]
    ],
}


def a_call(record_id: str, at: str, quantity: int = 60, **changes: Any) -> dict[str, Any]:
    return an_event(record_id=record_id, started_at=at, quantity=quantity, **changes)


async def check(world: UsageWorld) -> int:
    return (await world.service.resent.check(DAYS)).count


async def bill(world: UsageWorld) -> None:
    async with world.work() as work:
        await work.accounts.change_cycle(world.account_id, 1, {"status": "issued"})
        await work.commit()
