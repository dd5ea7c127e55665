"""Brands and plans: checked as a whole before they are kept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from babel.numbers import list_currencies

from billing.domain.banking_days import public_holidays
from billing.domain.barring_policy import BarringPolicy
from billing.domain.cycle_calendar import zone_info
from billing.domain.cycle_plan import MethodKind, validate_policy
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.errors import Conflict, InvalidValue
from billing.domain.limit_policy import LimitPolicy
from billing.domain.rating import PlanDefinition
from billing.domain.tax import TaxTable
from billing.ports.accounts import Brand, Plan
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bad_debt_rules import check_relief
from billing.services.brand_policies import BrandPolicies
from billing.services.dunning_policies import DEFAULT_POLICY
from billing.services.reach_checks import refuse_unusable_channels, usable_locale

_CODE = re.compile(r"[a-z][a-z0-9-]{1,30}")


class CatalogueService:
    """What the operator sells, and under which names and rules; ``policies`` changes the rules of a brand."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock
        self.policies = BrandPolicies(make_work, clock, check_brand)

    async def add_brand(self, brand: Brand) -> Brand:
        """Keep a new brand. Raises InvalidValue for a code, zone, tax table or policy that cannot be kept."""
        # A brand's public holidays are quiet days unless its policy names another country.
        policy = {"country": brand.country, **brand.cycle_policy}
        brand = replace(brand, cycle_policy=policy, locale=usable_locale(brand.locale))
        await asyncio.to_thread(check_brand, brand)  # plans every day of decades: half a second of computing
        async with self._make_work() as work:
            if brand.brand in {known.brand for known in await work.accounts.brands()}:
                raise Conflict(
                    f"The brand {brand.brand} is there already.",
                    field="brand",
                    value=brand.brand,
                    remedy="Use another code.",
                )
            await _check_dunning_policy(work, brand)
            await work.accounts.add_brand(brand)
            await work.commit()
        return brand

    async def brands(self) -> Sequence[Brand]:
        async with self._make_work() as work:
            return await work.accounts.brands()

    async def publish_plan(
        self,
        brand: str,
        definition: Mapping[str, Any],
        author: str = "",
        reason: str = "",
        sold_from: datetime | None = None,
    ) -> Plan:
        """Publish the next version of a plan; the same definition again is the version that is there.

        New lines get it from ``sold_from`` on (none: at once). Raises InvalidValue naming the dotted field of a
        definition that cannot be read, or a currency that is not the brand's.
        """
        read = PlanDefinition.from_dict(dict(definition))
        async with self._make_work() as work:
            owner = await work.accounts.brand(brand)
            read = check_against_brand(read, owner)
            await work.accounts.lock_catalogue()
            everyones = await work.accounts.plans()
            _refuse_foreign(read.code, owner, everyones)
            versions = [plan for plan in everyones if plan.plan_code == read.code]
            number = 1 + max((plan.plan_version for plan in versions), default=0)
            kept = {**read.to_dict(), "version": number}
            same = [plan for plan in versions if {**plan.definition, "version": number} == kept]
            if same:
                return same[-1]
            plan = Plan(read.code, number, brand, read.name, kept, self._clock.now(), author, reason, sold_from)
            await work.accounts.add_plan(plan)
            await work.commit()
        return plan

    async def lines_by_plan(self) -> Mapping[str, int]:
        """How many lines that are not ended have each plan."""
        async with self._make_work() as work:
            return await work.accounts.lines_by_plan()

    async def lines_by_version(self, plan_code: str) -> Mapping[int, int]:
        """How many lines that are not ended have each version of a plan."""
        async with self._make_work() as work:
            return await work.accounts.lines_by_version(plan_code)

    async def plans(self, brand: str | None = None) -> Sequence[Plan]:
        async with self._make_work() as work:
            return await work.accounts.plans(brand)


def check_against_brand(plan: PlanDefinition, brand: Brand) -> PlanDefinition:
    """The plan as a brand would publish it, its time bands in the brand's zone. Raises InvalidValue."""
    if plan.currency != brand.currency:
        raise InvalidValue(
            f"The brand {brand.brand} bills in {brand.currency}.",
            field="currency",
            value=plan.currency,
            remedy=f"Publish the plan in {brand.currency}.",
        )
    _check_tax_codes(plan, brand)
    return plan.in_time_zone(brand.zone)


def _refuse_foreign(plan_code: str, brand: Brand, plans: Sequence[Plan]) -> None:
    for plan in plans:
        if plan.plan_code == plan_code and plan.brand != brand.brand:
            raise Conflict(
                f"The brand {plan.brand} has a plan of this code.",
                field="code",
                value=plan_code,
                remedy="Give the plan another code.",
            )


def check_brand(brand: Brand) -> None:
    """Raises InvalidValue for a code, zone, tax table or policy that cannot be kept."""
    if not _CODE.fullmatch(brand.brand):
        raise InvalidValue(
            "A brand's code is short and plain, because it is part of workflow ids.",
            field="brand",
            value=brand.brand,
            remedy="Use lower-case letters, digits and hyphens, like vonk.",
        )
    if brand.currency not in list_currencies():
        raise InvalidValue(
            "This currency is not known.",
            field="currency",
            value=brand.currency,
            remedy="Use a code of ISO 4217, like EUR.",
        )
    refuse_unusable_channels(brand.notice_channels, of_brand=True)
    zone_info(brand.zone)
    public_holidays(brand.country, 2026)
    TaxTable.from_dict(dict(brand.tax_table), "tax_table")
    LimitPolicy.from_dict(brand.limit_policy, "limit_policy")
    _check_barring_policy(brand)
    check_relief(brand.bad_debt_relief, str(brand.tax_table.get("country", brand.country)))
    policy = CyclePolicy.from_dict(dict(brand.cycle_policy), "cycle_policy")
    validate_policy(policy, brand.zone, _planned_kinds(brand.currency))


def _planned_kinds(currency: str) -> tuple[MethodKind, ...]:
    """How a brand's customers may pay: Bacs is for pounds, SEPA for euros."""
    debit = MethodKind.BACS_DEBIT if currency == "GBP" else MethodKind.SEPA_DEBIT
    return (MethodKind.CARD, debit, MethodKind.NONE)


def _check_barring_policy(brand: Brand) -> None:
    """Readable, and its fee can be taxed. Raises InvalidValue with the dotted field."""
    fee = BarringPolicy.from_dict(brand.barring_policy, "barring_policy").reconnection_fee
    known = TaxTable.from_dict(dict(brand.tax_table), "tax_table").percents
    if fee is not None and fee.tax_code not in known:
        raise InvalidValue(
            f"The tax table of the brand {brand.brand} has no such code.",
            field="barring_policy.reconnection_fee.tax_code",
            value=fee.tax_code,
            remedy=f"Use one of: {', '.join(known)}.",
        )


async def _check_dunning_policy(work: UnitOfWork, brand: Brand) -> None:
    """The usual policy is published by every worker that starts; any other one must be there. Raises NotFound."""
    if brand.dunning_policy_code != DEFAULT_POLICY:
        await work.dunning.policy(brand.dunning_policy_code)


def _check_tax_codes(plan: PlanDefinition, brand: Brand) -> None:
    """Every price can be taxed, or no invoice with it could be issued. Raises InvalidValue with the dotted field."""
    known = TaxTable.from_dict(dict(brand.tax_table), "tax_table").percents
    for place, price in enumerate(plan.prices):
        if price.tax_code not in known:
            raise InvalidValue(
                f"The tax table of the brand {brand.brand} has no such code.",
                field=f"prices[{place}].tax_code",
                value=price.tax_code,
                remedy=f"Use one of: {', '.join(sorted(known))}.",
            )
