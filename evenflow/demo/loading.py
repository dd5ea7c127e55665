"""Catalogue and accounts through the API. Everything may be repeated: a loading that was killed is finished later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from evenflow.demo.catalogue import BRANDS, CREDITORS, DUNNING_POLICY, PLANS
from evenflow.demo.doors import Doors, Refused
from evenflow.demo.letterheads import LETTERHEADS
from evenflow.demo.roster import Customer
from evenflow.demo.stories import BANK_FILE

AT_ONCE = 4
CONFLICT = 409
LOOK_AGAIN_SECONDS = 0.5
Say = Callable[[str], None]


async def load_catalogue(doors: Doors) -> None:
    """The dunning policy and both brands with letterheads, bank and plans; what is there already stays."""
    await doors.api.post("/v1/dunning-policies", {"definition": DUNNING_POLICY})
    for brand in BRANDS:
        try:
            await doors.api.post("/v1/brands", brand)
        except Refused as refusal:
            if refusal.status != CONFLICT:
                raise
    for code, letterhead in LETTERHEADS.items():
        wanted = {"letterhead": letterhead, "reason": "The demonstration begins"}
        await doors.api.post(f"/v1/brands/{code}/letterheads", wanted)
    for code, creditor in CREDITORS.items():
        await doors.api.put(f"/v1/brands/{code}/bank-creditor", creditor)
    for code, plans in PLANS.items():
        for plan in plans:
            await doors.api.post("/v1/plans", {"brand": code, "definition": plan})


async def until_worked_on(doors: Doors, first: Customer) -> None:
    """Open the first account, and wait until its process answers: then every part of the stack works."""
    account = await doors.api.post("/v1/accounts", first.as_account())
    while True:
        try:
            view = await doors.api.get(f"/v1/accounts/{account['account_id']}")
        except Refused:
            view = {}
        if view.get("process"):
            return
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def load_accounts(doors: Doors, customers: Sequence[Customer], say: Say) -> None:
    """Open every account with its method of payment, a few at a time."""
    limit = asyncio.Semaphore(AT_ONCE)
    done = 0

    async def load(customer: Customer) -> None:
        nonlocal done
        async with limit:
            await _load(doors, customer)
            done += 1
            if done % 10 == 0 or done == len(customers):
                say(f"{done} of {len(customers)} accounts are open")

    # The first one alone: the order of account numbers follows the roster as far as it can.
    for batch in range(0, len(customers), AT_ONCE):
        await asyncio.gather(*(load(one) for one in customers[batch : batch + AT_ONCE]))


async def _load(doors: Doors, customer: Customer) -> None:
    account = await doors.api.post("/v1/accounts", customer.as_account())
    account_id = str(account["account_id"])
    await _leave_method(doors, account_id, customer)
    if customer.setting.script:
        await _script(doors, account_id, customer)
    if customer.setting.credit_minor:
        await _credit(doors, account_id, customer)


async def _script(doors: Doors, account_id: str, customer: Customer) -> None:
    """What becomes of the account's first attempts; written last, for storing the method is no attempt."""
    body = {"subject": f"metadata.account_id:{account_id}", "outcomes": list(customer.setting.script)}
    await doors.world.post("/_control/scripts", body)


async def _leave_method(doors: Doors, account_id: str, customer: Customer) -> None:
    known: dict[str, Any] = await doors.api.get(f"/v1/accounts/{account_id}/payment-methods")
    if known["methods"]:
        return
    if customer.setting.method == BANK_FILE:
        await doors.api.post(f"/v1/accounts/{account_id}/bank-mandates", customer.as_mandate())
    else:
        wanted = {"provider_method": customer.setting.method, "accepted_from": "192.0.2.10"}
        await doors.api.post(f"/v1/accounts/{account_id}/payment-methods", wanted)


async def _credit(doors: Doors, account_id: str, customer: Customer) -> None:
    """A credit larger than the first bill."""
    body = {
        "amount_minor": customer.setting.credit_minor,
        "description": "Refund of a broken phone",
        "reason": "returned within the warranty",
    }
    key = {"Idempotency-Key": f"demo-credit-{customer.number}"}
    await doors.api.post(f"/v1/accounts/{account_id}/actions/adjust-balance", body, headers=key)
