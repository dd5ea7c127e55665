"""Hand-over to a collection agency: a case is marked and no longer pressed for, exported with its proof, taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from billing.domain.errors import InvalidValue, UnableTo
from billing.domain.money import Money
from billing.messages.arrangements import Arranged, HandOverCase, TakeBackCase
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.arrangements import HandOver
from billing.ports.dunning import Case
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.dunning_plans import owed_minor, owed_of
from billing.services.hand_over_export import CaseFile, read_case_file

HANDED_OVER = "handed_over"


class UnableToHandOver(UnableTo):
    """The case is paid, or given away already."""


class UnableToTakeBack(UnableTo):
    """The case is not handed over."""


async def hand_over_case(work: UnitOfWork, account: Account, command: HandOverCase, now: datetime) -> Arranged:
    """Mark a case as given to an agency. The account is locked. Raises InvalidValue, NotFound, UnableToHandOver."""
    if not command.agency.strip():
        raise InvalidValue("To whom?", field="agency", value=command.agency, remedy="Name the collection agency.")
    case = await _case(work, account.account_id, command.case_id)
    given = await _given(work, case)
    if given is not None and given.command_id == command.command_id:
        return _arranged(given)
    owed = await owed_of(work, account.account_id, case.invoice_ids)
    if given is not None or not owed:
        raise UnableToHandOver(
            f"Case {case.case_id} is with {given.agency} already." if given else f"Nothing is open in {case.case_id}.",
            field="case_id",
            value=case.case_id,
            remedy="Take it back first." if given else "A paid or wholly disputed case stays with you.",
        )
    stored = await work.arrangements.add_hand_over(
        {
            "account_id": account.account_id,
            "command_id": command.command_id,
            "case_id": case.case_id,
            "agency": command.agency,
            "amount_minor": owed_minor(owed),
            "currency": owed[0].currency,
            "invoice_ids": [one.invoice_id for one in owed],
            "handed_over_at": now,
            "author": command.author,
            "reason": command.reason,
        }
    )
    told: dict[str, Any] = {"rule": "a person's decision", "case_id": case.case_id, "reason": command.reason}
    told |= {"hand_over_id": stored.hand_over_id, "invoices": list(stored.invoice_ids)}
    summary = _arranged(stored).summary
    await work.timeline.add(TimelineEntry(account.account_id, now, "case_handed_over", summary, told, command.author))
    return _arranged(stored)


async def take_back_case(work: UnitOfWork, account: Account, command: TakeBackCase, now: datetime) -> Arranged:
    """We press for the case again. The account is locked. Raises NotFound, UnableToTakeBack."""
    case = await _case(work, account.account_id, command.case_id)
    given = await _given(work, case)
    if given is None and case.outcome != HANDED_OVER:
        raise UnableToTakeBack(
            f"Case {case.case_id} is not handed over.",
            field="case_id",
            value=case.case_id,
            remedy="Nothing is to be done: it is pressed for by its ladder.",
        )
    if given is not None:
        values = {"taken_back_at": now, "taken_back_by": command.author, "take_back_reason": command.reason}
        await work.arrangements.change_hand_over(account.account_id, given.hand_over_id, values)
    whom = f" from {given.agency}" if given else ""
    summary = f"Case {case.case_id} is taken back{whom}: what is open is pressed for again"
    told = {"rule": "a person's decision", "case_id": case.case_id, "reason": command.reason}
    await work.timeline.add(TimelineEntry(account.account_id, now, "case_taken_back", summary, told, command.author))
    owed = await owed_of(work, account.account_id, case.invoice_ids)
    return Arranged(summary, case.case_id, tuple(one.invoice_id for one in owed))


async def _case(work: UnitOfWork, account_id: str, case_id: str) -> Case:
    """The case named, or the newest one. Raises NotFound, InvalidValue."""
    if case_id:
        return await work.dunning.case(account_id, case_id)
    cases = sorted(await work.dunning.cases(account_id), key=lambda one: one.opened_at)
    if not cases:
        raise UnableToHandOver(
            "The account has no case.", field="case_id", value="", remedy="Only what is overdue can be handed over."
        )
    return cases[-1]


async def _given(work: UnitOfWork, case: Case) -> HandOver | None:
    given = await work.arrangements.hand_overs(case.account_id)
    return next((one for one in given if one.case_id == case.case_id and one.taken_back_at is None), None)


def _arranged(stored: HandOver) -> Arranged:
    amount = Money(stored.amount_minor, stored.currency)
    summary = f"Case {stored.case_id} handed over to {stored.agency}: {amount} of {len(stored.invoice_ids)} invoice(s)"
    return Arranged(summary, stored.case_id, tuple(stored.invoice_ids), stored.amount_minor, stored.currency)


class HandOvers:
    """Shows hand-overs, and exports a case with everything an agency needs."""

    def __init__(self, make_work: UnitOfWorkFactory) -> None:
        self._make_work = make_work

    async def all(self, account_id: str) -> Sequence[HandOver]:
        """An account's hand-overs, oldest first. Raises NotFound."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            return await work.arrangements.hand_overs(account_id)

    async def export(self, account_id: str, case_id: str) -> CaseFile:
        """Amounts, documents, payments, notices with evidence, and what was agreed. Raises NotFound."""
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            case = await work.dunning.case(account_id, case_id)
            return await read_case_file(work, account, case)
