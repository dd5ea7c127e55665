"""What happens to customers: who pays, who pays early, who does not pay, and who ignores everything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from billing.domain.banking_days import add_banking_days
from billing.messages.identities import dunning_workflow_id
from tests.process.people import BRITISH_FEE_MINOR, FEE_MINOR, a_customer
from tests.process.world import World

SEPA = "pm_sepaDebit_success_de"
Story = Callable[[World], Awaitable[None]]


async def pays_by_card(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa")
    await customer.told("thank_you")
    assert await customer.cash_minor() == FEE_MINOR


async def pays_by_debit(world: World) -> None:
    customer = await a_customer(world, SEPA)
    await customer.told("thank_you")
    kinds = await customer.kinds()
    assert [kind for kind in kinds if kind != "mandate_confirmed"] == ["ready", "reminder", "thank_you"]
    assert "mandate_confirmed" in kinds
    assert await customer.cash_minor() == FEE_MINOR


async def pays_by_bacs(world: World) -> None:
    customer = await a_customer(world, "pm_bacsDebit_success", brand="tamar", plan="tamar-basic")
    await customer.told("thank_you")
    kinds = await customer.kinds()
    assert [kind for kind in kinds if kind != "reminder"] == ["mandate_confirmed", "ready", "thank_you"]
    assert await customer.cash_minor() == BRITISH_FEE_MINOR
    async with world.parts.make_work() as work:
        (method,) = await work.payments.methods(customer.account_id)
        told = [one for one in await work.notices.of(customer.account_id) if one.kind == "ready"]
    assert method.mandate_status == "active", "the bank accepted the instruction meanwhile"
    assert told[0].named_on is not None
    assert told[0].sent_on is not None
    assert told[0].named_on >= add_banking_days(told[0].sent_on, 10, "GB")


async def pays_early(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa")
    await customer.told("ready")
    await customer.pay_by_paylink()
    await customer.told("thank_you")
    await asyncio.sleep(world.day_seconds * 16)
    assert await customer.kinds() == ["ready", "thank_you"], "no reminder, and no debit of what is paid"
    assert await customer.cash_minor() == FEE_MINOR


async def declined_then_pays_by_paylink(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["do_not_honor"])
    await customer.told("failed")
    assert await customer.open_minor() == FEE_MINOR
    await customer.gets_money()
    await customer.pay_by_paylink()
    await customer.told("thank_you")
    assert await customer.open_minor() == 0
    assert await customer.cash_minor() == FEE_MINOR


async def declined_retried_paid(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["insufficient_funds", "succeed"])
    await customer.told("thank_you")
    kinds = await customer.kinds()
    assert kinds[:3] == ["ready", "reminder", "failed"]
    assert "retry" in kinds, "a further debit has its own notice"
    assert [one.received_minor for one in await customer.attempts()] == [0, FEE_MINOR]


async def sepa_fails_days_later(world: World) -> None:
    customer = await a_customer(world, SEPA, ["insufficient_funds"])
    await customer.told("failed", 70)
    kinds = await customer.notices()
    assert "thank_you" not in kinds, "a pending debit was never paid"
    assert await customer.open_minor() == FEE_MINOR


async def authentication_required(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["authentication_required"])
    await customer.told("failed")
    assert [one.status for one in await customer.attempts()][-1] in ("action_required", "cancelled", "failed")
    assert "retry" not in await customer.notices()


async def ignored_until_outgoing_bar(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["lost_card"])
    await customer.reaches("outgoing", 90)
    await customer.told("barred", 20)
    kinds = await customer.notices()
    assert kinds.index("barring_warning") < kinds.index("barred")
    await customer.gets_money()
    await customer.pay_by_paylink()
    await customer.reaches("none", 20)
    await customer.told("restored", 20)
    assert await customer.open_minor() == 0


async def ignored_to_full_bar(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["stolen_card"])
    await customer.reaches("full", 120)
    assert (await customer.notices()).count("barring_warning") >= 1


async def charged_back_after_thanks(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa")
    await customer.told("thank_you")
    payment = (await customer.attempts())[0].provider_payment
    (await world.simulator.post("/_control/disputes", json={"payment_intent": payment})).raise_for_status()
    await customer.told("payment_reversed", 20)
    assert await customer.open_minor() == FEE_MINOR
    await asyncio.sleep(world.day_seconds * 6)
    assert len(await customer.attempts()) == 1, "no debit by itself after a chargeback"


async def mandate_revoked(world: World) -> None:
    customer = await a_customer(world, SEPA)
    await customer.told("ready")
    await customer.stands("announced")
    async with world.parts.make_work() as work:
        method = (await work.payments.methods(customer.account_id))[0]
    body = {"payment_method": method.provider_method}
    answer = await world.simulator.post("/_control/mandates/revoke", json=body)
    assert answer.status_code == 200, answer.text
    await customer.told("mandate_needed", 20)
    await asyncio.sleep(world.day_seconds * 16)
    assert await customer.attempts() == [], "the planned debit is cancelled"
    assert await customer.open_minor() == FEE_MINOR


async def workflow_lost_and_restored(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa")
    await customer.stands("announced")
    await world.temporal.get_workflow_handle(customer.workflow_id).terminate("lost, as far as the account knows")
    await customer.told("thank_you")
    assert await customer.kinds() == ["ready", "reminder", "thank_you"], "nothing is forgotten and nothing told twice"
    assert [one.received_minor for one in await customer.attempts()] == [FEE_MINOR]
    assert await customer.open_minor() == 0


async def case_lost_and_restored(world: World) -> None:
    customer = await a_customer(world, "pm_card_visa", ["lost_card"])
    await customer.told("failed")
    case = dunning_workflow_id(customer.brand, customer.number)
    await world.temporal.get_workflow_handle(case).terminate("lost, as far as the account knows")
    await customer.reaches("outgoing", 90)
    assert (await customer.notices()).count("failed") == 1


async def nothing_to_pay(world: World) -> None:
    discount = {"code": "all", "name": "All free", "percent": "100"}
    customer = await a_customer(world, "pm_card_visa", discounts=(discount,))
    await customer.told("nothing_to_pay")
    assert await customer.attempts() == []


CUSTOMER_STORIES: tuple[Story, ...] = (
    pays_by_card,
    pays_by_debit,
    pays_by_bacs,
    pays_early,
    declined_then_pays_by_paylink,
    declined_retried_paid,
    sepa_fails_days_later,
    authentication_required,
    ignored_until_outgoing_bar,
    ignored_to_full_bar,
    charged_back_after_thanks,
    mandate_revoked,
    workflow_lost_and_restored,
    case_lost_and_restored,
    nothing_to_pay,
)
