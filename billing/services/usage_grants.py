"""What services may draw beside their plans in one cycle: read for every rating, and carried on when a cycle is
issued. Pure but for the reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from billing.domain.rating import (
    Allowance,
    AllowanceState,
    Grant,
    Origin,
    PlanDefinition,
    RolledOver,
    ServiceGrants,
    left_of,
    roll_over,
)
from billing.ports.grants import GrantRow, NewGrant
from billing.ports.unit_of_work import UnitOfWork
from billing.services.usage_guiding import PlanKey

ServiceKey = tuple[str, str, int]  # service_id, plan_code, plan_version


class Span(Protocol):
    """A cycle's period."""

    @property
    def account_id(self) -> str: ...
    @property
    def cycle_number(self) -> int: ...
    @property
    def opens_at(self) -> datetime: ...
    @property
    def closes_at(self) -> datetime: ...


async def granted_in(work: UnitOfWork, cycles: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Sequence[GrantRow]]:
    """The grants of each cycle, with those of the one after it, by (account_id, cycle number)."""
    wanted = sorted({(account_id, number + more) for account_id, number in cycles for more in (0, 1)})
    rows = await work.grants.in_cycles(wanted)
    found: dict[tuple[str, int], Sequence[GrantRow]] = {}
    for account_id, number in cycles if rows else ():
        own = [row for row in rows if row.account_id == account_id and row.cycle_number in (number, number + 1)]
        if own:
            found[account_id, number] = own
    return found


def grants_in(keys: Iterable[ServiceKey], rows: Sequence[GrantRow], cycle: Span) -> tuple[ServiceGrants, ...]:
    """What each service may draw in a cycle, for rating ``keys`` in this order.

    ``rows`` are those of the cycle and of the one after it: what was carried on is not there any more for late usage.
    A service that has several plans among the keys has one entry, so that its allowances serve all of them.
    """
    places: dict[str, list[int]] = {}
    carried: dict[str, dict[tuple[int, str], int]] = {}
    following = [row for row in rows if row.cycle_number == cycle.cycle_number + 1]
    for place, (service_id, plan_code, plan_version) in enumerate(keys):
        places.setdefault(service_id, []).append(place)
        for row in following:
            source = row.service_id, row.from_plan_code, row.from_plan_version
            if row.from_cycle == cycle.cycle_number and source == (service_id, plan_code, plan_version):
                carried.setdefault(service_id, {})[place, row.rolls_from] = row.quantity
    own = [row for row in rows if row.cycle_number == cycle.cycle_number]
    gone = {row.grant_id: row.quantity for row in following if row.grant_id}
    return tuple(
        ServiceGrants(
            at, [_grant(row, cycle, gone) for row in own if row.service_id == service_id], carried.get(service_id, {})
        )
        for service_id, at in places.items()
        if len(at) > 1 or service_id in carried or any(row.service_id == service_id for row in own)
    )


def _grant(row: GrantRow, cycle: Span, gone: Mapping[str, int]) -> Grant:
    begins_within = row.valid_from is not None and row.valid_from > cycle.opens_at
    ends_within = row.valid_to is not None and row.valid_to < cycle.closes_at
    return Grant(
        code=grant_code(row),
        allowance=Allowance.from_dict(dict(row.allowance)),
        quantity=row.quantity - gone.get(row.grant_id, 0),
        origin=Origin(row.origin),
        valid_from=row.valid_from if begins_within else None,
        valid_to=row.valid_to if ends_within else None,
        expires_at=row.expires_at,
        rolls_from=row.rolls_from,
        lives_on=lives_on(row, cycle),
    )


def grant_code(row: GrantRow) -> str:
    """The name of a grant among allowances: its identity, or that of its command while it is not stored."""
    return row.grant_id or row.command_id


def lives_on(row: NewGrant, cycle: Span) -> bool:
    """True when what this cycle leaves of it may be drawn in the next one."""
    if row.last_cycle is not None:
        return row.last_cycle > cycle.cycle_number
    return row.valid_to is not None and row.valid_to > cycle.closes_at


class RatedPlan(Protocol):
    """One service at one plan version, as its cycle's rating left it."""

    @property
    def service_id(self) -> str: ...
    @property
    def plan_code(self) -> str: ...
    @property
    def plan_version(self) -> int: ...
    @property
    def allowances(self) -> Sequence[AllowanceState]: ...


def carried_on(
    cycle: Span,
    rated: Sequence[RatedPlan],
    rows: Sequence[GrantRow],
    present: Mapping[str, PlanKey],
    plans: Mapping[PlanKey, PlanDefinition],
    at: datetime,
    close_of: Callable[[int], datetime],
) -> tuple[list[NewGrant], list[GrantRow]]:
    """What a cycle leaves for the next one: new grants from the allowances of each service's ``present`` plan, and
    earlier ones that live on. A service without a present plan has ended, and takes nothing with it. ``close_of``
    answers when the cycle of a number closes.
    """
    new: list[NewGrant] = []
    living: list[GrantRow] = []
    for service_id, key in present.items():
        own = [row for row in rows if row.service_id == service_id and row.cycle_number == cycle.cycle_number]
        states = [state for each in rated if each.service_id == service_id for state in each.allowances]
        grants = [_grant(row, cycle, {}) for row in own]
        for row, grant in zip(own, grants, strict=True):
            left = left_of(grant, states)
            if left and grant.lives_on:
                living.append(replace(row, cycle_number=cycle.cycle_number + 1, quantity=left))
        now = [
            state
            for each in rated
            if (each.service_id, each.plan_code, each.plan_version) == (service_id, *key)
            for state in each.allowances
            if state.origin is Origin.PLAN
        ]
        granted = [state for state in states if state.origin is not Origin.PLAN]
        for rolled in roll_over(plans[key], [*now, *granted], grants):
            carried = _rolled(cycle, service_id, key, rolled, at)
            new.append(replace(carried, expires_at=close_of(cycle.cycle_number + rolled.cycles)))
    return new, living


def _rolled(cycle: Span, service_id: str, key: PlanKey, rolled: RolledOver, at: datetime) -> NewGrant:
    allowance = rolled.allowance
    named = replace(allowance, name=f"{allowance.name}, rolled over")
    return NewGrant(
        account_id=cycle.account_id,
        cycle_number=cycle.cycle_number + 1,
        service_id=service_id,
        origin=Origin.ROLLOVER.value,
        allowance=named.to_dict(),
        quantity=rolled.quantity,
        command_id=f"rollover/{cycle.cycle_number}/{service_id}/{allowance.code}",
        granted_at=at,
        last_cycle=cycle.cycle_number + rolled.cycles,
        rolls_from=allowance.code,
        from_cycle=cycle.cycle_number,
        from_plan_code=key[0],
        from_plan_version=key[1],
        author="evenflow",
        reason=f"left of cycle {cycle.cycle_number}",
    )
