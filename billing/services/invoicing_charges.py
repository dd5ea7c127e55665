"""What goes on an invoice: fees, usage, what earlier cycles owe more or less, and adjustments, as net lines.

Usage is priced from the counters of the cycle, never from events again, by the same functions as the live balance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from billing.domain.cycle_calendar import local_date
from billing.domain.invoice import InvoiceLine, adjustment_line, correction_words, late_lines, line_of
from billing.domain.money import Money
from billing.domain.rating import RatedLine, RatedUsage, recurring_lines
from billing.ports.accounts import Cycle
from billing.ports.invoicing import PendingAdjustment
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage_intake import ServicePlan
from billing.ports.usage_records import Counted, LateUsageRow
from billing.services.account_rating import RatedService, rate_account
from billing.services.invoicing_cycles import span_of
from billing.services.plan_periods import ServiceKey, billed_periods
from billing.services.usage_grants import granted_in
from billing.services.usage_plans import PlanShelf

_PLANS_CHANGED = ("corrected: the line and its plan in this cycle were changed after it was billed",)


@dataclass(frozen=True)
class Charges:
    """The net lines of an invoice before discounts, and what they bill."""

    lines: tuple[InvoiceLine, ...]
    adjustments: tuple[PendingAdjustment, ...]
    late_ids: tuple[str, ...]
    late_cycles: tuple[int, ...] = ()
    rated: tuple[RatedService, ...] = ()


async def charges_of(work: UnitOfWork, shelf: PlanShelf, cycle: Cycle, zone: str) -> Charges:
    """Everything the invoice of a cycle charges: per service fees and usage, then what billed cycles owe more or less
    since, then adjustments."""
    rating = _Rating(work, shelf, await work.usage.service_plans([cycle.account_id]), zone)
    lines, rated = await rating.cycle_lines(cycle)
    late = await work.usage.unbilled_late_usage(cycle.account_id)
    changed = {row.cycle_number for row in late} | set(await work.accounts.changed_cycles(cycle.account_id))
    for number in sorted(changed):
        own = [row for row in late if row.cycle_number == number]
        lines += await rating.lines_since_billed(await work.accounts.cycle(cycle.account_id, number), own)
    adjustments = tuple(await work.invoices.pending_adjustments(cycle.account_id))
    lines += [_adjustment(each) for each in adjustments]
    return Charges(tuple(lines), adjustments, tuple(row.late_id for row in late), tuple(sorted(changed)), rated)


async def lines_of(work: UnitOfWork, shelf: PlanShelf, cycle: Cycle, zone: str) -> list[InvoiceLine]:
    """Fees and usage of a cycle by all that is counted now and by the plans as they are now, late usage with it."""
    rating = _Rating(work, shelf, await work.usage.service_plans([cycle.account_id]), zone)
    lines, _ = await rating.cycle_lines(cycle, await work.usage.late_usage_of(cycle.account_id, cycle.cycle_number))
    return lines


def _adjustment(pending: PendingAdjustment) -> InvoiceLine:
    amount = Money(pending.amount_minor, pending.currency)
    return adjustment_line(pending.description, amount, pending.tax_code, pending.reason)


@dataclass(frozen=True)
class _Rating:
    """Prices one account's services; ``periods`` are their plans."""

    work: UnitOfWork
    shelf: PlanShelf
    periods: Sequence[ServicePlan]
    zone: str

    async def cycle_lines(
        self, cycle: Cycle, late: Sequence[LateUsageRow] = ()
    ) -> tuple[list[InvoiceLine], tuple[RatedService, ...]]:
        """By service and plan: the fees of the cycle, then the usage from its counters; and what it was rated as.

        A service active at any moment of the cycle owes its full fees; a change of plan shares them by its rule.
        """
        counters = await self.work.usage.counters_of(cycle.account_id, cycle.cycle_number)
        lines: dict[str, list[InvoiceLine]] = {}
        services = await self._rate([*counters, *late], cycle)
        for rated in services:
            fees = recurring_lines(rated.plan, on=self._invoice_date(cycle), share=rated.fees)
            own = lines.setdefault(rated.service_id, [])
            own += [_fee_line(rated, line) for line in fees]
            own += [_usage_line(rated, line) for line in rated.rated.lines]
        return [line for own in lines.values() for line in own], tuple(services)

    async def lines_since_billed(self, cycle: Cycle, unbilled: Sequence[LateUsageRow]) -> list[InvoiceLine]:
        """A billed cycle rated again, with what came late and by its plans as they are now: the difference."""
        all_late = await self.work.usage.late_usage_of(cycle.account_id, cycle.cycle_number)
        billed: list[Counted] = list(await self.work.usage.counters_of(cycle.account_id, cycle.cycle_number))
        billed += [row for row in all_late if row.invoice_id is not None]
        # Plans that were changed since it was billed are part of the difference.
        as_billed = replace(self, periods=self.periods if cycle.billed_periods is None else billed_periods(cycle))
        before = {_key(rated): rated for rated in await as_billed._rate(billed, cycle)}
        after = {_key(rated): rated for rated in await self._rate([*billed, *unbilled], cycle)}
        why = correction_words({row.correction for row in unbilled})
        lines: list[InvoiceLine] = []
        for service_id, was, now in _pairs(before, after):
            # A service without late usage may still owe more: others may have drawn the allowance it shared.
            own = [row for row in unbilled if row.service_id == service_id] or unbilled
            dates = _dates(own, self.zone) if own else _dates_of(cycle, self.zone)
            lines += late_lines(service_id, _usage(was, now), _usage(now, was), *dates, why)
            fees = self._fees(was, cycle, now), self._fees(now, cycle, was)
            lines += late_lines(service_id, *fees, *_dates_of(cycle, self.zone), _PLANS_CHANGED)
        return lines

    def _fees(self, rated: RatedService | None, cycle: Cycle, other: RatedService | None) -> RatedUsage:
        if rated is None:
            return _usage(rated, other)
        fees = recurring_lines(rated.plan, on=self._invoice_date(cycle), share=rated.fees)
        return RatedUsage(rated.rated.currency, fees, ())

    async def _rate(self, counted: Sequence[Counted], cycle: Cycle) -> list[RatedService]:
        """Rate all services at once, those without usage too: they may share an allowance."""
        keys = {(each.plan_code, each.plan_version) for each in self.periods}
        keys |= {(each.plan_code, each.plan_version) for each in counted}
        plans = await self.shelf.get(self.work, keys)
        span = span_of(cycle, str(cycle.plan.get("zone", self.zone)))
        granted = await granted_in(self.work, [(cycle.account_id, cycle.cycle_number)])
        own = granted.get((cycle.account_id, cycle.cycle_number), ())
        return rate_account(span, self.periods, counted, plans, self._invoice_date(cycle), own)

    def _invoice_date(self, cycle: Cycle) -> date:
        return local_date(cycle.closes_at, self.zone)


def _key(rated: RatedService) -> ServiceKey:
    return rated.service_id, rated.plan_code, rated.plan_version


def _fee_line(rated: RatedService, line: RatedLine) -> InvoiceLine:
    """Dated where the plan was not the whole cycle's."""
    printed = line_of(rated.service_id, line)
    if rated.fees.is_whole or not rated.fees.spans:
        return printed
    return replace(printed, period_from=rated.fees.spans[0][0], period_to=rated.fees.spans[-1][1])


def _usage_line(rated: RatedService, line: RatedLine) -> InvoiceLine:
    """Dated where the service had several plans, so that equal names can be told apart."""
    printed = line_of(rated.service_id, line)
    if rated.in_cycle is None or rated.in_cycle.first_on is None:
        return printed
    return replace(printed, period_from=rated.in_cycle.first_on, period_to=rated.in_cycle.end_on)


def _dates(rows: Sequence[LateUsageRow], zone: str) -> tuple[date, date]:
    """The local dates of the late events, half-open."""
    first = local_date(min(row.first_started_at for row in rows), zone)
    last = local_date(max(row.last_started_at for row in rows), zone)
    return first, last + timedelta(days=1)


def _dates_of(cycle: Cycle, zone: str) -> tuple[date, date]:
    """The local dates of a cycle, half-open."""
    return local_date(cycle.opens_at, zone), local_date(cycle.closes_at, zone)


def _pairs(
    before: Mapping[ServiceKey, RatedService], after: Mapping[ServiceKey, RatedService]
) -> Iterator[tuple[str, RatedService | None, RatedService | None]]:
    """By service, what was billed beside what it is now. A version of a plan stands beside the one it took the place
    of."""
    gone = {key: rated for key, rated in before.items() if key not in after}
    known = dict(before)
    for key in after:
        earlier = next((one for one in gone if one[:2] == key[:2]), None)
        if key not in before and earlier is not None:
            known[key] = gone.pop(earlier)
    for key, rated in gone.items():
        yield key[0], rated, None
    for key, rated in after.items():
        yield key[0], known.get(key), rated


def _usage(rated: RatedService | None, other: RatedService | None) -> RatedUsage:
    """What it was rated as; nothing, in the currency of the other, where it is not there."""
    if rated is not None:
        return rated.rated
    assert other is not None, "rated before, after, or both"
    return RatedUsage(other.rated.currency, (), ())
