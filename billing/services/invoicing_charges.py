"""What goes on an invoice: fees, usage, late usage and adjustments, as net lines.

Usage is priced from the counters of the cycle, never from events again, by the same functions as the live balance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
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


@dataclass
class PlanShelf:
    """The plan definitions of one unit of work, read and compiled once each."""

    work: UnitOfWork
    _read: dict[tuple[str, int], PlanDefinition] = field(default_factory=dict)

    async def get(self, plan_code: str, plan_version: int) -> PlanDefinition:
        """Raises NotFound for a version that was never published."""
        key = (plan_code, plan_version)
        if key not in self._read:
            plan = await self.work.accounts.plan(plan_code, plan_version)
            self._read[key] = PlanDefinition.from_dict(plan.definition)
        return self._read[key]


@dataclass(frozen=True)
class Charges:
    """The net lines of an invoice before discounts, and what they bill."""

    lines: tuple[InvoiceLine, ...]
    adjustments: tuple[PendingAdjustment, ...]
    late_ids: tuple[str, ...]


async def charges_of(work: UnitOfWork, cycle: Cycle, zone: str) -> Charges:
    """Everything the invoice of a cycle charges: per service fees and usage, then late usage, then adjustments."""
    shelf = PlanShelf(work)
    on = local_date(cycle.closes_at, zone)
    usage = await _usage_lines(work, shelf, cycle, on)
    lines: list[InvoiceLine] = []
    for service in await work.accounts.services(cycle.account_id):
        if _is_billed(service, cycle):
            plan = await shelf.get(service.plan_code, service.plan_version)
            lines += [line_of(service.service_id, line) for line in recurring_lines(plan, on=on)]
        lines += usage.pop(service.service_id, [])
    late = await work.usage.unbilled_late_usage(cycle.account_id)
    lines += await _late_usage_lines(work, shelf, late, zone)
    adjustments = tuple(await work.invoices.pending_adjustments(cycle.account_id))
    lines += [_adjustment(each) for each in adjustments]
    return Charges(tuple(lines), adjustments, tuple(row.late_id for row in late))


def _is_billed(service: Service, cycle: Cycle) -> bool:
    """A service active at any moment of the cycle owes its full fee: there is no pro rata."""
    ended_before = service.active_to is not None and service.active_to <= cycle.opens_at
    return service.active_from < cycle.closes_at and not ended_before


def _adjustment(pending: PendingAdjustment) -> InvoiceLine:
    amount = Money(pending.amount_minor, pending.currency)
    return adjustment_line(pending.description, amount, pending.tax_code, pending.reason)


async def _usage_lines(work: UnitOfWork, shelf: PlanShelf, cycle: Cycle, on: date) -> dict[str, list[InvoiceLine]]:
    counters = await work.usage.counters_of(cycle.account_id, cycle.cycle_number)
    services = await _service_plans(work, cycle)
    rated = await _rate(shelf, counters, services, on)
    lines: dict[str, list[InvoiceLine]] = {}
    for (service_id, _, _), usage in rated.items():
        lines.setdefault(service_id, []).extend(line_of(service_id, line) for line in usage.lines)
    return lines


async def _service_plans(work: UnitOfWork, cycle: Cycle) -> list[_ServicePlan]:
    """The services of a cycle take part in sharing allowances even without usage of their own."""
    services = await work.accounts.services(cycle.account_id)
    return [(each.service_id, each.plan_code, each.plan_version) for each in services if _is_billed(each, cycle)]


async def _rate(
    shelf: PlanShelf, counted: Iterable[_Counted], services: Sequence[_ServicePlan], on: date
) -> dict[_ServicePlan, RatedUsage]:
    groups: dict[_ServicePlan, list[Counter]] = {key: [] for key in services}
    for row in counted:
        key = (row.service_id, row.plan_code, row.plan_version)
        counter = Counter(row.price_code, row.band, row.events, row.quantity, row.amount)
        groups.setdefault(key, []).append(counter)
    plans = [(await shelf.get(code, version), counters) for (_, code, version), counters in groups.items()]
    return dict(zip(groups, rate_services(plans, on=on), strict=True))


async def _late_usage_lines(
    work: UnitOfWork, shelf: PlanShelf, unbilled: Sequence[LateUsageRow], zone: str
) -> list[InvoiceLine]:
    lines: list[InvoiceLine] = []
    for cycle_number in sorted({row.cycle_number for row in unbilled}):
        account_id = unbilled[0].account_id
        rows = [row for row in unbilled if row.cycle_number == cycle_number]
        cycle = await work.accounts.cycle(account_id, cycle_number)
        lines += await _late_lines_of_cycle(work, shelf, cycle, rows, zone)
    return lines


async def _late_lines_of_cycle(
    work: UnitOfWork, shelf: PlanShelf, cycle: Cycle, unbilled: Sequence[LateUsageRow], zone: str
) -> list[InvoiceLine]:
    """The cycle's usage rated with and without the late rows, under the plans and the date of that cycle."""
    on = local_date(cycle.closes_at, zone)
    services = await _service_plans(work, cycle)
    all_late = await work.usage.late_usage_of(cycle.account_id, cycle.cycle_number)
    billed: list[_Counted] = list(await work.usage.counters_of(cycle.account_id, cycle.cycle_number))
    billed += [row for row in all_late if row.invoice_id is not None]
    before = await _rate(shelf, billed, services, on)
    after = await _rate(shelf, [*billed, *unbilled], services, on)
    lines: list[InvoiceLine] = []
    for key, usage in after.items():
        dates = _dates([row for row in unbilled if row.service_id == key[0]] or unbilled, zone)
        lines += late_lines(key[0], before.get(key) or _nothing(usage), usage, *dates)
    return lines


def _dates(rows: Sequence[LateUsageRow], zone: str) -> tuple[date, date]:
    """The local dates of the late events, half-open."""
    first = local_date(min(row.first_started_at for row in rows), zone)
    last = local_date(max(row.last_started_at for row in rows), zone)
    return first, last + timedelta(days=1)


def _nothing(usage: RatedUsage) -> RatedUsage:
    return RatedUsage(usage.currency, (), ())
