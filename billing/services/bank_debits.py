"""Single debits by file as staff handles them: those that are held, let go again or given up."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from billing.domain.errors import NotFound, UnableTo
from billing.domain.money import Money
from billing.messages.account import PaymentOutcomeReceived
from billing.messages.identities import account_workflow_id
from billing.ports.accounts import TimelineEntry
from billing.ports.bank_files import BankDebit, DebitFilter, DebitStatus
from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

GIVEN_UP = "given_up"


class UnableToChangeDebit(UnableTo):
    """A debit that is not held is not for staff to change."""


class BankDebits:
    """Looks and commands; ``process`` is told when a debit ended."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, process: Process) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process

    async def list(
        self, wanted: DebitFilter, after: tuple[str, str] | None = None, limit: int = 100
    ) -> Sequence[BankDebit]:
        """In the order of account and attempt."""
        async with self._make_work() as work:
            return await work.bank_files.debits(wanted, after, limit)

    async def release(self, account_id: str, attempt_id: str, reason: str, author: str) -> BankDebit:
        """The cause is mended: it goes with the next file, checked again. Raises NotFound, UnableToChangeDebit."""
        async with self._make_work() as work:
            debit = await self._held(work, account_id, attempt_id)
            debit = await self._change(work, debit, DebitStatus.WAITING, "")
            await self._tell(work, debit, "bank_debit_released", "goes with the next file", reason, author)
            await work.commit()
        return debit

    async def give_up(self, account_id: str, attempt_id: str, reason: str, author: str) -> BankDebit:
        """It will not be collected this way: a failure of ours, of which the customer hears nothing.

        Raises NotFound, UnableToChangeDebit.
        """
        async with self._make_work() as work:
            debit = await self._held(work, account_id, attempt_id)
            debit = await self._change(work, debit, DebitStatus.REJECTED, GIVEN_UP)
            await self._tell(work, debit, "bank_debit_given_up", "was given up", reason, author)
            await work.commit()
        await self.hint(debit)
        return debit

    async def hint(self, debit: BankDebit) -> None:
        """Let the account's process ask how the debit stands; an account that is closed has none."""
        async with self._make_work() as work:
            account = await work.accounts.get(debit.account_id)
        message_id = f"{debit.end_to_end_id}-{debit.status}-{debit.changed_at.isoformat()}"
        message = PaymentOutcomeReceived(message_id, debit.attempt_id)
        with suppress(NotFound):
            await self._process.signal(
                account_workflow_id(account.brand, account.number), "payment_outcome_received", message
            )

    async def _held(self, work: UnitOfWork, account_id: str, attempt_id: str) -> BankDebit:
        debit = await work.bank_files.lock_debit(account_id, attempt_id)
        if debit is None:
            raise NotFound(
                "There is no such debit by file.",
                field="attempt_id",
                value=attempt_id,
                remedy="GET /v1/bank-debits lists those there are.",
            )
        if debit.status != DebitStatus.HELD:
            remedy = "Only a held debit is changed by hand; hold or withdraw its file instead."
            raise UnableToChangeDebit(
                f"This debit is {debit.status}.", field="attempt_id", value=attempt_id, remedy=remedy
            )
        return debit

    async def _change(self, work: UnitOfWork, debit: BankDebit, status: DebitStatus, code: str) -> BankDebit:
        changed = replace(
            debit,
            status=status,
            reason_code=code,
            reason_text="",
            held_field="",
            held_value="",
            held_remedy="",
            batch_id=None,
            changed_at=self._clock.now(),
        )
        names = ("status", "reason_code", "reason_text", "held_field", "held_value", "held_remedy", "batch_id")
        values = {name: getattr(changed, name) for name in (*names, "changed_at")}
        await work.bank_files.change_debit(debit.account_id, debit.attempt_id, values)
        return changed

    async def _tell(self, work: UnitOfWork, debit: BankDebit, kind: str, what: str, reason: str, author: str) -> None:
        summary = f"The debit of {Money(debit.amount_minor, debit.currency)} for {debit.due_on} {what}."
        facts = {"attempt_id": debit.attempt_id, "reason": reason}
        await work.timeline.add(TimelineEntry(debit.account_id, self._clock.now(), kind, summary, facts, author))
