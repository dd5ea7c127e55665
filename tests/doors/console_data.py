"""A month of an operator on file, for pages: accounts on many days, and one account with everything on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.cycle_calendar import CycleDay
from billing.domain.cycle_dates import MethodKind
from billing.domain.cycle_plan import preview_cycles
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.ledger import LedgerAccount
from billing.domain.restrictions import Restrictions
from billing.messages.account import AccountState
from billing.persistence.tables import dunning, invoicing, notices, payments, usage
from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.ports.accounts import Brand, TimelineEntry
from billing.ports.barring import Held
from tests.builders import a_brand, a_plan, a_service, an_account
from tests.builders_usage import a_cycle
from tests.doors.doors_world import NOW

FULL_ACCOUNT = "acc_1001"
NAMES = ("Sanne de Vries", "Jo Smit", "Fatima el Amrani", "Pieter-Jan van der Berg-Hoogendoorn", "Li Wei")
DEFINITION: dict[str, Any] = {
    "code": "vonk-basis",
    "name": "Vonk Basis",
    "currency": "EUR",
    "prices": [
        {"code": "fee", "name": "Fee", "model": "recurring", "fee": "15.00"},
        {
            "code": "calls",
            "name": "Calls",
            "model": "per_unit",
            "meter": "voice",
            "unit_size": 60,
            "unit_name": "minute",
            "rate": "0.12",
        },
    ],
    "allowances": [{"code": "minutes", "name": "100 minutes", "meter": "voice", "quantity": 6000}],
}
A_CYCLE_PLAN = preview_cycles(CycleDay(1), "Europe/Amsterdam", NOW, 1, CyclePolicy(), MethodKind.SEPA_DEBIT)[0]
RUNNING = AccountState(FULL_ACCOUNT, "vonk", "A100001", A_CYCLE_PLAN)


async def fill(work: SqlUnitOfWork, accounts: int = 40) -> None:
    """Write the month and commit."""
    brand: Brand = a_brand()
    await work.accounts.add_brand(brand)
    await work.accounts.add_plan(a_plan(DEFINITION))
    for place in range(accounts):
        await _add_account(work, place)
    await work.accounts.add_cycle(a_cycle(FULL_ACCOUNT, plan=A_CYCLE_PLAN.to_dict()))
    await _add_usage(work.connection)
    await _add_documents(work.connection)
    for invoice_id in ("inv_1001", "inv_1002"):
        await work.invoices.collect_with(FULL_ACCOUNT, [invoice_id], invoice_id)
    await _add_payments(work.connection)
    await _add_notices(work.connection)
    await _add_case(work.connection)
    await _add_timeline(work)
    await work.commit()


async def _add_account(work: SqlUnitOfWork, place: int) -> None:
    account = await work.accounts.add(
        an_account(number=f"A{100001 + place}", customer_name=NAMES[place % 5], cycle_day=1 + place * place % 31)
    )
    await work.accounts.add_service(a_service(account.account_id, identifier=f"+316123{45678 + place}"))
    service_id = f"svc_{1001 + place}"
    await work.accounts.change_service(account.account_id, service_id, {"barring_level": _level(place)})
    if _level(place) != "none":
        held = Held(account.account_id, service_id, "", "dunning", "dunning", "not paid", "case_1001-1", NOW)
        kinds = Restrictions.parse(_level(place)).kinds
        await work.barring.hold([replace(held, kind=kind.value) for kind in sorted(kinds)])


def _level(place: int) -> str:
    return "outgoing" if place == 0 else "none"


async def _add_usage(connection: AsyncConnection) -> None:
    counted = {"events": 12, "quantity": 4500, "amount": 0, "counted_at": NOW - timedelta(minutes=3)}
    counter = {
        "service_id": "svc_1001",
        "plan_code": "vonk-basis",
        "plan_version": 1,
        "price_code": "calls",
        "band": "",
    }
    values = {"account_id": FULL_ACCOUNT, "cycle_number": 1} | counter | counted
    await connection.execute(insert(usage.usage_counters).values(values))


async def _add_documents(connection: AsyncConnection) -> None:
    for place, (due_on, total, is_paid) in enumerate(
        [(date(2027, 1, 10), 4210, False), (date(2027, 2, 20), 1815, True)]
    ):
        invoice_id = f"inv_{1001 + place}"
        await connection.execute(insert(invoicing.invoices).values(_invoice(place, due_on, total)))
        for number, kind in enumerate(("invoice_issued", "payment_received") if is_paid else ("invoice_issued",)):
            sign = -1 if kind == "payment_received" else 1
            await _post(connection, place * 10 + number, kind, invoice_id, sign * total)


def _invoice(place: int, due_on: date, total: int) -> dict[str, Any]:
    return {
        "account_id": FULL_ACCOUNT,
        "kind": "invoice",
        "cycle_number": place + 1,
        "brand": "vonk",
        "number": f"V15-2027-{place + 1:06}",
        "invoice_date": due_on - timedelta(days=16),
        "due_on": due_on,
        "period_from": due_on - timedelta(days=47),
        "period_to": due_on - timedelta(days=16),
        "issued_at": NOW - timedelta(days=30 * (1 - place)),
        "currency": "EUR",
        "net_minor": total * 100 // 121,
        "vat_minor": total - total * 100 // 121,
        "total_minor": total,
        "method_kind": "sepa_debit",
        "to_collect_minor": total,
        "collect_invoice_ids": [f"inv_{1001 + place}"],
        "explanation": "",
        "author": "evenflow",
        "customer": {},
    }


async def _post(connection: AsyncConnection, entry: int, kind: str, invoice_id: str, amount: int) -> None:
    values = {
        "account_id": FULL_ACCOUNT,
        "kind": kind,
        "at": NOW,
        "provider": "",
        "reference": f"{entry}",
        "reason": "",
    }
    statement = insert(invoicing.ledger_entries).values(values).returning(invoicing.ledger_entries.c.entry_id)
    entry_id = (await connection.execute(statement)).scalar_one()
    other = LedgerAccount.CASH if kind == "payment_received" else LedgerAccount.REVENUE
    common = {"account_id": FULL_ACCOUNT, "entry_id": entry_id, "currency": "EUR"}
    receivable = {"ledger_account": LedgerAccount.RECEIVABLE, "amount_minor": amount, "invoice_id": invoice_id}
    against = {"ledger_account": other, "amount_minor": -amount, "invoice_id": None}
    rows = [common | {"position": place} | posting for place, posting in enumerate((receivable, against), start=1)]
    await connection.execute(insert(invoicing.ledger_postings), rows)


async def _add_payments(connection: AsyncConnection) -> None:
    for place, (status, category, received) in enumerate(
        [("failed", "insufficient_funds", 0), ("succeeded", "", 1815)]
    ):
        values = {
            "account_id": FULL_ACCOUNT,
            "attempt_id": f"inv_{1001 + place}-1",
            "purpose": "debit",
            "provider": "stripe",
            "expected_minor": received or 4210,
            "received_minor": received,
            "currency": "EUR",
            "status": status,
            "category": category,
            "code": "AM04" if category else "",
            "created_at": NOW - timedelta(days=20 - place),
            "call_number": 1,
        }
        empty = dict.fromkeys(
            ("provider_customer", "provider_method", "provider_payment", "provider_session", "session_url"), ""
        )
        await connection.execute(insert(payments.payment_attempts).values(values | empty))


async def _add_notices(connection: AsyncConnection) -> None:
    for kind, channel, status in (("ready", "email", "delivered"), ("failed", "sms", "accepted")):
        values = {
            "account_id": FULL_ACCOUNT,
            "kind": kind,
            "subject": "inv_1001",
            "occasion": kind,
            "channel": channel,
            "status": status,
            "recipient": "sanne@example.com" if channel == "email" else "+31612345678",
            "locale": "nl_NL",
            "amount_minor": 4210,
            "currency": "EUR",
            "named_on": date(2027, 1, 10),
            "invoice_ids": ["inv_1001"],
            "hurry": False,
            "created_at": NOW - timedelta(days=25),
            "accepted_at": NOW - timedelta(days=25),
        }
        statement = insert(notices.notices).values(values).returning(notices.notices.c.notice_id)
        notice_id = (await connection.execute(statement)).scalar_one()
        await _add_evidence(connection, notice_id, ("asked", "accepted", status))


async def _add_evidence(connection: AsyncConnection, notice_id: str, events: tuple[str, ...]) -> None:
    rows = [
        {
            "account_id": FULL_ACCOUNT,
            "notice_id": notice_id,
            "at": NOW - timedelta(days=25, minutes=-place),
            "event": event,
            "vendor": "sendgrid",
            "event_id": f"{place}",
            "reference": "",
            "detail": {},
        }
        for place, event in enumerate(events)
    ]
    await connection.execute(insert(notices.notice_evidence), rows)


async def _add_case(connection: AsyncConnection) -> None:
    values = {
        "account_id": FULL_ACCOUNT,
        "policy_code": "default",
        "policy_version": 1,
        "opened_at": NOW - timedelta(days=20),
        "invoice_ids": ["inv_1001"],
        "steps_done": [],
        "failures": [],
        "stage": "barred_outgoing",
        "next_action_at": NOW + timedelta(days=11),
    }
    await connection.execute(insert(dunning.dunning_cases).values(values))


async def _add_timeline(work: SqlUnitOfWork) -> None:
    reason = {"rule": "day 17: bar outgoing", "policy": "default version 1", "open": "42.10 EUR"}
    for kind, summary, actor in (
        ("account_opened", "Account A100001 opened; cycle day 1, first invoice on 2027-02-01", "admin"),
        ("services_barred", "Outgoing calls barred: 42.10 EUR is overdue since 10 January", "evenflow"),
    ):
        await work.timeline.add(TimelineEntry(FULL_ACCOUNT, NOW, kind, summary, reason, actor))
