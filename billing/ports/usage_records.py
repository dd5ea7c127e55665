"""Counted usage as invoicing and the live balance read it.

Quantities are integers in the meter's own units (seconds, bytes, messages); ``amount`` sums the exact amounts of prices
applied per event, in whole units of the plan's currency. Every instant is aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol


class Counted(Protocol):
    """What a row of counted usage has, of a cycle or late."""

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


@dataclass(frozen=True, slots=True)
class CounterRow:
    """Totals of one (service, price, band) in one cycle, with the plan version that guided them."""

    service_id: str
    price_code: str
    band: str
    events: int
    quantity: int
    amount: Decimal
    plan_code: str
    plan_version: int


@dataclass(frozen=True, slots=True)
class LateUsageRow:
    """What one batch added to a cycle that was issued before: priced by that cycle, billed by the next invoice.

    ``invoice_id`` is None until billed. To price a row, rate the cycle's counters together with the late rows billed
    before, with and without the unbilled ones; the difference is the dated line. ``first_started_at`` and
    ``last_started_at`` date it. ``correction`` says that events were changed: cancelled, moved, rerated or resent; it
    may count down.
    """

    account_id: str
    late_id: str
    cycle_number: int
    service_id: str
    plan_code: str
    plan_version: int
    price_code: str
    band: str
    events: int
    quantity: int
    amount: Decimal
    first_started_at: datetime
    last_started_at: datetime
    received_at: datetime
    invoice_id: str | None = None
    correction: str = ""


@dataclass(frozen=True, slots=True)
class EventDetail:
    """One stored event, for the itemised bill. ``billable_quantity`` is after increments; ``late`` came after issue."""

    service_id: str
    started_at: datetime
    source: str
    record_id: str
    meter: str
    quantity: int
    destination: str
    amount: Decimal | None
    plan_code: str
    plan_version: int
    price_code: str
    band: str
    billable_quantity: int
    counted_amount: Decimal
    late: bool
