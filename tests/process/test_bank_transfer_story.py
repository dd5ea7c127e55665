"""A barred customer pays by bank transfer: the bank's file frees the line, ends dunning and is thanked for."""

from __future__ import annotations

import pytest

from api.schemas.bank_files import A_CREDITOR
from billing.persistence.invariants import broken_rules
from tests.builders_bank_statements import Account, camt054, incoming
from tests.process.people import FEE_MINOR, a_customer
from tests.process.world import World

pytestmark = [pytest.mark.xdist_group("worlds"), pytest.mark.timeout(900)]


async def test_a_transfer_that_names_the_invoice_frees_the_line_and_is_thanked_for_once(world: World) -> None:
    answer = await world.api.put("/v1/brands/vonk/bank-creditor", json=A_CREDITOR)
    assert answer.status_code == 200, answer.text
    customer = await a_customer(world, "pm_card_visa", ["lost_card"])
    await customer.reaches("outgoing", 90)
    async with world.parts.make_work() as work:
        open_ones = await work.ledger.open_invoices(customer.account_id)
    assert open_ones[0].open_minor == FEE_MINOR
    names = " ".join(one.number for one in open_ones)
    transfer = incoming(sum(one.open_minor for one in open_ones), names, "REF1")
    content = camt054(Account((transfer,), iban=A_CREDITOR["iban"]))
    for _ in range(2):
        report = await world.post("/v1/bank-statements?name=camt054.xml", content=content, timeout=120)
        assert [one["effect"] for one in report["effects"]] == ["transfer"]
    await customer.reaches("none", 20)
    await customer.told("restored", 20)
    assert (await customer.notices()).count("thank_you") == 1
    assert await customer.open_minor() == 0
    paid = [one for one in await customer.attempts() if one.purpose == "transfer"]
    assert [(one.status, one.provider) for one in paid] == [("succeeded", "bank_transfer")]

    async def is_over() -> bool:
        return not (await customer.view()).dunning_running

    await world.until(is_over, 20, "dunning did not end", customer.story)
    assert await broken_rules(world.parts.engine) == []
