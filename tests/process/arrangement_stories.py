"""Customers in arrears with whom something is agreed, and debts about which a person decides; all through the doors."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from tests.process.customer_stories import Story
from tests.process.people import FEE_MINOR, Customer, a_customer
from tests.process.world import World

WHY = {"reason": "the test asks for it"}


async def act(customer: Customer, action: str, **fields: Any) -> dict[str, Any]:
    """An operator's action."""
    path = f"/v1/accounts/{customer.account_id}/actions/{action}"
    done: dict[str, Any] = await customer.world.post(path, {**WHY, **fields})
    return done


async def agree(customer: Customer, count: int, every: str, paid_by: str, **chosen: Any) -> list[dict[str, Any]]:
    """Even instalments, as proposed and previewed."""
    path = f"/v1/accounts/{customer.account_id}/payment-plans"
    terms = {"paid_by": paid_by, **chosen}
    # Days pass within a second here: the first date is one that is still to come when the plan is agreed.
    first_on = (customer.world.now() + timedelta(days=9)).date().isoformat()
    asked = {**terms, "count": count, "every": every, "first_on": first_on}
    proposed = await customer.world.post(f"{path}/propose", asked)
    instalments = [{"due_on": one["due_on"], "amount_minor": one["amount_minor"]} for one in proposed["instalments"]]
    previewed = await customer.world.post(f"{path}/preview", {**terms, "instalments": instalments})
    assert previewed["instalments"] == proposed["instalments"]
    await act(customer, "agree-payment-plan", **terms, instalments=instalments)
    return instalments


async def plan_stands(customer: Customer, status: str, days: float) -> None:
    """Wait until the newest plan has this status."""

    async def there() -> bool:
        plans = await customer.world.get(f"/v1/accounts/{customer.account_id}/payment-plans")
        return bool(plans) and plans[-1]["status"] == status

    await customer.world.until(there, days, f"the plan is not {status}", customer.story)


async def first_invoice(customer: Customer) -> str:
    async with customer.world.parts.make_work() as work:
        return (await work.invoices.of_account(customer.account_id))[0].invoice_id


async def plan_kept_by_debit(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["insufficient_funds"])
    await customer.told("failed")
    await customer.gets_money()
    await agree(customer, 2, "week", "debit")
    await customer.told("plan_agreed", 10)
    await plan_stands(customer, "kept", 60)
    debits = [one.received_minor for one in await customer.attempts() if one.received_minor]
    assert debits[:2] == [605, 605], "each instalment is a debit of its own"
    assert (await customer.notices()).count("instalment") >= 2, "and has a notice of its own"
    assert await customer.open_minor() == 0
    assert "barring_warning" not in await customer.notices()


async def plan_kept_by_paylink(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["lost_card"])
    await customer.told("failed")
    await customer.gets_money()
    await agree(customer, 2, "week", "paylink")
    for times in (1, 2):
        await customer.told("instalment_due", 40, times)
        await customer.pay_by_paylink()
        await customer.told("thank_you", 20, times)
    await plan_stands(customer, "kept", 20)
    received = [one.received_minor for one in await customer.attempts() if one.received_minor]
    assert received[0] == 605, "one part, not all"
    assert await customer.open_minor() == 0
    assert "barring_warning" not in await customer.notices()


async def plan_before_the_debit(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa")
    await customer.stands("announced")
    await agree(customer, 2, "two_weeks", "debit", invoice_ids=[await first_invoice(customer)])
    await plan_stands(customer, "kept", 70)
    assert [one.received_minor for one in await customer.attempts()][:2] == [605, 605]
    assert "failed" not in await customer.notices(), "nothing was due before the first instalment"


async def plan_missed_once(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["lost_card"])
    await customer.told("failed")
    await agree(customer, 3, "month", "paylink")
    await customer.told("instalment_due", 20)
    await plan_stands(customer, "broken", 30)
    await customer.reaches("outgoing", 90)
    kinds = await customer.notices()
    assert kinds.index("instalment_due") < kinds.index("barring_warning"), "no warning while the plan ran"
    ended = [one for one in await customer.timeline() if one.kind == "payment_plan_ended"]
    assert len(ended) == 1, "a missed instalment resumes the ladder once"


async def written_off_and_restored(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["lost_card"])
    await customer.told("failed")
    invoice = await first_invoice(customer)
    await act(customer, "write-off-debt", invoice_ids=[invoice])
    assert await customer.open_minor() == 0
    offs = await world.get(f"/v1/accounts/{customer.account_id}/write-offs")
    assert [(one["amount_minor"], one["left_minor"]) for one in offs] == [(FEE_MINOR, FEE_MINOR)]
    await act(customer, "restore-debt", write_off_id=offs[0]["write_off_id"])
    assert await customer.open_minor() == FEE_MINOR
    await customer.gets_money()
    await customer.pay_by_paylink()
    await customer.told("thank_you", 20)
    assert await customer.open_minor() == 0


async def given_to_an_agency(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["lost_card"])
    await customer.told("failed")
    await act(customer, "hand-over-case", agency="Incasso Noord")

    async def outcomes() -> list[str]:
        async with world.parts.make_work() as work:
            return [one.outcome for one in await work.dunning.cases(customer.account_id)]

    async def ended() -> bool:
        return await outcomes() == ["handed_over"]

    await world.until(ended, 20, "the case goes on", customer.story)
    given = await world.get(f"/v1/accounts/{customer.account_id}/hand-overs")
    case_id = given[0]["case_id"]
    found = await world.get(f"/v1/accounts/{customer.account_id}/dunning/{case_id}/file")
    assert found["open_minor"] == FEE_MINOR
    assert any(one["kind"] == "failed" and one["evidence"] for one in found["notices"])
    before = len(await customer.notices())
    await asyncio.sleep(world.day_seconds * 5)
    pressed = {"dunning_reminder", "barring_warning"} & set((await customer.notices())[before:])
    assert not pressed, "an agency has it now"
    await act(customer, "take-back-case", case_id=case_id)
    await customer.told("barring_warning", 40)
    assert len(await outcomes()) == 2, "a new case began"


ARRANGEMENT_STORIES: tuple[Story, ...] = (
    plan_kept_by_debit,
    plan_kept_by_paylink,
    plan_before_the_debit,
    plan_missed_once,
    written_off_and_restored,
    given_to_an_agency,
)
