"""What goes on an invoice: fees, usage, late usage and adjustments, as net lines.

Usage is priced from the counters of the cycle, never from events again, by the same functions as the live balance.
"""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True)
class Charges:
    """The net lines of an invoice before discounts, and what they bill."""

    lines: tuple[InvoiceLine, ...]
    adjustments: tuple[PendingAdjustment, ...]
    late_ids: tuple[str, ...]
    late_cycles: tuple[int, ...] = ()
    rated: tuple[RatedService, ...] = ()


async def charges_of(work: UnitOfWork, shelf: PlanShelf, cycle: Cycle, zone: str) -> Charges:
    """Everything the invoice of a cycle charges: per service fees and usage, then late usage, then adjustments."""
    rating = _Rating(work, shelf, await work.usage.service_plans([cycle.account_id]), zone)
    lines, rated = await rating.cycle_lines(cycle)
    late = await work.usage.unbilled_late_usage(cycle.account_id)
    lines += await rating.late_lines(late)
    adjustments = tuple(await work.invoices.pending_adjustments(cycle.account_id))
    lines += [_adjustment(each) for each in adjustments]
    late_cycles = sorted({row.cycle_number for row in late})
    return Charges(tuple(lines), adjustments, tuple(row.late_id for row in late), tuple(late_cycles), rated)


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

    async def cycle_lines(self, cycle: Cycle) -> tuple[list[InvoiceLine], tuple[RatedService, ...]]:
        """By service and plan: the fees of the cycle, then the usage from its counters; and what it was rated as.

        A service active at any moment of the cycle owes its full fees; a change of plan shares them by its rule.
        """
        counters = await self.work.usage.counters_of(cycle.account_id, cycle.cycle_number)
        lines: dict[str, list[InvoiceLine]] = {}
        services = await self._rate(counters, cycle)
        for rated in services:
            fees = recurring_lines(rated.plan, on=self._invoice_date(cycle), share=rated.fees)
            own = lines.setdefault(rated.service_id, [])
            own += [_fee_line(rated, line) for line in fees]
            own += [_usage_line(rated, line) for line in rated.rated.lines]
        return [line for own in lines.values() for line in own], tuple(services)

    async def late_lines(self, unbilled: Sequence[LateUsageRow]) -> list[InvoiceLine]:
        """Each earlier cycle rated again with what came late, under the plans and the date of that cycle."""
        lines: list[InvoiceLine] = []
        for cycle_number in sorted({row.cycle_number for row in unbilled}):
            cycle = await self.work.accounts.cycle(unbilled[0].account_id, cycle_number)
            rows = [row for row in unbilled if row.cycle_number == cycle_number]
            lines += await self._late_lines_of(cycle, rows)
        return lines

    async def _late_lines_of(self, cycle: Cycle, unbilled: Sequence[LateUsageRow]) -> list[InvoiceLine]:
        all_late = await self.work.usage.late_usage_of(cycle.account_id, cycle.cycle_number)
        billed: list[Counted] = list(await self.work.usage.counters_of(cycle.account_id, cycle.cycle_number))
        billed += [row for row in all_late if row.invoice_id is not None]
        # Plans that were changed since it was billed are part of the difference.
        as_billed = replace(self, periods=billed_periods(cycle) or self.periods)
        before = {_key(rated): rated.rated for rated in await as_billed._rate(billed, cycle)}
        after = {_key(rated): rated.rated for rated in await self._rate([*billed, *unbilled], cycle)}
        why = correction_words({row.correction for row in unbilled})
        lines: list[InvoiceLine] = []
        for key in (*(key for key in before if key not in after), *after):
            # A service without late usage may still owe more: others may have drawn the allowance it shared.
            own = [row for row in unbilled if row.service_id == key[0]] or unbilled
            was, usage = before.get(key), after.get(key)
            empty = _nothing(usage or was)
            lines += late_lines(key[0], was or empty, usage or empty, *_dates(own, self.zone), why)
        return lines

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


def _nothing(usage: RatedUsage | None) -> RatedUsage:
    assert usage is not None, "rated before, after, or both"
    return RatedUsage(usage.currency, (), ())
