"""The people of the process tests: two brands, their plan, and customers who pay in their own ways."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from billing.services.accounts import NewAccount, NewService
from tests.builders import a_brand
from tests.process.world import World

FEE_MINOR = 1210  # 10.00 net and 21 % VAT
_numbers = itertools.count(200_001)

PLAN = {
    "code": "vonk-basis",
    "name": "Vonk Basis",
    "currency": "EUR",
    "prices": [
        {"code": "fee", "name": "Monthly fee", "model": "recurring", "fee": "10.00"},
        {
            "code": "calls",
            "name": "Calls",
            "model": "per_unit",
            "meter": "voice_seconds",
            "unit_size": 60,
            "unit_name": "minute",
            "rate": "0.12",
        },
    ],
}


async def prepare_catalogue(world: World) -> None:
    """The brand every test account belongs to, and its plan."""
    await world.parts.catalogue.add_brand(a_brand())
    await world.parts.catalogue.publish_plan("vonk", PLAN)


async def a_customer(
    world: World, method: str = "", script: list[str] | None = None, days_to_close: int = 1, **changes: Any
) -> dict[str, Any]:
    """An account whose first cycle closes in ``days_to_close`` business days, paying by a vendor's test method.

    ``script`` are the coming outcomes of its method, as the simulator names them.
    """
    number = next(_numbers)
    closes = world.now().astimezone(ZoneInfo("Europe/Amsterdam")) + timedelta(days=days_to_close)
    account = await world.parts.accounts.open(
        NewAccount(
            brand="vonk",
            number=f"A{number}",
            customer_name=f"Customer {number}",
            email=f"customer{number}@example.com",
            mobile=f"+31612{number}",
            activated_at=_a_month_before(closes),
            services=(NewService("mobile", f"+31613{number}", "vonk-basis"),),
            **changes,
        ),
        "tests",
    )
    if method:
        stored = await world.parts.methods.add_method(account.account_id, method, "tests")
        if script:
            body = {"subject": stored.provider_method, "outcomes": script}
            (await world.simulator.post("/_control/script", json=body)).raise_for_status()
    return {"account_id": account.account_id, "brand": account.brand, "number": account.number, "email": account.email}


def _a_month_before(day: datetime) -> datetime:
    """An activation on the same day of the month before, in the middle of the day."""
    first = day.replace(day=1) - timedelta(days=1)
    return first.replace(day=min(day.day, first.day), hour=12, minute=0, second=0, microsecond=0)
