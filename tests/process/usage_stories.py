"""What happens when usage comes in files, and when what it costs is corrected afterwards."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from copy import deepcopy
from datetime import timedelta
from typing import Any

from billing.messages.identities import plan_correction_workflow_id, usage_import_workflow_id
from tests.process.customer_stories import Story
from tests.process.people import FEE_MINOR, PLAN, Customer, a_customer
from tests.process.world import PARTNER_PROFILE, World

FILES = "/v1/usage/files"
TWO_MINUTES_MINOR = 29  # 2 x 0.12 net and 21 % VAT
_calls = itertools.count(1)


async def a_caller(world: World, days_to_close: int, plan: str = "vonk-basis") -> tuple[Customer, str]:
    """A customer and the number of its line."""
    customer = await a_customer(world, plan=plan, days_to_close=days_to_close)
    async with world.parts.make_work() as work:
        (line,) = await work.accounts.services(customer.account_id)
    return customer, line.identifier


async def hands_in(world: World, customer: Customer, day: int, number: str, calls: Sequence[int], says: int) -> str:
    """A partner's file of calls of so many seconds, begun just now; it says how many it holds. The file's id."""
    begun = world.now() - timedelta(minutes=5)
    rows = [f"C;{next(_calls)};{number};+31201234567;{int(begun.timestamp())};{seconds}" for seconds in calls]
    content = "\n".join([*rows, f"TRL;{says}"])
    query = {"profile": PARTNER_PROFILE, "name": f"{customer.number}_{day:04d}.csv"}
    answer = await world.post(f"{FILES}/content", params=query, content=content.encode())
    file_id: str = answer["file"]["file_id"]
    customer.workflows.append(usage_import_workflow_id(file_id))
    return file_id


async def comes_to(world: World, file_id: str, status: str) -> dict[str, Any]:
    """Wait until the file has this status; the file."""

    async def there() -> dict[str, Any] | None:
        file: dict[str, Any] = await world.get(f"{FILES}/{file_id}")
        return file if file["status"] == status else None

    return await world.until(there, 20, f"{file_id} does not become {status}")


async def calls_in_a_file_are_billed(world: World) -> None:
    customer, number = await a_caller(world, days_to_close=8)
    file = await comes_to(world, await hands_in(world, customer, 1, number, [60, 60], says=2), "done")
    assert (file["read"], file["accepted"]) == (2, 2)
    await customer.told("ready_to_pay")
    assert await customer.open_minor() == FEE_MINOR + TWO_MINUTES_MINOR


async def held_file_is_released(world: World) -> None:
    customer, number = await a_caller(world, days_to_close=20)
    file_id = await hands_in(world, customer, 1, number, [60, 60], says=3)
    held = await comes_to(world, file_id, "held")
    assert (held["hold_kind"], held["accepted"]) == ("totals", 0)
    await world.post(f"{FILES}/{file_id}/release", {"reason": "the partner counted its header"})
    file = await comes_to(world, file_id, "done")
    assert file["accepted"] == 2


async def wrong_file_is_cancelled(world: World) -> None:
    customer, number = await a_caller(world, days_to_close=8)
    file_id = await hands_in(world, customer, 1, number, [600], says=1)
    await comes_to(world, file_id, "done")
    await world.post(f"{FILES}/{file_id}/cancel", {"reason": "these are another partner's calls"})
    await comes_to(world, file_id, "cancelled")
    await customer.told("ready_to_pay")
    assert await customer.open_minor() == FEE_MINOR


async def price_is_corrected(world: World) -> None:
    plan = {**deepcopy(PLAN), "code": "vonk-mistaken", "name": "Vonk Mistaken"}
    await world.post("/v1/plans", {"brand": "vonk", "definition": plan})
    customer, number = await a_caller(world, days_to_close=10, plan=plan["code"])
    await comes_to(world, await hands_in(world, customer, 1, number, [60, 60], says=2), "done")
    plan["prices"][1]["rate"] = "0.24"
    await world.post("/v1/plans", {"brand": "vonk", "definition": plan})
    async with world.parts.make_work() as work:
        (line,) = await work.accounts.services(customer.account_id)
    wanted = {
        "plan_code": plan["code"],
        "plan_version": 1,
        "corrected_version": 2,
        "since": line.active_from.isoformat(),
        "reason": "published at half the price",
    }
    correction = (await world.post("/v1/plan-corrections", wanted))["correction_id"]
    customer.workflows.append(plan_correction_workflow_id(correction))

    async def finished() -> bool:
        return bool((await world.get(f"/v1/plan-corrections/{correction}"))["finished_at"])

    await world.until(finished, 20, "the correction did not end", customer.story)
    await customer.told("ready_to_pay")
    assert await customer.open_minor() == FEE_MINOR + 2 * TWO_MINUTES_MINOR


USAGE_STORIES: tuple[Story, ...] = (
    calls_in_a_file_are_billed,
    held_file_is_released,
    wrong_file_is_cancelled,
    price_is_corrected,
)
