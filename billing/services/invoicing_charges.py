"""What goes on an invoice: fees, usage, late usage and adjustments, as net lines.

Usage is priced from the counters of the cycle, never from events again, by the same functions as the live balance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

from billing.domain.cycle_calendar import local_date
from billing.domain.invoice import InvoiceLine, adjustment_line, late_lines, line_of
from billing.domain.money import Money
from billing.domain.rating import Counter, PlanDefinition, RatedUsage, rate_services, recurring_lines
from billing.ports.accounts import Cycle, Service
from billing.ports.invoicing import PendingAdjustment
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage_records import LateUsageRow
from billing.services.usage_plans import PlanShelf


class _Counted(Protocol):
    """A counter row, of the cycle or late."""

    @property
    def service_id(self) -> str: ...
    @property
    def plan_code(self) -> str: ...
    @property
    def plan_version(self) -> int: ...
    @property
    def price_code(self) -> str: ...
    @property
    def band(self) -> str: ...
    @property
    def events(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    @property
    def amount(self) -> Decimal: ...


_ServicePlan = tuple[str, str, int]  # service, plan code, plan version


@dataclass(frozen=True)
class Charges:
    """The net lines of an invoice before discounts, and what they bill."""

    lines: tuple[InvoiceLine, ...]
    adjustments: tuple[PendingAdjustment, ...]
    late_ids: tuple[str, ...]


async def charges_of(work: UnitOfWork, shelf: PlanShelf, cycle: Cycle, zone: str) -> Charges:
    """Everything the invoice of a cycle charges: per service fees and usage, then late usage, then adjustments."""
    services = await work.accounts.services(cycle.account_id)
    rating = _Rating(work, shelf, services, zone)
    usage = await rating.usage_lines(cycle)
    lines: list[InvoiceLine] = []
    for service in services:
        if is_billed(service, cycle):
            lines += await rating.fee_lines(service, cycle)
        lines += usage.pop(service.service_id, [])
    late = await work.usage.unbilled_late_usage(cycle.account_id)
    lines += await rating.late_lines(late)
    adjustments = tuple(await work.invoices.pending_adjustments(cycle.account_id))
    lines += [_adjustment(each) for each in adjustments]
    return Charges(tuple(lines), adjustments, tuple(row.late_id for row in late))


def is_billed(service: Service, cycle: Cycle) -> bool:
    """A service active at any moment of the cycle owes its full fee: there is no pro rata."""
    ended_before = service.active_to is not None and service.active_to <= cycle.opens_at
    return service.active_from < cycle.closes_at and not ended_before


def _adjustment(pending: PendingAdjustment) -> InvoiceLine:
    amount = Money(pending.amount_minor, pending.currency)
    return adjustment_line(pending.description, amount, pending.tax_code, pending.reason)


@dataclass(frozen=True)
class _Rating:
    """Prices the usage of one account's services."""

    work: UnitOfWork
    shelf: PlanShelf
    services: Sequence[Service]
    zone: str

    async def fee_lines(self, service: Service, cycle: Cycle) -> list[InvoiceLine]:
        """The full fees of a cycle."""
        plan = await plan_of_service(self.work, self.shelf, service)
        return [line_of(service.service_id, line) for line in recurring_lines(plan, on=self._invoice_date(cycle))]

    async def usage_lines(self, cycle: Cycle) -> dict[str, list[InvoiceLine]]:
        """By service, from the cycle's counters."""
        counters = await self.work.usage.counters_of(cycle.account_id, cycle.cycle_number)
        lines: dict[str, list[InvoiceLine]] = {}
        for (service_id, _, _), usage in (await self._rate(counters, cycle)).items():
            lines.setdefault(service_id, []).extend(line_of(service_id, line) for line in usage.lines)
        return lines

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
        billed: list[_Counted] = list(await self.work.usage.counters_of(cycle.account_id, cycle.cycle_number))
        billed += [row for row in all_late if row.invoice_id is not None]
        before = await self._rate(billed, cycle)
        after = await self._rate([*billed, *unbilled], cycle)
        lines: list[InvoiceLine] = []
        for key, usage in after.items():
            # A service without late usage may still owe more: others may have drawn the allowance it shared.
            dates = _dates([row for row in unbilled if row.service_id == key[0]] or unbilled, self.zone)
            lines += late_lines(key[0], before.get(key) or _nothing(usage), usage, *dates)
        return lines

    async def _rate(self, counted: Iterable[_Counted], cycle: Cycle) -> dict[_ServicePlan, RatedUsage]:
        """Rate all services at once, those without usage too: they may share an allowance."""
        groups: dict[_ServicePlan, list[Counter]] = {
            (each.service_id, each.plan_code, each.plan_version): [] for each in self.services if is_billed(each, cycle)
        }
        for row in counted:
            key = (row.service_id, row.plan_code, row.plan_version)
            counter = Counter(row.price_code, row.band, row.events, row.quantity, row.amount)
            groups.setdefault(key, []).append(counter)
        plans = await self.shelf.get(self.work, {(code, version) for _, code, version in groups})
        rated = [(plans[(code, version)], counters) for (_, code, version), counters in groups.items()]
        return dict(zip(groups, rate_services(rated, on=self._invoice_date(cycle)), strict=True))

    def _invoice_date(self, cycle: Cycle) -> date:
        return local_date(cycle.closes_at, self.zone)


async def plan_of_service(work: UnitOfWork, shelf: PlanShelf, service: Service) -> PlanDefinition:
    """The plan version a service is subscribed to."""
    key = (service.plan_code, service.plan_version)
    return (await shelf.get(work, [key]))[key]


def _dates(rows: Sequence[LateUsageRow], zone: str) -> tuple[date, date]:
    """The local dates of the late events, half-open."""
    first = local_date(min(row.first_started_at for row in rows), zone)
    last = local_date(max(row.last_started_at for row in rows), zone)
    return first, last + timedelta(days=1)


def _nothing(usage: RatedUsage) -> RatedUsage:
    return RatedUsage(usage.currency, (), ())
