"""One account's limits at this moment: the running cycle, its services, and what is used of each limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.limits import LimitUse
from billing.domain.rating import PlanDefinition
from billing.ports.balance import BalanceFacts, LineName
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage_intake import CycleSpan
from billing.services.grants_ahead import carried_ahead
from billing.services.limits_in_force import AccountLimits, LimitView, views_of
from billing.services.usage_guiding import PlanKey
from billing.services.usage_plans import PlanShelf
from billing.services.usage_thresholds import uses_of


@dataclass(frozen=True, slots=True)
class LimitedCycle:
    """``cycle`` is the one that runs now (None: none does); ``services`` are active now.

    ``service_ids`` are all of the account's services, ``meters`` what their plans price.
    """

    account_id: str
    cycle: CycleSpan | None
    services: Sequence[LineName]
    service_ids: frozenset[str]
    meters: frozenset[str]
    limits: AccountLimits
    uses: tuple[LimitUse, ...]

    @property
    def views(self) -> list[LimitView]:
        """The limits as they are shown."""
        return views_of(self.limits, self.cycle.cycle_number, self.uses) if self.cycle else []


async def read_limited_cycle(work: UnitOfWork, shelf: PlanShelf, account_id: str, now: datetime) -> LimitedCycle:
    """What limits say now. Raises NotFound for an unknown account."""
    facts = await read_facts(work, account_id, now)
    keys = plan_keys(facts)
    plans = await shelf.get(work, keys)
    limits = AccountLimits(facts.changes, facts.agreements, facts.terms)
    cycle = running(facts, now)
    granted = facts.grants
    if cycle and may_be_carried_to(facts, plans):
        granted = [*granted, *await carried_ahead(work, shelf, cycle)]
    active = {
        one.service_id
        for one in facts.periods
        if one.active_from <= now and (one.active_to is None or now < one.active_to)
    }
    return LimitedCycle(
        account_id,
        cycle,
        [line for line in facts.lines if line.service_id in active],
        frozenset(line.service_id for line in facts.lines),
        frozenset(price.meter for key in keys for price in plans[key].usage_prices),
        limits,
        uses_of(cycle, facts.periods, facts.rows, plans, limits, granted) if cycle else (),
    )


async def read_facts(work: UnitOfWork, account_id: str, now: datetime) -> BalanceFacts:
    """What the balance and the limits of this moment are computed from. Raises NotFound for an unknown account."""
    facts = await work.usage.balance_facts(account_id, now)
    if facts is None:
        await work.accounts.get(account_id)  # says that there is none
        raise AssertionError("an account that is there has facts")
    return facts


def plan_keys(facts: BalanceFacts) -> set[PlanKey]:
    """The plan versions that are needed to rate."""
    keys = {(one.plan_code, one.plan_version) for one in facts.periods}
    return keys | {(one.plan_code, one.plan_version) for one in facts.rows}


def may_be_carried_to(facts: BalanceFacts, plans: Mapping[PlanKey, PlanDefinition]) -> bool:
    """Whether the cycle before may leave something that its bill has not carried on yet: most accounts have neither
    grants nor a plan that rolls over. ``plans`` are at least those of ``plan_keys``."""
    if not facts.follows_unbilled:
        return False
    if facts.follows_grants or facts.grants:
        return True
    return any(allowance.rollover for key in plan_keys(facts) for allowance in plans[key].allowances)


def running(facts: BalanceFacts, now: datetime) -> CycleSpan | None:
    """The cycle that contains this moment."""
    return facts.cycle if facts.cycle and facts.cycle.opens_at <= now < facts.cycle.closes_at else None
