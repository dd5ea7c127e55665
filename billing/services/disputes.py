"""Disputes: what a customer does not accept is not pursued until a person decides.

The disputed part leaves what is collected, dunned and barred for the moment a dispute is stored; the rest goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain import staff_cases as kinds
from billing.domain.errors import InvalidValue, NotFound, UnableTo
from billing.domain.invoice_lines import position_of
from billing.domain.money import Money
from billing.messages.account import DisputeClosed, DisputeOpened, WaiveInvoice
from billing.messages.identities import account_workflow_id
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.dunning import Dispute
from billing.ports.invoicing import Invoice
from billing.ports.process import Process
from billing.ports.staff_cases import Cause
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.customer_sessions import BY_CUSTOMER
from billing.services.disputable import DisputablePart, disputable, refuse_decided

OPEN, ACCEPTED, REJECTED = "open", "accepted", "rejected"


class UnableToCloseDispute(UnableTo):
    """The dispute was decided otherwise before."""


@dataclass(frozen=True)
class _Asked:
    """What somebody wants to dispute."""

    amount_minor: int
    reason: str
    position: int | None


class DisputeService:
    """Opens and decides disputes; the account's process is told, and dunning by it."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, process: Process) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process

    async def open(
        self, account_id: str, invoice_id: str, amount_minor: int, reason: str, author: str, line_id: str = ""
    ) -> Dispute:
        """Dispute ``amount_minor`` of an invoice (gross), or all that is open on it (zero).

        With ``line_id`` it is about that line: zero is then what is owed for the line, its discount and VAT included,
        as far as it is still open and not disputed. The same dispute again answers the one that is open. What was
        rejected is not opened again by the customer, but may be by staff. Raises NotFound, InvalidValue,
        UnableToDispute.
        """
        _refuse_empty("reason", reason)
        async with self._make_work() as work:
            account = await work.accounts.lock(account_id)
            invoice = await work.invoices.get(account_id, invoice_id)
            position = position_of(line_id, invoice_id) if line_id else None
            dispute = await _same_open(work, invoice, _Asked(amount_minor, reason, position))
            if dispute is None:
                if author == BY_CUSTOMER:
                    refuse_decided(await work.dunning.disputes(account_id), invoice, position)
                part = await disputable(work, invoice, amount_minor, position)
                dispute = await _store(work, invoice, part, reason, author, self._clock.now())
                await work.commit()
        fact = DisputeOpened(f"{dispute.dispute_id}-opened", dispute.dispute_id, invoice_id)
        await self._tell(account, "dispute_opened", fact)
        return dispute

    async def all(self, account_id: str) -> Sequence[Dispute]:
        """The account's disputes, oldest first. Raises NotFound."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            return await work.dunning.disputes(account_id)

    async def close(self, account_id: str, dispute_id: str, outcome: str, decision: str, author: str) -> Dispute:
        """Decide: ``accepted`` credits the disputed amount by a credit note, ``rejected`` lets collection go on.

        The credit comes first, so that a dispute whose credit failed stays open and nothing of it is pursued. The same
        decision again answers the closed dispute. Raises NotFound, InvalidValue, UnableToCloseDispute, and what the
        account answers to the credit.
        """
        _refuse_unknown(outcome)
        _refuse_empty("decision", decision)
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            dispute = await work.dunning.dispute(account_id, dispute_id)
            open_minor = await work.ledger.open_of(account_id, dispute.invoice_id)
        if dispute.status == OPEN:
            if outcome == ACCEPTED and open_minor > 0:
                await self._credit(account, dispute, decision, author)
            dispute = await self._decided(dispute, outcome, decision, author)
        if dispute.status != outcome:
            raise UnableToCloseDispute(
                f"Dispute {dispute_id} is {dispute.status} already.",
                field="outcome",
                value=outcome,
                remedy="Open another dispute, waive what is open, or adjust the next invoice.",
            )
        fact = DisputeClosed(f"{dispute_id}-closed", dispute_id, dispute.invoice_id)
        await self._tell(account, "dispute_closed", fact)
        return dispute

    async def _credit(self, account: Account, dispute: Dispute, decision: str, author: str) -> None:
        """By the account's process, which then knows what is settled; counted once by the dispute's id."""
        command = WaiveInvoice(
            f"{dispute.dispute_id}-accepted",
            author,
            decision,
            dispute.invoice_id,
            dispute.amount_minor,
            dispute.line_position or 0,
        )
        workflow_id = account_workflow_id(account.brand, account.number)
        result = await self._process.command(workflow_id, "waive_invoice", command)
        if not result.accepted:
            raise UnableToCloseDispute(result.summary, field=result.field, value=result.value, remedy=result.remedy)

    async def _decided(self, dispute: Dispute, outcome: str, decision: str, author: str) -> Dispute:
        now = self._clock.now()
        async with self._make_work() as work:
            await work.accounts.lock(dispute.account_id)
            current = await work.dunning.dispute(dispute.account_id, dispute.dispute_id)
            if current.status != OPEN:
                return current
            values = {"status": outcome, "closed_at": now, "decision": decision}
            await work.dunning.change_dispute(dispute.account_id, dispute.dispute_id, values)
            about = f"{dispute.line_description!r} of {dispute.invoice_id}" if dispute.line_id else dispute.invoice_id
            summary = f"Dispute {dispute.dispute_id} of {about} {outcome}: {decision}"
            reason = {"rule": "a person's decision", "amount_minor": dispute.amount_minor, "reason": dispute.reason}
            reason |= {"line_id": dispute.line_id} if dispute.line_id else {}
            entry = TimelineEntry(dispute.account_id, now, "dispute_closed", summary, reason, author)
            await work.timeline.add(entry)
            await work.staff_cases.gone(kinds.DISPUTE_OPEN, dispute.account_id, dispute.dispute_id, now)
            closed = await work.dunning.dispute(dispute.account_id, dispute.dispute_id)
            await work.commit()
        return closed

    async def _tell(self, account: Account, signal: str, fact: DisputeOpened | DisputeClosed) -> None:
        try:
            await self._process.signal(account_workflow_id(account.brand, account.number), signal, fact)
        except NotFound:  # an account whose process has ended pursues nothing
            return


async def _same_open(work: UnitOfWork, invoice: Invoice, asked: _Asked) -> Dispute | None:
    """An open dispute of the same part for the same reason; of a line, zero is whatever was then left of it."""
    for one in await work.dunning.disputes(invoice.account_id):
        same_amount = one.amount_minor == asked.amount_minor or (asked.position is not None and not asked.amount_minor)
        same_part = (one.invoice_id, one.line_position, one.reason) == (
            invoice.invoice_id,
            asked.position,
            asked.reason,
        )
        if one.status == OPEN and same_part and same_amount:
            return one
    return None


async def _store(
    work: UnitOfWork, invoice: Invoice, part: DisputablePart, reason: str, author: str, now: datetime
) -> Dispute:
    dispute = await work.dunning.add_dispute(
        {
            "account_id": invoice.account_id,
            "invoice_id": invoice.invoice_id,
            "amount_minor": part.amount_minor,
            "reason": reason,
            "status": OPEN,
            "opened_at": now,
            "line_position": part.line_position,
            "line_description": part.line_description,
            "author": author,
        }
    )
    amount = Money(part.amount_minor, invoice.currency) if part.amount_minor else "all that is open"
    about = f"{part.line_description!r} on invoice" if dispute.line_id else "invoice"
    summary = f"Dispute {dispute.dispute_id}: {amount} of {about} {invoice.number} is not accepted"
    told = {"rule": "a disputed part is not pursued", "amount_minor": part.amount_minor, "reason": reason}
    told |= {"line_id": dispute.line_id} if dispute.line_id else {}
    entry = TimelineEntry(invoice.account_id, now, "dispute_opened", summary, told, author)
    await work.timeline.add(entry)
    await work.staff_cases.open_once(_needs_a_decision(dispute, f"{summary}: {reason}"), now)
    return dispute


def _needs_a_decision(dispute: Dispute, explanation: str) -> Cause:
    facts = {
        "dispute_id": dispute.dispute_id,
        "invoice_id": dispute.invoice_id,
        "amount_minor": dispute.amount_minor,
        "reason": dispute.reason,
    }
    return Cause(kinds.DISPUTE_OPEN, dispute.dispute_id, explanation, dispute.account_id, facts)


def _refuse_empty(field: str, text: str) -> None:
    if not text.strip():
        raise InvalidValue(f"A {field} is needed.", field=field, value=text, remedy="Say why, in a few words.")


def _refuse_unknown(outcome: str) -> None:
    if outcome not in (ACCEPTED, REJECTED):
        raise InvalidValue(
            "A dispute is accepted or rejected.", field="outcome", value=outcome, remedy="Use accepted or rejected."
        )
