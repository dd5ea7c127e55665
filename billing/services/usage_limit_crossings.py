"""Limits that counted usage has passed: what is written to the outbox of it, and when to look again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from billing.domain.limits import STOPPED_AT_PERCENT, LimitScope, LimitState, LimitUse, Measure
from billing.domain.rating import PlanDefinition
from billing.messages.notices import NoticeKind
from billing.ports.accounts import TimelineEntry
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage_intake import Crossing, CycleSpan
from billing.ports.usage_records import CounterRow
from billing.services.limits_in_force import AccountLimits, prices_abroad
from billing.services.usage_watch import CounterOfCycle

Plans = Mapping[tuple[str, int], PlanDefinition]


async def read_limits(
    work: UnitOfWork, counters: Mapping[tuple[str, int], Sequence[CounterRow]], plans: Plans
) -> Mapping[str, AccountLimits]:
    """The limits of these accounts by account id; one without any, and without use abroad, costs no further look."""
    changes = await work.limits.changes(sorted({account_id for account_id, _ in counters}))
    chosen = {change.account_id for change in changes}
    abroad = {account_id for (account_id, _), rows in counters.items() if any(_is_abroad(row, plans) for row in rows)}
    limited = sorted(chosen | abroad)
    if not limited:
        return {}
    agreements = await work.limits.agreements(limited)
    terms = {one.account_id: one for one in await work.limits.terms(limited)}
    return {
        account_id: AccountLimits(
            [one for one in changes if one.account_id == account_id],
            [one for one in agreements if one.account_id == account_id],
            terms[account_id],
        )
        for account_id in limited
    }


def _is_abroad(row: CounterRow, plans: Plans) -> bool:
    return prices_abroad(plans[row.plan_code, row.plan_version], row.price_code)


def limit_crossings(cycle: CycleSpan, uses: Iterable[LimitUse], currency: str, at: datetime) -> list[Crossing]:
    """Every percent of every limit that usage has reached.

    Of several at once the highest is told, and an amount beyond a cap apart from it: nobody reads that 80 % is used
    beside that all of it is.
    """
    return [_crossing(cycle, use, percent, currency, at) for use in uses for percent in use.passed_percents]


def _crossing(cycle: CycleSpan, use: LimitUse, percent: int, currency: str, at: datetime) -> Crossing:
    limit = use.limit
    highest = max(each for each in use.passed_percents if each <= STOPPED_AT_PERCENT)
    return Crossing(
        account_id=cycle.account_id,
        cycle_number=cycle.cycle_number,
        service_id=limit.scope.service_id or None,
        allowance_code="",
        meter=limit.scope.meter,
        percent=percent,
        used=use.used,
        included=limit.value,
        crossed_at=at,
        limit_key=limit.key,
        notice=notice_of(use, percent),
        currency=currency if limit.measure is Measure.AMOUNT else "",
        stops=percent == STOPPED_AT_PERCENT and use.state is LimitState.STOPPED,
        told_at=at if percent < highest else None,
    )


def notice_of(use: LimitUse, percent: int) -> NoticeKind:
    """What the customer is told at so many percent of a limit."""
    roaming = use.limit.scope.roaming
    if percent > STOPPED_AT_PERCENT:
        return NoticeKind.ROAMING_REMINDER
    if percent < STOPPED_AT_PERCENT:
        return NoticeKind.ROAMING_80 if roaming else NoticeKind.USAGE_80
    if use.state is not LimitState.STOPPED:
        return NoticeKind.USAGE_100
    return NoticeKind.ROAMING_STOPPED if roaming else NoticeKind.USAGE_STOPPED


def limit_entry(crossing: Crossing) -> TimelineEntry:
    """A crossed limit on the account's timeline."""
    what = "stops usage" if crossing.stops else "is told"
    return TimelineEntry(
        account_id=crossing.account_id,
        at=crossing.crossed_at,
        kind="usage.limit_crossed",
        summary=f"{crossing.percent} % of the limit {crossing.limit_key.rpartition(':')[0]} is used; it {what}",
        reason={
            "rule": "limits on usage",
            "cycle_number": crossing.cycle_number,
            "limit": crossing.limit_key,
            "used": crossing.used,
            "value": crossing.included,
            "currency": crossing.currency,
        },
    )


def watch_limits(
    watched: dict[CounterOfCycle, int], rows: Sequence[CounterRow], plans: Plans, uses: Iterable[LimitUse]
) -> None:
    """Lower the quantities from which counters are looked at to where a limit's next percent can be passed.

    An amount may grow with any counter of the account, so with a limit on an amount every count is looked at.
    """
    for use in uses:
        left = _quantity_left(use)
        covered = [row for row in rows if _covers(use.limit.scope, row, plans)]
        if left and use.limit.measure is Measure.AMOUNT:
            watched.update(dict.fromkeys(watched, 0))
        for row in covered if left else ():
            key = (row.service_id, row.plan_code, row.plan_version, row.price_code, row.band)
            watched[key] = min(watched[key], row.quantity - (-left // len(covered)))


def _quantity_left(use: LimitUse) -> int:
    """How far the limit's next percent is; 0 when all are passed."""
    percents = [percent for percent in use.limit.percents if percent not in use.passed_percents]
    goals = [-(-use.limit.value * percent // 100) for percent in percents]
    return max(min(goals, default=use.used) - use.used, 1) if percents else 0


def _covers(scope: LimitScope, row: CounterRow, plans: Plans) -> bool:
    prices = plans[row.plan_code, row.plan_version].usage_prices
    meter = next(price.meter for price in prices if price.code == row.price_code)
    return scope.service_id in ("", row.service_id) and scope.meter in ("", meter)
