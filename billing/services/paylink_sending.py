"""Sending the paylink on purpose: what is open, and where to pay it, as a message of its own."""

from __future__ import annotations

from collections.abc import Sequence

from billing.domain.errors import UnableTo
from billing.domain.money import Money
from billing.messages.notices import NoticeKind, NoticeRequest
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.ledger import OpenInvoice
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.notices import FAILED, NoticeService


class UnableToSendPaylink(UnableTo):
    """There is nothing to pay, or nobody can be reached."""


class PaylinkSending:
    """The message is the reminder of open amounts; it waits for the end of quiet hours, and leaves once per command."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, notices: NoticeService) -> None:
        self._make_work = make_work
        self._clock = clock
        self._notices = notices

    async def send(self, account_id: str, command_id: str, author: str, reason: str) -> str:
        """What was sent, in words. The same command again sends nothing twice.

        Raises UnableToSendPaylink, NotFound for an unknown account.
        """
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            brand = await work.accounts.brand(account.brand)
            owed = await _owed(work, account_id)
        if not owed:
            raise UnableToSendPaylink(
                "Nothing is open that is not disputed.",
                field="account_id",
                value=account_id,
                remedy="Look at the account's invoices and disputes.",
            )
        amount = Money(sum(one.open_minor - one.disputed_minor for one in owed), brand.currency)
        invoice_ids = tuple(one.invoice_id for one in owed)
        request = NoticeRequest(
            account_id,
            NoticeKind.DUNNING_REMINDER,
            invoice_ids[0],
            command_id,
            amount.amount_minor,
            amount.currency,
            invoice_ids=invoice_ids,
            keep=True,
        )
        result = await self._notices.send(request)
        if result.status == FAILED:
            raise UnableToSendPaylink(
                f"No message reaches this customer: {result.explanation}.",
                field="account_id",
                value=account_id,
                remedy="Write down an email address or a mobile number.",
            )
        summary = f"Paylink over {amount} {result.status}"
        await self._write_down(account_id, command_id, author, reason, summary)
        return f"{summary}."

    async def _write_down(self, account_id: str, command_id: str, author: str, reason: str, summary: str) -> None:
        async with self._make_work() as work:
            known = await work.timeline.of(account_id)
            if any(one.reason.get("command_id") == command_id for one in known):
                return
            told = {"rule": "a person's decision", "command_id": command_id, "reason": reason}
            entry = TimelineEntry(account_id, self._clock.now(), "paylink_sent", summary, told, author)
            await work.timeline.add(entry)
            await work.commit()


async def _owed(work: UnitOfWork, account_id: str) -> Sequence[OpenInvoice]:
    """Open invoices with more open than disputed, oldest first."""
    return [one for one in await work.ledger.open_invoices(account_id) if one.open_minor > max(one.disputed_minor, 0)]
