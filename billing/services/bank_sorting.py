"""Which of the waiting debits can go by file, as what and when; what keeps the others is written on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from billing.domain.bank_debit import Problem
from billing.domain.money import Money
from billing.ports.accounts import TimelineEntry
from billing.ports.bank_file_writing import NOT_AMENDED, DebitLine, Seal
from billing.ports.bank_files import BankDebit, Creditor, DebitStatus, SequenceType
from billing.ports.payments import MethodStatus
from billing.ports.unit_of_work import UnitOfWork
from billing.services.bank_debit_checks import cut_off_of, line_of
from billing.services.bank_mandate_history import history_of


@dataclass(frozen=True)
class Ready:
    """A debit that can go, with its line and what it is sent as."""

    debit: BankDebit
    line: DebitLine
    collect_on: date
    sequence: str


class Sorting:
    """Sorts the debits of one round: those that can go by file, those held, those whose mandate or debt ended."""

    def __init__(self, work: UnitOfWork, creditor: Creditor, zone: str, now: datetime, seal: Seal) -> None:
        self._work = work
        self._creditor = creditor
        self._cut_off = cut_off_of(creditor, zone)
        self._now = now
        self._seal = seal
        self._used: set[tuple[str, str]] = set()
        self._groups: dict[tuple[date, str, str], list[Ready]] = {}
        self.held: list[BankDebit] = []
        self.dropped: list[BankDebit] = []

    def groups(self) -> list[list[Ready]]:
        """One list per file, by date, sequence type and scheme."""
        return [self._groups[key] for key in sorted(self._groups)]

    async def sort(self, debit: BankDebit) -> None:
        """Find where a debit belongs; what keeps it is written on it."""
        method = await self._work.payments.method(debit.account_id, debit.method_id)
        if method.status != MethodStatus.USABLE or await self._is_settled(debit):
            self.dropped.append(await self._set(debit, DebitStatus.CANCELLED))
            return
        line = await line_of(self._work, debit, self._creditor, self._seal)
        collect_on = self._cut_off.collect_on(debit.due_on, self._now)
        if not isinstance(line, Problem) and collect_on is None:
            remedy = "It is too late for the date the customer was told: give it up, and have it announced anew."
            line = Problem("due_on", debit.due_on.isoformat(), remedy)
        if isinstance(line, Problem) or collect_on is None:
            self.held.append(await self._hold(debit, line))
            return
        if (debit.account_id, debit.method_id) in self._used:
            line = replace(line, amendment=NOT_AMENDED)  # the first of two in a file tells it
        sequence = await self._sequence(debit, line)
        key = (collect_on, sequence, debit.scheme)
        self._groups.setdefault(key, []).append(Ready(debit, line, collect_on, sequence))

    async def _is_settled(self, debit: BankDebit) -> bool:
        """A transfer or a credit note paid all that the debit is for since it was handed in."""
        held = await self._work.payments.allocations(debit.account_id, debit.attempt_id)
        still_open = [await self._work.ledger.open_of(debit.account_id, one.invoice_id) for one in held]
        return bool(held) and max(still_open) <= 0

    async def _sequence(self, debit: BankDebit, line: DebitLine) -> str:
        """FRST once under a new mandate, where the bank still wants it; of two at once only one is the first.

        A mandate that goes on with another account begins anew there, for a bank that counts so (EPC016-06).
        """
        account = await self._work.bank_files.account(debit.account_id, debit.method_id)
        if account.one_off:
            return SequenceType.ONE_OFF
        mandate = (debit.account_id, debit.method_id)
        history = await history_of(self._work, account, debit.attempt_id)
        is_used = (history.is_used and not line.amendment.account_changed) or mandate in self._used
        self._used.add(mandate)
        return SequenceType.RECURRENT if is_used else self._creditor.first_sequence

    async def _hold(self, debit: BankDebit, problem: Problem | DebitLine) -> BankDebit:
        assert isinstance(problem, Problem)
        told = {"held_field": problem.field, "held_value": problem.value, "held_remedy": problem.remedy}
        summary = f"The debit of {Money(debit.amount_minor, debit.currency)} for {debit.due_on} cannot go by file."
        facts = {"attempt_id": debit.attempt_id, **told}
        await self._work.timeline.add(TimelineEntry(debit.account_id, self._now, "bank_debit_held", summary, facts))
        return await self._set(debit, DebitStatus.HELD, **told)

    async def _set(self, debit: BankDebit, status: DebitStatus, **told: Any) -> BankDebit:
        values = {"status": status, "changed_at": self._now, **told}
        await self._work.bank_files.change_debit(debit.account_id, debit.attempt_id, values)
        return replace(debit, status=status, changed_at=self._now, **told)
