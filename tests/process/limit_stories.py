"""What happens when a customer reaches a limit: usage stops, and goes on when it may."""

from __future__ import annotations

import itertools
from typing import Any

from tests.builders_limits import MB
from tests.process.customer_stories import Story
from tests.process.people import DATA_PLAN, Customer, a_customer
from tests.process.world import World

WHY = {"reason": "asked by telephone", "asked_by": "customer"}
_records = itertools.count()


async def a_data_customer(world: World, days_to_close: int) -> tuple[Customer, str, str]:
    """A customer with data, its line and the line's number."""
    customer = await a_customer(world, plan=DATA_PLAN["code"], days_to_close=days_to_close)
    async with world.parts.make_work() as work:
        (line,) = await work.accounts.services(customer.account_id)
    return customer, line.service_id, line.identifier


async def uses(world: World, identifier: str, megabytes: int, **changes: Any) -> None:
    """One data session that begins now."""
    event = {
        "source": "pgw",
        "record_id": f"limits-{next(_records)}",
        "identifier": identifier,
        "meter": "data",
        "quantity": megabytes * MB,
        "started_at": world.now().isoformat(),
    }
    result = await world.post("/v1/usage/events", event | changes)
    assert result["outcome"] == "accepted", result


async def stopped(world: World, customer: Customer, level: str) -> None:
    """Wait until the network confirmed what is stopped."""

    async def there() -> bool:
        async with world.parts.make_work() as work:
            return [one.usage_stop for one in await work.accounts.services(customer.account_id)] == [level]

    await world.until(there, 20, f"usage does not come to {level!r}", customer.story)


async def acts(world: World, customer: Customer, action: str, **said: Any) -> Any:
    return await world.post(f"/v1/accounts/{customer.account_id}/actions/{action}", WHY | said)


async def capped_then_raised(world: World) -> None:
    customer, _, number = await a_data_customer(world, days_to_close=25)
    await acts(world, customer, "set-usage-limit", meter="data", value=1000)
    await uses(world, number, 800)
    await customer.told("usage_80")
    await uses(world, number, 200)
    await stopped(world, customer, "stop:data")
    await customer.told("usage_stopped")
    assert await customer.levels() == ["none"], "calls go on, and nothing else is barred"
    await acts(world, customer, "set-usage-limit", meter="data", value=2000)
    await stopped(world, customer, "stop:")
    await customer.told("usage_resumed")
    (limit, _) = await world.get(f"/v1/accounts/{customer.account_id}/limits")
    assert (limit["value"], limit["used"], limit["state"]) == (2000, 1000, "free")


async def capped_until_the_next_cycle(world: World) -> None:
    customer, _, number = await a_data_customer(world, days_to_close=3)
    await acts(world, customer, "set-usage-limit", value=1000)
    await uses(world, number, 1000)
    await stopped(world, customer, "stop:*")
    await stopped(world, customer, "stop:")
    orders = await world.get(f"/v1/accounts/{customer.account_id}/barring")
    assert [one["order"]["level"] for one in orders] == ["stop:", "stop:*"]
    assert (await customer.view()).cycle_number == 1, "the new cycle had begun, and the old one was not billed yet"


async def stopped_abroad_until_agreed(world: World) -> None:
    customer, line, number = await a_data_customer(world, days_to_close=25)
    await uses(world, number, 50, visited="BE")
    await stopped(world, customer, "stop:roaming_data")
    await customer.told("roaming_stopped")
    key = {"headers": {"Idempotency-Key": "agree-1"}}
    path = f"/v1/accounts/{customer.account_id}/actions/agree-to-continue"
    first = await world.post(path, WHY | {"service_id": line}, **key)
    assert await world.post(path, WHY | {"service_id": line}, **key) == first
    await stopped(world, customer, "stop:")
    await uses(world, number, 50, visited="DE")
    await customer.told("roaming_reminder")
    await customer.told("usage_resumed")
    kinds = await customer.notices()
    assert [kinds.count(one) for one in ("roaming_stopped", "roaming_reminder", "usage_resumed")] == [1, 1, 1]


LIMIT_STORIES: tuple[Story, ...] = (capped_then_raised, capped_until_the_next_cycle, stopped_abroad_until_agreed)
