"""Books of many accounts whose invoices went every way there is, with a note of each, to count them again by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import insert

from billing.domain import ledger
from billing.domain.ledger import EntryKind
from billing.messages.payments import PaymentStatus
from billing.persistence.tables import dunning, invoicing, notices
from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.ports.payments import Allocation, Attempt, AttemptPurpose
from tests.builders import a_brand, an_account
from tests.builders_usage import a_cycle

NOW = datetime(2027, 5, 10, 10, 0, tzinfo=UTC)
TODAY = date(2027, 5, 10)
WAYS = ("first_try", "retry", "paylink", "transfer", "credit", "written_off", "taken_back", "part", "dunning", "open")
MONTHS = tuple(date(2027, month, 1) for month in (2, 3, 4, 5))


@dataclass
class Billed:
    """One invoice, what became of its money, and what was tried. Amounts are minor units, money in is positive."""

    account_id: str
    invoice_id: str
    currency: str
    invoice_date: date
    due_on: date
    total_minor: int
    way: str
    announced: bool
    moved: list[tuple[str, int]] = field(default_factory=list)
    tries: list[str] = field(default_factory=list)

    @property
    def open_minor(self) -> int:
        return self.total_minor - sum(amount for _, amount in self.moved)


@dataclass
class Books:
    """Writes invoices and keeps a note of each."""

    work: SqlUnitOfWork
    dice: Random
    billed: list[Billed] = field(default_factory=list)

    async def fill(self, accounts: int) -> list[Billed]:
        """So many accounts of two brands, each with an invoice of every month."""
        for code, currency in (("vonk", "EUR"), ("spark", "GBP")):
            await self.work.accounts.add_brand(a_brand(brand=code, currency=currency))
        for place in range(accounts):
            brand, currency = (("vonk", "EUR"), ("spark", "GBP"))[place % 4 == 3]
            account = await self.work.accounts.add(an_account(brand=brand, number=f"B{place:05}"))
            for number, month in enumerate(MONTHS, start=1):
                await self._bill(account.account_id, brand, currency, number, month)
        await self.work.commit()
        return self.billed

    async def _bill(self, account_id: str, brand: str, currency: str, number: int, month: date) -> None:
        day = month + timedelta(days=self.dice.randrange(9))
        due_on = day + timedelta(days=self.dice.choice((10, 15, 20)))
        invoice_id = await self.work.invoices.next_invoice_id()
        one = Billed(
            account_id, invoice_id, currency, day, due_on, self.dice.randrange(500, 9000), self.dice.choice(WAYS), True
        )
        one.announced = self.dice.random() < 0.9
        await self._write(one, brand, number)
        await getattr(self, f"_{one.way}")(one)
        self.billed.append(one)

    async def _write(self, one: Billed, brand: str, number: int) -> None:
        """The document, its cycle with a debit that moved by a day in some, its entry and its notice."""
        values: dict[str, Any] = {
            "kind": "invoice", "cycle_number": number, "brand": brand, "number": f"{brand}-{one.invoice_id}",
            "period_from": one.invoice_date, "period_to": one.invoice_date, "issued_at": _noon(one.invoice_date),
            "net_minor": one.total_minor, "vat_minor": 0, "method_kind": "card", "to_collect_minor": one.total_minor,
            "collect_invoice_ids": [one.invoice_id], "explanation": "", "author": "evenflow", "customer": {},
        }  # fmt: skip
        names = ("account_id", "invoice_id", "currency", "invoice_date", "due_on", "total_minor")
        await self.work.connection.execute(
            insert(invoicing.invoices).values(values | {name: getattr(one, name) for name in names})
        )
        one.due_on += timedelta(days=self.dice.choice((0, 0, 1)))
        cycle = a_cycle(one.account_id, 1, cycle_number=number, debit_on=one.due_on, status="issued",
                        invoice_id=one.invoice_id, plan={"method_kind": "card"})  # fmt: skip
        await self.work.accounts.add_cycle(cycle)
        await self.work.invoices.collect_with(one.account_id, [one.invoice_id], one.invoice_id)
        at = _noon(one.invoice_date)
        await self.work.ledger.post(
            ledger.invoice_issued(one.account_id, one.invoice_id, at, one.total_minor, 0, one.currency)
        )
        if one.announced:
            await self.work.connection.execute(insert(notices.notices).values(_ready(one)))

    async def _first_try(self, one: Billed) -> None:
        await self._paid(one, "first_try", AttemptPurpose.DEBIT)

    async def _retry(self, one: Billed) -> None:
        await self._try(one, AttemptPurpose.DEBIT, PaymentStatus.FAILED)
        await self._paid(one, "retry", AttemptPurpose.DEBIT)

    async def _paylink(self, one: Billed) -> None:
        await self._try(one, AttemptPurpose.DEBIT, PaymentStatus.FAILED)
        await self._paid(one, "paylink", AttemptPurpose.PAY_SESSION)

    async def _transfer(self, one: Billed) -> None:
        await self._paid(one, "transfer", AttemptPurpose.TRANSFER)

    async def _credit(self, one: Billed) -> None:
        note = ledger.credit_note_issued(
            one.account_id, f"{one.invoice_id}-note", one.invoice_id, _noon(one.due_on), one.total_minor, 0,
            one.currency, "asked for",
        )  # fmt: skip
        await self.work.ledger.post(note)
        one.moved.append(("credit", one.total_minor))

    async def _written_off(self, one: Billed) -> None:
        await self._try(one, AttemptPurpose.DEBIT, PaymentStatus.FAILED)
        shares = {one.invoice_id: one.total_minor}
        await self.work.ledger.post(
            ledger.written_off(one.account_id, f"{one.invoice_id}-off", _noon(one.due_on), shares, one.currency, "gone")
        )
        one.moved.append(("written_off", one.total_minor))

    async def _taken_back(self, one: Billed) -> None:
        received = await self._paid(one, "first_try", AttemptPurpose.DEBIT)
        entry = ledger.reversed_entry(
            received, EntryKind.PAYMENT_REVERSED, f"dp-{one.invoice_id}", _noon(one.due_on), "taken back"
        )
        await self.work.ledger.post(entry)
        one.moved.append(("taken_back", -one.total_minor))

    async def _part(self, one: Billed) -> None:
        await self._paid(one, "paylink", AttemptPurpose.PAY_SESSION, one.total_minor // 3)

    async def _dunning(self, one: Billed) -> None:
        await self._try(one, AttemptPurpose.DEBIT, PaymentStatus.FAILED)
        await self.work.connection.execute(
            insert(dunning.dunning_cases).values(
                account_id=one.account_id, policy_code="default", policy_version=1, opened_at=_noon(one.due_on),
                invoice_ids=[one.invoice_id], steps_done=[], failures=[],
                closed_at=None if not self._has_case(one) else NOW,
            )
        )  # fmt: skip
        if self._has_case(one):
            one.way = "open"

    def _has_case(self, one: Billed) -> bool:
        return any(each.account_id == one.account_id and each.way == "dunning" for each in self.billed)

    async def _open(self, one: Billed) -> None:
        """Nothing happened yet."""

    async def _paid(self, one: Billed, stage: str, purpose: AttemptPurpose, amount: int = 0) -> ledger.Entry:
        amount = amount or one.total_minor
        attempt = await self._try(one, purpose, PaymentStatus.SUCCEEDED)
        entry = ledger.payment_received(
            one.account_id, "stripe", attempt.provider_payment, _noon(one.due_on), amount, one.currency,
            {one.invoice_id: amount},
        )  # fmt: skip
        await self.work.ledger.post(entry)
        one.moved.append((stage, amount))
        return entry

    async def _try(self, one: Billed, purpose: AttemptPurpose, status: PaymentStatus) -> Attempt:
        number = len(one.tries) + 1
        at = _noon(one.due_on) + timedelta(hours=number)
        attempt = Attempt(
            one.account_id, f"{one.invoice_id}-{number}", purpose, "stripe", one.total_minor, one.currency, status, at,
            provider_payment=f"pi_{one.invoice_id}_{number}", debit_on=one.due_on, settled_at=at,
        )  # fmt: skip
        allocation = Allocation(one.account_id, attempt.attempt_id, one.invoice_id, one.total_minor, live=False)
        await self.work.payments.add_attempt(attempt, [allocation])
        one.tries.append(f"{purpose}:{status}")
        return attempt


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 11, tzinfo=UTC)


def _ready(one: Billed) -> dict[str, Any]:
    at = _noon(one.invoice_date)
    return {
        "account_id": one.account_id, "kind": "ready", "subject": one.invoice_id, "occasion": "", "channel": "email",
        "status": "accepted", "recipient": "x", "locale": "nl", "amount_minor": one.total_minor,
        "currency": one.currency, "named_on": one.due_on, "invoice_ids": [one.invoice_id], "hurry": False,
        "created_at": at, "accepted_at": at,
    }  # fmt: skip
