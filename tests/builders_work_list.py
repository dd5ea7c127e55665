"""Accounts that owe, written straight into the books: each described in Python, so that lists can be checked by it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from billing.domain.dunning_ladder import STANDARD
from billing.domain.ledger import LedgerAccount
from billing.domain.retry import FailureCategory
from billing.domain.work_list import next_rung
from billing.persistence.tables import accounts, arrangements, invoicing, payments
from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.ports.dunning import PolicyVersion
from tests.builders import a_brand, a_service, an_account

NOW = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)
LADDER = [step.name for step in STANDARD.steps]
ZONES = {"vonk": "Europe/Amsterdam", "tamar": "Europe/London", "kiwi": "Pacific/Auckland"}
CURRENCIES = {"vonk": "EUR", "tamar": "GBP", "kiwi": "NZD"}
_entries = itertools.count(1)


@dataclass(frozen=True)
class Debtor:
    """One account. ``owed`` are invoices: due date, total and what of it is open."""

    number: str
    brand: str = "vonk"
    segment: str = "standard"
    owed: tuple[tuple[date, int, int], ...] = ((date(2027, 1, 10), 4210, 4210),)
    steps_done: tuple[str, ...] | None = ("failed_notice@0",)  # None: no open case
    policy_version: int = 1
    next_action_at: datetime | None = NOW + timedelta(days=3)
    failure: str = "funds"
    code: str = "insufficient_funds"
    method: str = "card"
    promised: bool = False
    planned: bool = False
    disputed: bool = False
    held_days: int = 0
    paused: bool = False
    handed_over: bool = False
    in_flight: bool = False
    barred: bool = False
    cycle_day: int = 15
    has_cycles: bool = False  # the cycles that its invoices billed, whose debits they are due with
    account_id: str = ""

    @property
    def today(self) -> date:
        return NOW.astimezone(ZoneInfo(ZONES[self.brand])).date()

    @property
    def overdue(self) -> list[tuple[date, int]]:
        """Open invoices that are past their date, with what is open."""
        return [(due_on, left) for due_on, _, left in self.owed if left > 0 and due_on < self.today]

    @property
    def overdue_minor(self) -> int:
        return sum(left for _, left in self.overdue)

    @property
    def oldest(self) -> date:
        return min(due_on for due_on, _ in self.overdue)

    @property
    def has_case(self) -> bool:
        return self.steps_done is not None

    @property
    def next_step(self) -> str:
        return next_rung(LADDER, self.steps_done or ()) if self.has_case else ""


def a_crowd(size: int, seed: int = 7) -> list[Debtor]:
    """Accounts of every kind, the same ones for the same seed."""
    dice = Random(seed)
    return [_someone(dice, place) for place in range(size)]


def _someone(dice: Random, place: int) -> Debtor:
    def sometimes(share: float = 0.2) -> bool:
        return dice.random() < share

    brand = dice.choice(list(ZONES))
    has_case, handed_over = sometimes(0.75), sometimes(0.1)
    done = None if handed_over or not has_case else tuple(LADDER[: dice.randint(0, len(LADDER))])
    failed = sometimes(0.7)
    return Debtor(
        number=f"A{100_000 + dice.randint(0, 10**6) * 1000 + place}",
        brand=brand,
        segment=dice.choice(["standard", "business", "gold"]),
        owed=tuple(_an_invoice(dice) for _ in range(dice.randint(0, 4))),
        steps_done=done,
        policy_version=dice.choice([1, 2]),
        next_action_at=NOW + timedelta(hours=dice.randint(-24, 240)) if sometimes(0.8) else None,
        failure=dice.choice(list(FailureCategory)) if failed else "",
        code=dice.choice(["insufficient_funds", "AM04", "MD06"]) if failed else "",
        method=dice.choice(["card", "sepa_debit", "bacs_debit", "none"]),
        promised=sometimes(),
        planned=sometimes(),
        disputed=sometimes(),
        held_days=dice.choice([0, 0, 0, 5, -5]),
        paused=sometimes(),
        handed_over=handed_over,
        in_flight=sometimes(),
        barred=sometimes(),
        cycle_day=dice.randint(1, 28),
        has_cycles=sometimes(0.5),
    )


def _an_invoice(dice: Random) -> tuple[date, int, int]:
    total = dice.choice([500, 1000, 4210, 99_900])
    left = dice.choice([total, total, 100, 0])
    return NOW.date() + timedelta(days=dice.choice([-400, -90, -31, -30, -7, -1, 0, 1, 20])), total, left


async def write_policies(work: SqlUnitOfWork) -> None:
    """Brands of three zones, and two versions of one policy."""
    for brand, zone in ZONES.items():
        await work.accounts.add_brand(a_brand(brand=brand, zone=zone, currency=CURRENCIES[brand]))
    for version in (1, 2):
        definition = {**STANDARD.to_dict(), "code": "default", "version": version}
        await work.dunning.add_policy(PolicyVersion("default", version, definition, NOW))


async def write_debtors(work: SqlUnitOfWork, debtors: Sequence[Debtor]) -> list[Debtor]:
    """The same with their account ids. Commit is the caller's."""
    return [await _write(work, one) for one in debtors]


async def _write(work: SqlUnitOfWork, one: Debtor) -> Debtor:
    held = NOW + timedelta(days=one.held_days) if one.held_days else None
    account = await work.accounts.add(
        an_account(
            number=one.number,
            brand=one.brand,
            zone=ZONES[one.brand],
            segment=one.segment,
            customer_name=f"Customer {one.number[-3:]}",
            paused=one.paused,
            hold_until=held,
            cycle_day=one.cycle_day,
        )
    )
    known = replace(one, account_id=account.account_id)
    service = await work.accounts.add_service(a_service(account.account_id, identifier=f"+31{one.number[1:]}"))
    if one.barred:
        await work.accounts.change_service(account.account_id, service.service_id, {"barring_level": "outgoing"})
    await write_debts(work, known)
    return known


async def write_debts(work: SqlUnitOfWork, known: Debtor) -> None:
    """What an account that is there owes, and what was tried and arranged."""
    invoice_ids = [await _bill(work, known, place, *owed) for place, owed in enumerate(known.owed)]
    for write in (_write_case, _write_attempts, _write_method, _write_arrangements):
        await write(work, known, invoice_ids)


async def _bill(work: SqlUnitOfWork, one: Debtor, place: int, due_on: date, total: int, left: int) -> str:
    """As billing does it: booked before its row is written."""
    invoice_id = await work.invoices.next_invoice_id()
    await _post(work, one, "invoice_issued", invoice_id, total)
    if left != total:
        await _post(work, one, "payment_received", invoice_id, left - total)
    values = {
        "account_id": one.account_id,
        "invoice_id": invoice_id,
        "kind": "invoice",
        "cycle_number": place + 1,
        "brand": one.brand,
        "number": f"{one.number}-{place}",
        "invoice_date": due_on - timedelta(days=15),
        "due_on": due_on,
        "period_from": due_on - timedelta(days=45),
        "period_to": due_on - timedelta(days=15),
        "issued_at": NOW - timedelta(days=400),
        "currency": CURRENCIES[one.brand],
        "net_minor": total,
        "vat_minor": 0,
        "total_minor": total,
        "method_kind": "card",
        "to_collect_minor": total,
        "collect_invoice_ids": [invoice_id],
        "explanation": "",
        "author": "evenflow",
        "customer": {},
    }
    await work.connection.execute(insert(invoicing.invoices).values(values))
    if one.has_cycles:
        await _write_cycle(work, one, 100 + place, due_on, invoice_id)
    return invoice_id


async def _write_cycle(work: SqlUnitOfWork, one: Debtor, number: int, debit_on: date, invoice_id: str) -> None:
    """The cycle that the invoice billed, debited on the day it is due."""
    period = {"opens_at": NOW - timedelta(days=999 - number), "closes_at": NOW - timedelta(days=998 - number)}
    values = {"account_id": one.account_id, "cycle_number": number, "cycle_day": one.cycle_day, "debit_on": debit_on}
    values |= {"plan": {}, "status": "issued", "invoice_id": invoice_id}
    await work.connection.execute(insert(accounts.cycles).values(values | period))
    collected = {"account_id": one.account_id, "invoice_id": invoice_id, "collected_with_invoice_id": invoice_id}
    await work.connection.execute(insert(invoicing.invoice_collections).values(collected))


async def _post(work: SqlUnitOfWork, one: Debtor, kind: str, invoice_id: str, amount: int) -> None:
    texts = dict.fromkeys(("provider", "reason"), "")
    entry = texts | {"account_id": one.account_id, "kind": kind, "at": NOW, "reference": f"r{next(_entries)}"}
    made = insert(invoicing.ledger_entries).values(entry).returning(invoicing.ledger_entries.c.entry_id)
    entry_id = (await work.connection.execute(made)).scalar_one()
    common = {"account_id": one.account_id, "entry_id": entry_id, "currency": CURRENCIES[one.brand]}
    rows = [
        common
        | {"position": 1, "ledger_account": LedgerAccount.RECEIVABLE, "amount_minor": amount}
        | {"invoice_id": invoice_id},
        common | {"position": 2, "ledger_account": LedgerAccount.REVENUE, "amount_minor": -amount, "invoice_id": None},
    ]
    await work.connection.execute(insert(invoicing.ledger_postings), rows)


async def _write_case(work: SqlUnitOfWork, one: Debtor, invoice_ids: Sequence[str]) -> None:
    if not one.has_case and not one.handed_over:
        return
    done = list(one.steps_done or ())
    ended = {"closed_at": NOW, "outcome": "handed_over"} if one.handed_over else {}
    await work.dunning.add_case(
        {
            "account_id": one.account_id,
            "policy_code": "default",
            "policy_version": one.policy_version,
            "opened_at": NOW - timedelta(days=20),
            "invoice_ids": list(invoice_ids),
            "steps_done": done,
            "failures": [],
            "stage": done[-1] if done else "opened",
            "next_action_at": one.next_action_at,
            "last_failure_category": one.failure,
            **ended,
        }
    )


async def _write_attempts(work: SqlUnitOfWork, one: Debtor, invoice_ids: Sequence[str]) -> None:
    if one.failure:
        await _try(work, one, "first", "failed", {"category": "technical", "code": "old"}, days=9)
        await _try(work, one, "last", "failed", {"category": one.failure, "code": one.code}, days=3)
    await _try(work, one, "later", "succeeded", {"category": "", "code": ""}, days=1)
    if one.in_flight:
        await _try(work, one, "now", "pending", {"category": "", "code": ""}, days=0)
        values = {"account_id": one.account_id, "attempt_id": f"{one.account_id}-now", "amount_minor": 1, "live": True}
        invoice_id = invoice_ids[0] if invoice_ids else "inv_1"
        await work.connection.execute(insert(payments.payment_allocations).values(values | {"invoice_id": invoice_id}))


async def _try(work: SqlUnitOfWork, one: Debtor, name: str, status: str, why: dict[str, str], days: int) -> None:
    texts = ("provider_customer", "provider_method", "provider_payment", "provider_session", "session_url")
    values: dict[str, Any] = dict.fromkeys(texts, "") | why
    values |= {"account_id": one.account_id, "attempt_id": f"{one.account_id}-{name}", "purpose": "debit"}
    values |= {"provider": "stripe", "expected_minor": 100, "received_minor": 0, "currency": CURRENCIES[one.brand]}
    values |= {"status": status, "created_at": NOW - timedelta(days=days), "call_number": 1}
    await work.connection.execute(insert(payments.payment_attempts).values(values))


async def _write_method(work: SqlUnitOfWork, one: Debtor, _: Sequence[str]) -> None:
    texts = dict.fromkeys(("provider_customer", "provider_method", "blocked_reason"), "")
    kind, status = (one.method, "usable") if one.method != "none" else ("card", "blocked")
    method = await work.payments.add_method(
        texts
        | {"account_id": one.account_id, "kind": kind, "provider": "stripe", "label": "visa", "last_four": "4242"}
        | {"status": status, "is_default": True, "created_at": NOW}
    )
    if kind != "card":
        values = dict.fromkeys(("provider", "provider_mandate", "reference"), "m") | {"account_id": one.account_id}
        values |= {"method_id": method.method_id, "status": "active", "accepted_at": NOW}
        await work.connection.execute(insert(payments.payment_mandates).values(values))


async def _write_arrangements(work: SqlUnitOfWork, one: Debtor, invoice_ids: Sequence[str]) -> None:
    who = {"account_id": one.account_id, "author": "clerk", "command_id": "c"}
    if one.promised:
        until = {"until": NOW + timedelta(days=4), "pay_by": one.today + timedelta(days=4), "amount_minor": 0}
        await work.dunning.add_promise(who | until | {"made_at": NOW})
    if one.planned:
        values = {"invoice_ids": list(invoice_ids), "total_minor": 100, "currency": CURRENCIES[one.brand]}
        values |= {"paid_by": "debit", "status": "running", "rests_case": True, "made_at": NOW, "reason": ""}
        instalments = [{"number": 1, "due_on": one.today.isoformat(), "amount_minor": 50}]
        statement = insert(arrangements.payment_plans).values(who | values | {"instalments": instalments})
        await work.connection.execute(statement)
    if one.disputed and invoice_ids:
        await work.dunning.add_dispute(
            {"account_id": one.account_id, "invoice_id": invoice_ids[0], "amount_minor": 0, "reason": "no"}
            | {"status": "open", "opened_at": NOW}
        )
