"""Rating by totals: counters in, explained lines out. The live balance and the invoice call the same functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from billing.domain.errors import InvalidValue
from billing.domain.rating.bands import Band
from billing.domain.rating.counters import Counter, merge
from billing.domain.rating.drawing import AllowanceState, Draw, DrawBook, draw_all
from billing.domain.rating.grants import ServiceGrants
from billing.domain.rating.lines import (
    RatedLine,
    RatedUsage,
    discount_lines,
    limit_line,
    part_of_line,
    recurring_line,
    usage_line,
)
from billing.domain.rating.on_change import Share
from billing.domain.rating.plan import PlanDefinition
from billing.domain.rating.price import PriceDefinition


def rate_totals(plan: PlanDefinition, counters: Iterable[Counter], *, on: date | None = None) -> RatedUsage:
    """Price one service's counters of one cycle.

    ``on`` is the local date for which dated line discounts are judged (the invoice date). Raises InvalidValue when a
    counter belongs to no band of this plan version.
    """
    return rate_services([(plan, tuple(counters))], on=on)[0]


def rate_services(
    services: Sequence[tuple[PlanDefinition, Sequence[Counter]]],
    *,
    on: date | None = None,
    grants: Sequence[ServiceGrants] = (),
) -> tuple[RatedUsage, ...]:
    """Price all services of one account, in order: own allowances first, then grants, then what others left of shared
    ones.
    """
    return tuple(_rated(book, on) for book in _drawn(services, grants))


def allowance_states(
    services: Sequence[tuple[PlanDefinition, Sequence[Counter]]], grants: Sequence[ServiceGrants] = ()
) -> tuple[tuple[AllowanceState, ...], ...]:
    """Only the allowances of ``rate_services``, for finding crossed thresholds many times a second."""
    return tuple(book.states() for book in _drawn(services, grants))


def _drawn(
    services: Sequence[tuple[PlanDefinition, Sequence[Counter]]], grants: Sequence[ServiceGrants]
) -> list[DrawBook]:
    return draw_all([(plan, _in_drawing_order(plan, counters)) for plan, counters in services], grants)


def recurring_lines(
    plan: PlanDefinition, *, on: date | None = None, share: Share | None = None
) -> tuple[RatedLine, ...]:
    """The fees of one cycle, with the line discounts that apply on the local date ``on``.

    ``share`` is the part of the cycle the plan counts for, if not all of it: each line is for that part, discounts
    too, and a plan that counts for no day has none.
    """
    lines: list[RatedLine] = []
    for price in plan.recurring_prices:
        fee = recurring_line(plan, price)
        lines += [fee, *discount_lines(plan, price, [fee], on)]
    if share is None or share.is_whole:
        return tuple(lines)
    return tuple(part_of_line(line, share) for line in lines) if share.days else ()


def _rated(book: DrawBook, on: date | None) -> RatedUsage:
    plan = book.plan
    lines: list[RatedLine] = []
    for price in plan.usage_prices:
        own = [usage_line(plan, band, counter, draws) for band, counter, draws in _groups(book, price)]
        limit = limit_line(price, own, plan.currency)
        own += [limit] if limit else []
        lines += [*own, *discount_lines(plan, price, own, on)]
    return RatedUsage(plan.currency, tuple(lines), book.states())


def _groups(book: DrawBook, price: PriceDefinition) -> Iterator[tuple[Band, Counter, list[Draw]]]:
    """One price's counters put together again where an allowance split them: tiers and blocks count their total."""
    counters: dict[str, Counter] = {}
    draws: dict[str, list[Draw]] = {}
    bands: dict[str, Band] = {}
    for counter in book.counters:
        if counter.price_code == price.code:
            band = book.band_of(counter)
            bands.setdefault(band.group, band)
            so_far = counters.get(band.group, Counter(price.code, band.group, 0, 0))
            counters[band.group] = so_far.plus(counter)
            draws.setdefault(band.group, []).extend(book.draws.get(counter.key, ()))
    for group, counter in counters.items():
        yield bands[group], counter, draws[group]


def _in_drawing_order(plan: PlanDefinition, counters: Iterable[Counter]) -> list[Counter]:
    order = {price.code: place for place, price in enumerate(plan.prices)}
    merged = merge(counters)
    for counter in merged:
        if plan.bands.band_of(*counter.key) is None:
            raise InvalidValue(
                f"Plan {plan.code} version {plan.version} has no such price and band.",
                field="counter",
                value=f"{counter.price_code}/{counter.band}",
                remedy="Rate counters with the plan version that guided them.",
            )
    return sorted(merged, key=lambda counter: (order[counter.price_code], counter.band))
