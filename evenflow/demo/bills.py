"""Every issued bill against the same bill computed from the usage files (see ``recomputing``)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.persistence.tables import accounts, invoicing, usage
from evenflow.demo.catalogue import BRANDS, PLANS
from evenflow.demo.recomputing import Bills, Cycle, Record, Sums, records_in, sums_of
from evenflow.demo.roster import COUNTRIES, ZONES, Customer

_PLANS: Mapping[str, Mapping[str, Any]] = {plan["code"]: plan for plans in PLANS.values() for plan in plans}
_VAT = {brand["brand"]: Decimal(brand["tax_table"]["rates"]["standard"]) for brand in BRANDS}
_CENTS = Decimal(100)


@dataclass(frozen=True, slots=True)
class Compared:
    """How many bills were computed again, how many records they bill, and where they differ."""

    bills: int = 0
    records: int = 0
    troubles: Sequence[str] = ()


@dataclass(slots=True)
class _Issued:
    """One account's documents as the books have them; ``late`` is the bill that a record came late for."""

    bills: list[Row[Any]] = field(default_factory=list)
    cycles: list[Cycle] = field(default_factory=list)
    stored: set[Record] = field(default_factory=set)
    late: dict[Record, str] = field(default_factory=dict)


async def compare_bills(engine: AsyncEngine, folder: Path, customers: Sequence[Customer]) -> Compared:
    """Read the books as of one moment and compute every bill again."""
    issued = await _read(engine)
    files = {
        brand: await asyncio.to_thread(records_in, folder / brand, ZONES[brand], COUNTRIES[brand])
        for brand in {customer.brand for customer in customers}
    }
    troubles: list[str] = []
    bills = records = 0
    for customer in customers:
        own = issued.get(customer.number, _Issued())
        lines = {line["identifier"].lstrip("+") for line in customer.lines()}
        used = {record for record in files[customer.brand] if record.identifier in lines}
        again = _recomputed(customer, own, used)
        bills, records = bills + len(own.bills), records + len(used)
        troubles += [
            f"{customer.number} {bill.number}: billed {_told(_as_billed(bill))}, computed {_told(sums)}"
            for bill, sums in zip(own.bills, again, strict=True)
            if _as_billed(bill) != sums
        ]
        troubles += [f"{customer.number}: {record} was billed and is in no file" for record in _unknown(own, used)]
    return Compared(bills, records, troubles)


def _recomputed(customer: Customer, own: _Issued, used: set[Record]) -> list[Sums]:
    """The account's bills from its records; a record that is not stored is billed here all the same, and so noticed."""
    plans = {line["identifier"].lstrip("+"): _PLANS[line["plan_code"]] for line in customer.lines()}
    computed, again = Bills(plans), []
    for place, (bill, cycle) in enumerate(zip(own.bills, own.cycles, strict=True)):
        on_time = [each for each in used if _is_in(each, cycle) and each not in own.late]
        late = {
            earlier: [each for each in used if _is_in(each, earlier) and own.late.get(each) == bill.invoice_id]
            for earlier in own.cycles[:place]
        }
        subtotal = computed.bill(cycle, on_time, late)
        if place == 0:
            subtotal += customer.setting.credit_minor / _CENTS
        again.append(sums_of(subtotal, customer.setting.discounts, _vat_of(customer)))
    return again


def _is_in(record: Record, cycle: Cycle) -> bool:
    return cycle[0] <= record.started_at < cycle[1]


def _unknown(own: _Issued, used: set[Record]) -> list[Record]:
    billed = [record for record in own.stored - used if any(_is_in(record, cycle) for cycle in own.cycles)]
    return sorted(billed, key=lambda record: record.started_at)[:3]


def _vat_of(customer: Customer) -> Decimal:
    """A business of another country accounts for the VAT itself."""
    account = customer.as_account()
    is_abroad = account.get("country", COUNTRIES[customer.brand]) != COUNTRIES[customer.brand]
    return Decimal(0) if is_abroad and account.get("vat_number") else _VAT[customer.brand]


def _as_billed(bill: Row[Any]) -> Sums:
    return Sums(*(Decimal(minor) / _CENTS for minor in (bill.net_minor, bill.vat_minor, bill.total_minor)))


def _told(sums: Sums) -> str:
    return f"{sums.net:.2f} + {sums.vat:.2f} VAT = {sums.total:.2f}"


async def _read(engine: AsyncEngine) -> dict[str, _Issued]:
    """By account number, as of one moment: bills with their cycles, and every stored record of them."""
    found: dict[str, _Issued] = defaultdict(_Issued)
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        for bill in await connection.execute(_bills()):
            found[bill.account_number].bills.append(bill)
            found[bill.account_number].cycles.append((bill.opens_at, bill.closes_at))
        for row in await connection.execute(_records()):
            identifier, destination = row.identifier.lstrip("+"), row.destination.lstrip("+")
            record = Record(identifier, row.meter, row.quantity, row.started_at, destination)
            found[row.account_number].stored.add(record)
            if row.late:
                found[row.account_number].late[record] = row.invoice_id or ""
    return found


def _bills() -> Select[Any]:
    bills, cycles = invoicing.invoices, accounts.cycles
    return (
        select(bills, cycles.c.opens_at, cycles.c.closes_at, accounts.accounts.c.number.label("account_number"))
        .join(cycles, (cycles.c.account_id == bills.c.account_id) & (cycles.c.cycle_number == bills.c.cycle_number))
        .join(accounts.accounts, accounts.accounts.c.account_id == bills.c.account_id)
        .where(bills.c.kind == "invoice")
        .order_by(bills.c.account_id, bills.c.cycle_number)
    )


def _records() -> Select[Any]:
    """A late record is billed with the late usage that its batch added for its service and cycle."""
    events, late = usage.usage_events.c, usage.usage_late
    same_batch = (
        (late.c.account_id == events.account_id)
        & (late.c.service_id == events.service_id)
        & (late.c.cycle_number == events.cycle_number)
        & (late.c.received_at == events.received_at)
        & (late.c.price_code == events.price_code)
        & (late.c.band == events.band)
    )
    return (
        select(
            *(events.identifier, events.meter, events.quantity, events.started_at, events.destination, events.late),
            late.c.invoice_id,
            accounts.accounts.c.number.label("account_number"),
        )
        .join(accounts.accounts, accounts.accounts.c.account_id == events.account_id)
        .outerjoin(late, events.late & same_batch)
        .where(events.part == 0)
    )
