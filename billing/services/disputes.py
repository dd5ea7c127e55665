"""Disputes: what a customer does not accept is not pursued until a person decides.

The disputed part leaves what is collected, dunned and barred for the moment a dispute is stored; the rest goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from billing.domain.errors import InvalidValue, NotFound, UnableTo
from billing.domain.money import Money
from billing.messages.account import DisputeClosed, DisputeOpened, WaiveInvoice
from billing.messages.identities import account_workflow_id
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.dunning import Dispute
from billing.ports.invoicing import Invoice
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

OPEN, ACCEPTED, REJECTED = "open", "accepted", "rejected"


class UnableToDispute(UnableTo):
    """There is nothing on the invoice to dispute."""


class UnableToCloseDispute(UnableTo):
    """The dispute was decided otherwise before."""


class DisputeService:
    """Opens and decides disputes; the account's process is told, and dunning by it."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, process: Process) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process

    async def open(self, account_id: str, invoice_id: str, amount_minor: int, reason: str, author: str) -> Dispute:
        """Dispute ``amount_minor`` of an invoice (gross), or all that is open on it (zero).

        The same dispute again answers the one that is open. Raises NotFound, InvalidValue, UnableToDispute.
        """
        _refuse_empty("reason", reason)
        async with self._make_work() as work:
            account = await work.accounts.lock(account_id)
            invoice = await work.invoices.get(account_id, invoice_id)
            dispute = await _same_open(work, invoice, amount_minor, reason)
            if dispute is None:
                await _refuse_excess(work, invoice, amount_minor)
                dispute = await _store(work, invoice, amount_minor, reason, author, self._clock.now())
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
            f"{dispute.dispute_id}-accepted", author, decision, dispute.invoice_id, dispute.amount_minor
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
            summary = f"Dispute {dispute.dispute_id} of {dispute.invoice_id} {outcome}: {decision}"
            reason = {"rule": "a person's decision", "amount_minor": dispute.amount_minor, "reason": dispute.reason}
            entry = TimelineEntry(dispute.account_id, now, "dispute_closed", summary, reason, author)
            await work.timeline.add(entry)
            closed = await work.dunning.dispute(dispute.account_id, dispute.dispute_id)
            await work.commit()
        return closed

    async def _tell(self, account: Account, signal: str, fact: DisputeOpened | DisputeClosed) -> None:
        try:
            await self._process.signal(account_workflow_id(account.brand, account.number), signal, fact)
        except NotFound:  # an account whose process has ended pursues nothing
            return


async def _same_open(work: UnitOfWork, invoice: Invoice, amount_minor: int, reason: str) -> Dispute | None:
    wanted = (invoice.invoice_id, amount_minor, reason, OPEN)
    for one in await work.dunning.disputes(invoice.account_id):
        if (one.invoice_id, one.amount_minor, one.reason, one.status) == wanted:
            return one
    return None


async def _refuse_excess(work: UnitOfWork, invoice: Invoice, amount_minor: int) -> None:
    opened = await work.ledger.open_invoices(invoice.account_id)
    left = next((one.open_minor - one.disputed_minor for one in opened if one.invoice_id == invoice.invoice_id), 0)
    if left <= 0:
        raise UnableToDispute(
            f"Nothing undisputed is open on invoice {invoice.number}.",
            field="invoice_id",
            value=invoice.invoice_id,
            remedy="Refund the payment, or adjust the next invoice with a negative amount.",
        )
    if not 0 <= amount_minor <= left:
        raise InvalidValue(
            f"Of invoice {invoice.number}, {Money(left, invoice.currency)} can be disputed.",
            field="amount_minor",
            value=amount_minor,
            remedy=f"Use 1 to {left} minor units, or 0 for all that is open.",
        )


async def _store(
    work: UnitOfWork, invoice: Invoice, amount_minor: int, reason: str, author: str, now: datetime
) -> Dispute:
    dispute = await work.dunning.add_dispute(
        {
            "account_id": invoice.account_id,
            "invoice_id": invoice.invoice_id,
            "amount_minor": amount_minor,
            "reason": reason,
            "status": OPEN,
            "opened_at": now,
        }
    )
    amount = Money(amount_minor, invoice.currency) if amount_minor else "all that is open"
    summary = f"Dispute {dispute.dispute_id}: {amount} of invoice {invoice.number} is not accepted"
    told = {"rule": "a disputed part is not pursued", "amount_minor": amount_minor, "reason": reason}
    entry = TimelineEntry(invoice.account_id, now, "dispute_opened", summary, told, author)
    await work.timeline.add(entry)
    return dispute


def _refuse_empty(field: str, text: str) -> None:
    if not text.strip():
        raise InvalidValue(f"A {field} is needed.", field=field, value=text, remedy="Say why, in a few words.")


def _refuse_unknown(outcome: str) -> None:
    if outcome not in (ACCEPTED, REJECTED):
        raise InvalidValue(
            "A dispute is accepted or rejected.", field="outcome", value=outcome, remedy="Use accepted or rejected."
        )
