"""Which limits hold for an account in a cycle, and what is used of them. Pure, over what was read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from billing.domain.limit_policy import LimitPolicy, RoamingDataPolicy
from billing.domain.limits import Limit, LimitKind, LimitScope, LimitUse, Measure, MeterUse, limit_id, limit_uses
from billing.domain.rating import HOME, Counter, PlanDefinition, RatedLine
from billing.domain.roaming import any_abroad
from billing.ports.limits import LimitAgreement, LimitChange, LimitTerms


@dataclass(frozen=True, slots=True)
class ServiceCharges:
    """One service at one plan version in a cycle: its counters and the lines they cost."""

    service_id: str
    plan: PlanDefinition
    counters: Sequence[Counter]
    lines: Sequence[RatedLine]


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """Everything that was chosen for an account, and the brand's terms (None: they were not needed)."""

    changes: Sequence[LimitChange] = ()
    agreements: Sequence[LimitAgreement] = ()
    terms: LimitTerms | None = None

    @property
    def roaming(self) -> RoamingDataPolicy:
        """The brand's policy of data abroad."""
        return LimitPolicy.from_dict({} if self.terms is None else self.terms.limit_policy).roaming_data

    @property
    def home(self) -> str:
        """The country in which usage is no roaming."""
        return "" if self.terms is None else self.terms.country

    @property
    def currency(self) -> str:
        """The currency of limits on an amount."""
        return "" if self.terms is None else self.terms.currency

    def in_cycle(self, cycle_number: int) -> dict[str, LimitChange]:
        """The newest change of each limit that is in force in the cycle, by limit id; a removed one too."""
        return {change_id(one): one for one in self.changes if one.from_cycle <= cycle_number}


@dataclass(frozen=True, slots=True)
class LimitView:
    """A limit with its use, whose choice it was (None: the brand's policy), and the change that waits, if any."""

    use: LimitUse
    currency: str
    change: LimitChange | None
    coming: LimitChange | None


def views_of(account: AccountLimits, cycle_number: int, uses: Iterable[LimitUse]) -> list[LimitView]:
    """The limits of a cycle as they are shown. A change for a later cycle waits, unless a newer one overtook it."""
    chosen = account.in_cycle(cycle_number)
    newest = {change_id(one): one for one in account.changes}
    views: list[LimitView] = []
    for use in uses:
        last = newest.get(use.limit.limit_id)
        coming = last if last is not None and last.from_cycle > cycle_number else None
        views.append(LimitView(use, account.currency, chosen.get(use.limit.limit_id), coming))
    return views


def change_id(change: LimitChange) -> str:
    """The limit that a change is about."""
    return limit_id(LimitKind(change.kind), Measure(change.measure), scope_of(change))


def scope_of(change: LimitChange) -> LimitScope:
    """Whose usage the change is about."""
    return LimitScope(change.service_id or "", change.meter, change.roaming)


def limits_in(account: AccountLimits, cycle_number: int, roaming_service_ids: Iterable[str]) -> tuple[Limit, ...]:
    """The limits of a cycle: those chosen, and the brand's default for services whose plan prices data abroad."""
    chosen = account.in_cycle(cycle_number)
    limits = {name: _limit(account, one) for name, one in chosen.items() if one.value is not None}
    policy = account.roaming
    if account.terms is not None and policy.enabled and account.terms.customer_kind in policy.customer_kinds:
        for service_id in roaming_service_ids:
            default = policy.default_limit(service_id)
            if default.limit_id not in chosen:
                limits[default.limit_id] = default
    return tuple(limits[name] for name in sorted(limits))


def _limit(account: AccountLimits, change: LimitChange) -> Limit:
    assert change.value is not None
    if change.roaming and change.service_id is not None:
        return account.roaming.limit(change.service_id, change.value)
    return Limit(LimitKind(change.kind), Measure(change.measure), scope_of(change), change.value)


def uses_in(account: AccountLimits, cycle_number: int, services: Sequence[ServiceCharges]) -> tuple[LimitUse, ...]:
    """Every limit of the cycle with what is used of it."""
    limits = limits_in(account, cycle_number, roaming_services(account, services))
    agreed = {one.service_id for one in account.agreements if one.cycle_number == cycle_number}
    return limit_uses(limits, meter_uses(account, services), agreed) if limits else ()


def roaming_services(account: AccountLimits, services: Iterable[ServiceCharges]) -> list[str]:
    """The services whose plan prices data abroad on its own, each once."""
    abroad = {one.service_id: None for one in services if _roaming_prices(account, one.plan)}
    return list(abroad)


def prices_abroad(plan: PlanDefinition, price_code: str) -> bool:
    """Whether a price is for usage abroad only, wherever that is: not where it is the same as at home."""
    if not plan.zones:
        return False
    return any(price.code == price_code and HOME not in price.zones for price in plan.usage_prices)


def meter_uses(account: AccountLimits, services: Iterable[ServiceCharges]) -> list[MeterUse]:
    """What each service used of each meter, at home and abroad, and what that costs so far."""
    quantities: dict[tuple[str, str, bool], int] = {}
    amounts: dict[tuple[str, str, bool], int] = {}
    for one in services:
        abroad = _roaming_prices(account, one.plan)
        meters = {price.code: price.meter for price in one.plan.usage_prices}
        for counter in one.counters:
            code = counter.price_code
            _add(quantities, (one.service_id, meters[code], code in abroad), counter.quantity)
        for line in one.lines:
            code = line.price_code
            _add(amounts, (one.service_id, meters[code], code in abroad), line.amount.amount_minor)
    keys = dict.fromkeys((*quantities, *amounts))
    return [MeterUse(*key, quantities.get(key, 0), amounts.get(key, 0)) for key in keys]


def _add(totals: dict[tuple[str, str, bool], int], key: tuple[str, str, bool], more: int) -> None:
    totals[key] = totals.get(key, 0) + more


def _roaming_prices(account: AccountLimits, plan: PlanDefinition) -> frozenset[str]:
    """The prices of data used where the brand's policy caps it, by code."""
    if not plan.zones:
        return frozenset()
    policy = account.roaming
    within = {zone.code for zone in plan.zones if any_abroad(zone.places, account.home, policy.area)}
    return frozenset(
        price.code
        for price in plan.usage_prices
        if price.meter in policy.meters and HOME not in price.zones and within & set(price.zones)
    )
