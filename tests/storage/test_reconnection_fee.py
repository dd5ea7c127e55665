"""The reconnection fee: a charge on the next invoice when a debt was paid after it had services restricted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from billing.domain.barring_policy import BarringPolicy, ReconnectionFee
from billing.domain.errors import InvalidValue
from billing.persistence.tables.dunning import dunning_policies
from billing.services.catalogue import CatalogueService
from tests.builders import a_brand, a_service
from tests.builders_dunning import DebtWorld, a_debt_world
from tests.builders_usage import a_cycle

FEE = {"amount_minor": 1500, "maximum_minor": 3000}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DebtWorld]:
    async with a_debt_world(database_url) as made:
        async with made.work() as work:
            await work.accounts.add_cycle(a_cycle(made.account_id))
            await work.commit()
        yield made


async def restored(world: DebtWorld, fee: Mapping[str, Any] = FEE, *, paid: bool = True, number: int = 1) -> None:
    """Barred for a debt, then freed a day later; in between it is paid, or credited."""
    await world.set_barring_policy({"reconnection_fee": fee})
    invoice = await world.an_invoice()
    await world.bar(f"case_{number}-1", "outgoing")
    world.clock.pass_days(1)
    if paid:
        await world.pay(invoice)
    world.clock.pass_days(0, hour=9)
    await world.bar(f"case_{number}-2", "none")


async def charges(world: DebtWorld) -> list[tuple[int, str, str]]:
    async with world.work() as work:
        pending = await work.invoices.pending_adjustments(world.account_id)
    return [(one.amount_minor, one.tax_code, one.description) for one in pending]


async def told(world: DebtWorld) -> list[str]:
    return [one.summary for one in await world.timeline("reconnection_fee")]


async def test_a_restoration_after_payment_costs_the_fee_and_the_timeline_says_why(world: DebtWorld) -> None:
    await restored(world)
    assert await charges(world) == [(1500, "standard", "Heraansluitkosten")]
    (entry,) = await world.timeline("reconnection_fee")
    assert entry.summary == "Reconnection fee: 15.00 EUR net on the next invoice"
    assert (entry.reason["order_id"], entry.reason["per_service_minor"]) == ("case_1-2", 1500)
    assert entry.reason["rule"] == "barring policy of the brand vonk"


async def test_the_maximum_is_what_the_customer_pays_with_vat_for_all_lines_together(world: DebtWorld) -> None:
    async with world.work() as work:
        for last in range(2):
            await work.accounts.add_service(a_service(world.account_id, identifier=f"+3168765432{last}"))
        await work.commit()
    await restored(world)
    assert await charges(world) == [(2479, "standard", "Heraansluitkosten")]  # 29.9959 with 21 % VAT
    assert ReconnectionFee(1500, 3000).net_minor(3, Decimal(21)) == 2479
    assert ReconnectionFee(1500).net_minor(3, Decimal(21)) == 4500


async def test_a_brand_without_a_fee_charges_none_and_says_nothing(world: DebtWorld) -> None:
    await world.bar("case_1-1", "outgoing")
    await world.bar("case_1-2", "none")
    assert (await charges(world), await told(world)) == ([], [])


async def test_our_own_mistake_costs_nothing(world: DebtWorld) -> None:
    """Credited instead of paid: nothing was owed."""
    await restored(world, paid=False)
    assert await charges(world) == []
    assert await told(world) == ["No reconnection fee: nothing was paid since services were restricted"]


async def test_what_a_person_lifts_costs_nothing(world: DebtWorld) -> None:
    await world.set_barring_policy({"reconnection_fee": FEE})
    await world.bar("case_1-1", "outgoing")
    world.clock.pass_days(1)
    await world.pay(await world.an_invoice())
    await world.bar("hand-1", "none", author="Robin")
    assert (await charges(world), await told(world)) == ([], [])


async def test_what_a_cap_stopped_costs_nothing(world: DebtWorld) -> None:
    await world.set_barring_policy({"reconnection_fee": FEE})
    await world.pay(await world.an_invoice())
    for order_id, level in (("limit-1", "stop:data"), ("limit-2", "stop:")):
        await world.bar(order_id, level, author="limits", service_ids=(world.line.service_id,))
    assert (await charges(world), await told(world)) == ([], [])


async def test_a_bar_that_never_took_effect_costs_nothing(world: DebtWorld) -> None:
    await world.set_barring_policy({"reconnection_fee": FEE})
    world.network.slow = True
    invoice = await world.an_invoice()
    await world.barring.place_order(world.order("outgoing"))
    world.clock.pass_days(1)
    await world.pay(invoice)
    world.network.slow = False
    await world.bar("case_1-2", "none")
    assert (await charges(world), await told(world)) == ([], [])


async def test_the_first_of_a_year_is_free_where_the_policy_says_so(world: DebtWorld) -> None:
    fee = FEE | {"free_per_year": 1}
    await restored(world, fee)
    assert await charges(world) == []
    assert await told(world) == ["No reconnection fee: restoration 1 within 365 days, and 1 are free"]
    world.clock.pass_days(40)
    await restored(world, fee, number=2)
    assert [amount for amount, _, _ in await charges(world)] == [1500]


async def test_a_segment_may_pay_none(world: DebtWorld) -> None:
    await restored(world, FEE | {"waived_segments": [world.account.segment]})
    assert await told(world) == [f"No reconnection fee: the segment {world.account.segment} pays none"]


async def test_a_case_with_a_fee_of_its_own_is_not_charged_the_brands_too(world: DebtWorld) -> None:
    """Its own is booked with the end of the case, within what its law pack allows."""
    invoice = await world.an_invoice()
    case = await world.open_case(invoice)
    async with world.work() as work:
        pinned = (await work.dunning.cases(world.account_id))[0]
        stored = await work.dunning.policy(pinned.policy_code, pinned.policy_version)
        fees = {"fees": {"reconnection_minor": 3000}}
        await work.connection.execute(update(dunning_policies).values(definition={**stored.definition, **fees}))
        await work.commit()
    await world.set_barring_policy({"reconnection_fee": FEE})
    await world.bar(f"{case.case_id}-1", "outgoing")
    world.clock.pass_days(1)
    await world.pay(invoice)
    world.clock.pass_days(0, hour=9)
    await world.bar(f"{case.case_id}-2", "none")
    assert (await charges(world), await told(world)) == ([], [])


async def test_an_outcome_written_down_twice_charges_once(world: DebtWorld) -> None:
    await restored(world)
    await world.bar("case_1-2", "none")
    assert len(await charges(world)) == 1


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"reconnection_fee": {}}, "barring_policy.reconnection_fee.amount_minor"),
        ({"reconnection_fee": {"amount_minor": 0}}, "barring_policy.reconnection_fee.amount_minor"),
        ({"reconnection_fee": FEE | {"tax_code": "none-such"}}, "barring_policy.reconnection_fee.tax_code"),
        ({"reconnection_fee": FEE | {"vat": 21}}, "barring_policy.reconnection_fee.vat"),
        ({"restricting_hours": {"starts_hour": 24}}, "barring_policy.restricting_hours.starts_hour"),
        ({"hours": {}}, "barring_policy.hours"),
    ],
)
async def test_a_policy_that_cannot_be_used_is_refused_by_its_field(
    world: DebtWorld, policy: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidValue) as refused:
        await CatalogueService(world.work, world.clock).add_brand(a_brand(brand="other", barring_policy=policy))
    assert refused.value.field == field


def test_nothing_is_restricted_later_or_charged_without_a_policy() -> None:
    assert BarringPolicy.from_dict({}) == BarringPolicy(None, None)
