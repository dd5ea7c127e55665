"""Lines held by several causes at once, over the API and the whole process."""

from __future__ import annotations

from billing.messages.account import ChangeDunningPolicy
from tests.process.people import Customer, a_customer
from tests.process.world import World

WHO = {"author": "clerk", "reason": "the test asks for it"}
BY_KIND = {
    "code": "by-kind",
    "minimum_days_between_bars": 30,
    "steps": [
        {"day": 0, "action": "failed_notice"},
        {"day": 1, "action": "warn"},
        {"day": 8, "action": "bar", "kinds": ["international", "premium"]},
        {"day": 50, "action": "bar_outgoing"},
    ],
}


async def lost_phone_outlives_the_debt(world: World) -> None:
    answer = await world.api.post("/v1/dunning-policies", json={"definition": BY_KIND})
    assert answer.status_code == 201, answer.text
    customer = await a_customer(world, "pm_card_visa", ["lost_card"])
    choice = ChangeDunningPolicy("policy-1", **WHO, policy_code="by-kind")
    assert (await customer.command("change_dunning_policy", choice)).accepted
    await customer.reaches("bars:international,premium", 90)
    await customer.told("barred", 20)
    await act(world, customer, "bar-service", kinds=["full"], cause="lost_or_stolen", reason="reported by telephone")
    await customer.reaches("full", 20)
    await customer.told("restricted", 20)
    await customer.gets_money()
    await customer.pay_by_paylink()

    async def is_held_for_the_phone_alone() -> bool:
        return await causes(world, customer) == {"lost_or_stolen"}

    await world.until(is_held_for_the_phone_alone, 20, "the debt still holds the line", customer.story)
    assert await customer.levels() == ["full"], "paying never frees a lost phone"
    assert "restored" not in await customer.notices()
    await act(world, customer, "unbar-service", causes=["lost_or_stolen"], reason="found again")
    await customer.reaches("none", 20)
    await customer.told("restored", 20)
    assert await customer.open_minor() == 0


async def act(world: World, customer: Customer, action: str, **said: object) -> None:
    """An operator's command at the door."""
    answer = await world.api.post(f"/v1/accounts/{customer.account_id}/actions/{action}", json=said)
    assert answer.status_code == 200, answer.text


async def causes(world: World, customer: Customer) -> set[str]:
    """What holds the customer's line, as the API shows it."""
    async with world.parts.make_work() as work:
        (line,) = await work.accounts.services(customer.account_id)
    shown = await world.api.get(f"/v1/accounts/{customer.account_id}/services/{line.service_id}/restrictions")
    assert shown.status_code == 200, shown.text
    return {one["cause"] for one in shown.json()["held"]}


RESTRICTION_STORIES = (lost_phone_outlives_the_debt,)
