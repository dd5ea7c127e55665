"""Sending a paylink because somebody asked for it: what is open now, and where to pay it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from billing.domain.errors import UnableTo
from billing.domain.money import Money
from billing.messages.notices import NoticeKind, NoticeRequest, NoticeResult
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.ledger import OpenInvoice
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.notices import FAILED

_RULE = "a person asked for it"


class UnableToSendPaylink(UnableTo):
    """Nothing is open to be paid, or no channel reaches the customer."""


@dataclass(frozen=True)
class PaylinkRequest:
    """``command_id`` makes it count once: the same again sends nothing further.

    ``in_hurry``: a customer waits for it, so that it leaves in quiet hours too; else it is kept until they end.
    """

    account_id: str
    command_id: str
    author: str
    reason: str
    in_hurry: bool = True


class Notifier(Protocol):
    """Sends a notice, once for its occasion."""

    async def send(self, request: NoticeRequest) -> NoticeResult: ...


class PaylinkSender:
    """Tells the customer what is open, by the channels of a reminder; at once where somebody waits for it."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, notices: Notifier) -> None:
        self._make_work = make_work
        self._clock = clock
        self._notices = notices

    async def send(self, request: PaylinkRequest) -> str:
        """A sentence on what was sent. Raises NotFound, UnableToSendPaylink."""
        async with self._make_work() as work:
            await work.accounts.get(request.account_id)
            owed = [one for one in await work.ledger.open_invoices(request.account_id) if _askable(one) > 0]
        total = sum(_askable(one) for one in owed)
        if not owed:
            raise UnableToSendPaylink(
                "Nothing is open that the customer could pay.",
                field="account_id",
                value=request.account_id,
                remedy="Look at the documents; what is disputed is not asked for.",
            )
        amount = Money(total, owed[0].currency)
        result = await self._notices.send(_notice(request, owed, amount))
        if result.status == FAILED:
            raise UnableToSendPaylink(
                "No channel reached the customer.",
                field="account_id",
                value=request.account_id,
                remedy="Correct the email address or mobile number, or read the address to the customer.",
            )
        return await self._tell(request, amount, result)

    async def _tell(self, request: PaylinkRequest, amount: Money, result: NoticeResult) -> str:
        summary = f"A paylink over {amount} was sent by {' and '.join(result.channels) or 'the usual channels'}"
        reason = {"rule": _RULE, "reason": request.reason, "command_id": request.command_id}
        async with self._make_work() as work:
            await work.accounts.lock(request.account_id)
            if not await _is_told(work, request):
                entry = TimelineEntry(
                    request.account_id, self._clock.now(), "paylink_sent", summary, reason, request.author
                )
                await work.timeline.add(entry)
                await work.invoices.remember_command(
                    request.account_id, request.command_id, "send_paylink", {"summary": summary}, self._clock.now()
                )
                await work.commit()
        return summary


def _askable(one: OpenInvoice) -> int:
    """What is open and not disputed."""
    return one.open_minor - one.disputed_minor


def _notice(request: PaylinkRequest, owed: list[OpenInvoice], amount: Money) -> NoticeRequest:
    return NoticeRequest(
        request.account_id,
        NoticeKind.DUNNING_REMINDER,
        owed[0].invoice_id,
        f"asked for {request.command_id}",
        amount.amount_minor,
        amount.currency,
        invoice_ids=tuple(one.invoice_id for one in owed),
        hurry=request.in_hurry,
        keep=not request.in_hurry,
    )


async def _is_told(work: UnitOfWork, request: PaylinkRequest) -> bool:
    return await work.invoices.command_result(request.account_id, request.command_id) is not None
