"""Decide about money that belongs to nobody: show who may be meant, give it to an account, or order it back.

Nothing here guesses: candidates are shown with what speaks for each, and a person decides, with a reason that stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from billing.domain.errors import InvalidValue, NotFound, UnableTo
from billing.domain.ledger import EntryKind
from billing.domain.money import Money
from billing.domain.remittance import numbers_in, words_in
from billing.ports.bank_files import DebitStatus
from billing.ports.clock import BusinessClock
from billing.ports.suspense import Candidate, SuspenseFilter, SuspenseItem, SuspenseStatus
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bank_debit_effects import change_debit
from billing.services.bank_news import BankNews
from billing.services.reconcile import Watched
from billing.services.suspense_booking import clear
from billing.services.transfer_booking import Transfer, book_transfer
from billing.services.usage_decisions import stated

TELL_AFTER = timedelta(days=2)


class UnableToDecideSuspense(UnableTo):
    """The item is decided already, or cannot be decided so."""


@dataclass(frozen=True)
class Assignment:
    """To whom an item belongs. Money that came: ``invoice_ids`` are paid in this order, none means the oldest open.

    Money that left: ``attempt_id`` names the debit by bank file that it takes back.
    """

    suspense_id: str
    account_id: str
    author: str
    reason: str
    invoice_ids: Sequence[str] = ()
    attempt_id: str = ""


@dataclass(frozen=True)
class SuspenseView:
    """An item with everybody it may belong to."""

    item: SuspenseItem
    candidates: Sequence[Candidate]


class SuspenseService:
    """The desk of finance for unassigned money."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, news: BankNews) -> None:
        self._make_work = make_work
        self._clock = clock
        self._news = news

    async def items(self, wanted: SuspenseFilter) -> Sequence[SuspenseItem]:
        """Newest first."""
        async with self._make_work() as work:
            return await work.suspense.items(wanted)

    async def view(self, suspense_id: str) -> SuspenseView:
        """An item with its candidates, those with the most to say for them first. Raises NotFound."""
        async with self._make_work() as work:
            item = await work.suspense.get(suspense_id)
            return SuspenseView(item, await _candidates(work, item))

    async def assign(self, assignment: Assignment) -> SuspenseItem:
        """Give an item to an account: it is booked there, and taken out of suspense, in one transaction.

        Raises NotFound, InvalidValue, and UnableToDecideSuspense for an item that is decided.
        """
        reason = stated(assignment.reason)
        async with self._make_work() as work:
            item = await _open(work, assignment.suspense_id)
            await work.accounts.lock(assignment.account_id)
            if item.amount_minor > 0:
                attempt_id = await self._receive(work, item, assignment, reason)
            else:
                attempt_id = await self._take_back(work, item, assignment)
            values = {
                "status": SuspenseStatus.ASSIGNED,
                "author": assignment.author,
                "reason": reason,
                "to_account_id": assignment.account_id,
                "to_attempt_id": attempt_id,
            }
            done = await clear(work, item, EntryKind.MONEY_ASSIGNED, values, reason, self._clock.now())
            await work.commit()
        await self._news.tell()
        return done

    async def _receive(self, work: UnitOfWork, item: SuspenseItem, assignment: Assignment, reason: str) -> str:
        for invoice_id in assignment.invoice_ids:
            await work.invoices.get(assignment.account_id, invoice_id)
        transfer = Transfer(
            assignment.account_id,
            item.suspense_id,
            item.amount_minor,
            item.currency,
            assignment.invoice_ids,
            reason,
            assignment.author,
        )
        return await book_transfer(work, transfer, self._clock.now())

    async def _take_back(self, work: UnitOfWork, item: SuspenseItem, assignment: Assignment) -> str:
        """Money that left: it takes back a debit of the account, as if the bank had named it."""
        if not assignment.attempt_id:
            raise InvalidValue(
                "Money that left can only take back a debit.",
                field="attempt_id",
                remedy="Name the debit by bank file that came back; the item's candidates show those of this amount.",
            )
        debit = await work.bank_files.lock_debit(assignment.account_id, assignment.attempt_id)
        if debit is None:
            remedy = "The item's candidates show the debits of this amount."
            raise NotFound(
                "The account has no such debit by bank file.",
                field="attempt_id",
                value=assignment.attempt_id,
                remedy=remedy,
            )
        if debit.returned_at is not None or debit.settled_at is None or -item.amount_minor > debit.amount_minor:
            words = f"Debit {debit.attempt_id} of {Money(debit.amount_minor, debit.currency)} is {debit.status}."
            raise _unable(item, words, "Choose a debit that was paid, of at least this amount.", "attempt_id")
        values = {
            "status": DebitStatus.RETURNED,
            "reason_code": item.return_code,
            "reason_text": assignment.reason,
            "returned_at": self._clock.now(),
            "returned_minor": -item.amount_minor,
            "return_reference": item.suspense_id,
        }
        await change_debit(work, debit, values, f"{item.suspense_id}-returned", self._clock.now())
        return debit.attempt_id

    async def send_back(self, suspense_id: str, author: str, reason: str) -> SuspenseItem:
        """Decide that money goes back to its payer. A person orders the transfer at the bank.

        Give it the item's ``transfer_reference`` as end-to-end id: the statement that shows it closes the item.
        Raises UnableToDecideSuspense for money that left, and for an item that is decided.
        """
        async with self._make_work() as work:
            item = await _open(work, suspense_id)
            if item.amount_minor < 0:
                raise _unable(
                    item, "Money that left cannot be sent back.", "Assign it to the debit that it takes back."
                )
            values = {"status": SuspenseStatus.SENDING_BACK, "author": author, "reason": stated(reason)}
            done = await work.suspense.change(item, values)
            await work.commit()
        return done

    async def reopen(self, suspense_id: str, author: str, reason: str) -> SuspenseItem:
        """Take the decision to send an item back again, as long as the money has not left."""
        async with self._make_work() as work:
            item = await work.suspense.lock(suspense_id)
            if item.status != SuspenseStatus.SENDING_BACK:
                raise _unable(item, f"The item is {item.status}.", "Only one that is being sent back is opened again.")
            values = {"status": SuspenseStatus.OPEN, "author": author, "reason": stated(reason)}
            done = await work.suspense.change(item, values)
            await work.commit()
        return done

    async def offset(self, suspense_id: str, other_id: str, author: str, reason: str) -> tuple[SuspenseItem, ...]:
        """Two items that are one another's counterpart: what came and what left, the same amount. Both are closed.

        For money that was sent back without its reference, and for a return whose debit came in unnamed.
        """
        reason = stated(reason)
        async with self._make_work() as work:
            one, other = [await work.suspense.lock(name) for name in sorted((suspense_id, other_id), key=_number)]
            for item in (one, other):
                if item.status not in (SuspenseStatus.OPEN, SuspenseStatus.SENDING_BACK):
                    raise _unable(item, f"The item {item.suspense_id} is {item.status}.", "Choose items that wait.")
            if (one.amount_minor, one.currency, one.account_id) != (
                -other.amount_minor,
                other.currency,
                other.account_id,
            ):
                words = f"{Money(one.amount_minor, one.currency)} and {Money(other.amount_minor, other.currency)}"
                raise _unable(
                    one, f"{words} are no counterparts.", "Choose two of one bank account that add up to zero."
                )
            values: Mapping[str, Any] = {"status": SuspenseStatus.EXPLAINED, "author": author, "reason": reason}
            now = self._clock.now()
            done = [await clear(work, item, EntryKind.MONEY_ASSIGNED, values, reason, now) for item in (one, other)]
            await work.commit()
        return tuple(done)

    async def look_after(self) -> Watched:
        """For upkeep: what waits for a person since longer than two days."""
        async with self._make_work() as work:
            count, since = await work.suspense.count_open()
        if since is None or self._clock.now() - since < TELL_AFTER:
            return Watched(0, ())
        return Watched(
            0, (f"{count} amounts that belong to nobody wait for finance, the oldest since {since:%Y-%m-%d}.",)
        )


def _number(suspense_id: str) -> tuple[int, str]:
    """Items are locked in the order of their numbers, by everybody."""
    return len(suspense_id), suspense_id


async def _open(work: UnitOfWork, suspense_id: str) -> SuspenseItem:
    item = await work.suspense.lock(suspense_id)
    if item.status != SuspenseStatus.OPEN:
        raise _unable(item, f"The item is {item.status}.", "GET /v1/suspense-items?status=open lists those to decide.")
    return item


async def _candidates(work: UnitOfWork, item: SuspenseItem) -> Sequence[Candidate]:
    """Everybody that something speaks for; who is found in several ways is shown once, with all of it."""
    brands = [item.brand]
    if item.amount_minor < 0:
        found = list(await work.suspense.debits_of_amount(brands, -item.amount_minor, item.currency))
    else:
        texts = (item.remittance, item.end_to_end_id)
        found = list(await work.suspense.with_invoice(brands, numbers_in(*texts)))
        found += await work.suspense.with_number(brands, [*words_in(*texts), *numbers_in(*texts)])
        found += await work.suspense.open_of_amount(brands, item.amount_minor, item.currency)
    if item.counterparty_name:
        found += await work.suspense.with_name(brands, item.counterparty_name)
    return _merged(found)


def _merged(found: Sequence[Candidate]) -> Sequence[Candidate]:
    merged: dict[str, list[Candidate]] = {}
    for one in found:
        merged.setdefault(one.account_id, []).append(one)
    candidates = []
    for several in merged.values():
        best = next((one for one in several if one.invoice_id or one.attempt_id), several[0])
        candidates.append(replace(best, because="; ".join(dict.fromkeys(one.because for one in several))))
    return sorted(candidates, key=lambda one: -one.because.count(";"))


def _unable(item: SuspenseItem, why: str, remedy: str, field: str = "suspense_id") -> UnableToDecideSuspense:
    value = item.suspense_id if field == "suspense_id" else why
    return UnableToDecideSuspense(why, field=field, value=value, remedy=remedy)
