"""Add-ons: quantities bought for a service beside its plan, for usage that starts from the purchase on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.domain.errors import InvalidValue, NotFound, UnableTo
from billing.domain.fields import Fields
from billing.domain.rating import HOME, Allowance, Origin, PlanDefinition
from billing.ports.accounts import Cycle, Service, TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.grants import GrantRow, NewGrant
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.invoicing_cycles import OPEN, close_of, zone_of
from billing.services.usage_plans import PlanShelf


class UnableToGrantAllowance(UnableTo):
    """The account or service is not in a state for it."""


@dataclass(frozen=True)
class AddOnRequest:
    """``add_on`` names one that the plan offers; otherwise ``allowance`` is its definition.

    It lasts for ``cycles`` cycles (one when neither is given), or until ``valid_to``. ``valid_from`` is now unless a
    later instant is given.
    """

    account_id: str
    service_id: str
    command_id: str
    author: str
    reason: str
    add_on: str = ""
    allowance: Mapping[str, Any] = field(default_factory=dict)
    cycles: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None


class AddOns:
    """Grants quantities beside plans."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, shelf: PlanShelf) -> None:
        self._make_work = make_work
        self._clock = clock
        self._shelf = shelf

    async def of(self, account_id: str) -> Sequence[GrantRow]:
        """Every grant of an account in every cycle it reaches. Raises NotFound for an unknown account."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            return await work.grants.of_account(account_id)

    async def grant(self, request: AddOnRequest) -> GrantRow:
        """Grant a quantity; the same command again answers what the first one did.

        Raises NotFound for an unknown account, service or add-on, InvalidValue for a definition or period that cannot
        be used, UnableToGrantAllowance when the service has ended.
        """
        now = self._clock.now()
        granted = await self._granted(request, now)
        # A batch under way may still count usage as if nothing had been granted: what it counted is moved then.
        async with self._make_work() as work:
            await work.usage.wait_for_intake()
            await work.accounts.lock(request.account_id)
            await work.grants.count_again(request.account_id, granted.valid_from or granted.granted_at, now)
            await work.commit()
        return granted

    async def _granted(self, request: AddOnRequest, now: datetime) -> GrantRow:
        async with self._make_work() as work:
            account = await work.accounts.lock(request.account_id)
            for row in await work.grants.of_account(request.account_id):
                if row.command_id == request.command_id:
                    return row
            begins = _begin(request, now)
            service = await _service(work, request, begins)
            key = (service.plan_code, service.plan_version)
            allowance = _allowance(request, (await self._shelf.get(work, [key]))[key])
            cycle = _cycle_at(await work.accounts.cycles(request.account_id), begins)
            zone = zone_of(cycle, await work.accounts.brand(account.brand))
            granted = await work.grants.add(_grant(request, allowance, cycle, begins, now, zone))
            if granted is None:
                raise RuntimeError("a locked account granted the same command twice")
            await work.grants.follow(request.account_id)
            await _look_again(work, cycle)
            await work.timeline.add(_entry(request, granted, now))
            await work.commit()
        return granted


def _begin(request: AddOnRequest, now: datetime) -> datetime:
    begins = request.valid_from or now
    if begins < now:
        raise InvalidValue(
            "An add-on is for usage to come.",
            field="valid_from",
            value=begins.isoformat(),
            remedy=f"Leave it out, or use an instant from {now.isoformat()} on.",
        )
    if request.valid_to is not None and request.cycles is not None:
        raise InvalidValue(
            "An add-on lasts for cycles or until an instant.",
            field="cycles",
            value=request.cycles,
            remedy="Give cycles or valid_to, not both.",
        )
    if request.valid_to is not None and request.valid_to <= begins:
        raise InvalidValue(
            "The add-on ends before it begins.",
            field="valid_to",
            value=request.valid_to.isoformat(),
            remedy=f"Use an instant after {begins.isoformat()}.",
        )
    return begins


async def _service(work: UnitOfWork, request: AddOnRequest, begins: datetime) -> Service:
    for service in await work.accounts.services(request.account_id):
        if service.service_id != request.service_id:
            continue
        if service.active_to is not None and service.active_to <= begins:
            raise UnableToGrantAllowance(
                f"The service {service.service_id} has ended.",
                field="service_id",
                value=service.service_id,
                remedy="Use a service that is active then.",
            )
        return service
    raise NotFound(
        f"Account {request.account_id} has no service {request.service_id}.",
        field="service_id",
        value=request.service_id,
        remedy=f"GET /v1/accounts/{request.account_id}/services lists the services there are.",
    )


def _allowance(request: AddOnRequest, plan: PlanDefinition) -> Allowance:
    if bool(request.add_on) == bool(request.allowance):
        raise InvalidValue(
            "An add-on of the plan or a definition is needed.",
            field="add_on",
            value=request.add_on,
            remedy="Give add_on or allowance, not both.",
        )
    if request.add_on:
        offered = {each.code: each for each in plan.add_ons}
        if request.add_on not in offered:
            raise NotFound(
                f"The plan {plan.code} does not offer this add-on.",
                field="add_on",
                value=request.add_on,
                remedy=f"Use one of: {', '.join(offered) or 'there is none'}; or send an allowance.",
            )
        return offered[request.add_on]
    allowance = Allowance.from_dict(dict(request.allowance), "allowance")
    _refuse_what_counters_do_not_tell(request, allowance, plan)
    return allowance


def _refuse_what_counters_do_not_tell(request: AddOnRequest, allowance: Allowance, plan: PlanDefinition) -> None:
    """A plan's counters are split for what the plan declares; anything finer has to be offered by the plan."""
    fields = Fields(dict(request.allowance), "allowance")
    for name in ("prefixes", "traffic_classes", "time_bands", "rollover"):
        if getattr(allowance, name):
            remedy = "Publish it among the plan's add_ons, or leave it out."
            raise fields.refusal(name, "Only an add-on that the plan offers may have this limit.", remedy)
    zones = (HOME, *(zone.code for zone in plan.zones))
    if any(zone not in zones for zone in allowance.zones):
        raise fields.refusal("zones", "The plan has no such zone.", f"Use some of: {', '.join(zones)}.")
    drawing = sorted({price.meter for price in plan.usage_prices if price.can_draw})
    if allowance.meter not in drawing:
        raise fields.refusal("meter", "No price of the plan draws from this.", f"Use one of: {', '.join(drawing)}.")


def _cycle_at(cycles: Sequence[Cycle], at: datetime) -> Cycle:
    for cycle in cycles:
        if cycle.status == OPEN and cycle.opens_at <= at < cycle.closes_at:
            return cycle
    last = cycles[-1].closes_at.isoformat() if cycles else "its activation"
    raise InvalidValue(
        "The account has no open cycle then.",
        field="valid_from",
        value=at.isoformat(),
        remedy=f"Use an instant in a cycle that is there; the last one ends at {last}.",
    )


def _grant(
    request: AddOnRequest, allowance: Allowance, cycle: Cycle, begins: datetime, now: datetime, zone: str
) -> NewGrant:
    last_cycle = None if request.valid_to else cycle.cycle_number + (request.cycles or 1) - 1
    return NewGrant(
        account_id=request.account_id,
        cycle_number=cycle.cycle_number,
        service_id=request.service_id,
        origin=Origin.ADD_ON.value,
        allowance=allowance.to_dict(),
        quantity=allowance.quantity,
        command_id=request.command_id,
        granted_at=now,
        valid_from=begins,
        valid_to=request.valid_to,
        last_cycle=last_cycle,
        expires_at=request.valid_to or close_of(cycle, last_cycle or cycle.cycle_number, zone),
        author=request.author,
        reason=request.reason,
    )


async def _look_again(work: UnitOfWork, cycle: Cycle) -> None:
    """Thresholds are looked at when the next usage is counted: there is an allowance more to pass."""
    rows = await work.usage.counters_of(cycle.account_id, cycle.cycle_number)
    watched = {(row.service_id, row.plan_code, row.plan_version, row.price_code, row.band): 0 for row in rows}
    await work.usage.watch({(cycle.account_id, cycle.cycle_number): watched})


def _entry(request: AddOnRequest, granted: GrantRow, now: datetime) -> TimelineEntry:
    name = granted.allowance.get("name", granted.allowance["code"])
    return TimelineEntry(
        account_id=request.account_id,
        at=now,
        kind="usage.allowance_granted",
        summary=f"{granted.quantity} of {granted.allowance['meter']} granted to {request.service_id}: {name}",
        reason={
            "reason": request.reason,
            "grant_id": granted.grant_id,
            "cycle_number": granted.cycle_number,
            "expires_at": None if granted.expires_at is None else granted.expires_at.isoformat(),
        },
        actor=request.author,
    )
