"""What of an account may be paid on a page now, and why nothing may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from billing.domain.invoice import Section
from billing.messages.payments import MethodKind, PaymentStatus
from billing.ports.ledger import OpenInvoice
from billing.ports.unit_of_work import UnitOfWork
from billing.services.dunning_plans import next_part_of_plan
from billing.services.payment_answers import collectable

ALREADY_PAID = "already_paid"
DEBIT_IN_FLIGHT = "debit_in_flight"
BELOW_MINIMUM = "below_minimum"
MORE_THAN_OPEN = "more_than_open"
LEAVES_TOO_LITTLE = "leaves_too_little"


@dataclass(frozen=True)
class PayableItem:
    """What is open of one invoice and may be paid now; ``fees`` are its charges for reminders and the like, net.

    ``is_debited`` says that its ready notice announced a debit.
    """

    number: str
    period_from: date
    last_day: date
    due_on: date
    open_minor: int
    fees: tuple[tuple[str, int], ...] = ()
    is_debited: bool = False


@dataclass(frozen=True)
class PayableNow:
    """What a customer would pay now: the amount and what it is for, or the reason why there is nothing to pay.

    ``least_minor`` is the smallest part that may be paid, ``most_part_minor`` the largest one that leaves enough to be
    paid by itself (0: only everything can be paid); ``disputed_minor`` is open and not asked for.
    """

    account_id: str
    brand: str
    brand_name: str
    masked_number: str
    amount_minor: int
    currency: str
    locale: str
    reason: str = ""
    items: tuple[PayableItem, ...] = ()
    disputed_minor: int = 0
    least_minor: int = 0
    account_url: str = ""
    today: date | None = None
    most_part_minor: int = 0

    def leaves_too_little(self, part_minor: int) -> bool:
        """True when so little would be left after paying a part that nobody could pay it."""
        return self.most_part_minor < part_minor < self.amount_minor


async def payable_invoices(work: UnitOfWork, account_id: str) -> list[OpenInvoice]:
    """What may be paid now: open, not disputed, and not on its way to us already; of a payment plan its next part."""
    in_flight = await _in_flight(work, account_id)
    opened = await next_part_of_plan(work, account_id, await work.ledger.open_invoices(account_id))
    return [one for one in opened if collectable(one) > 0 and one.invoice_id not in in_flight]


async def item_of(work: UnitOfWork, one: OpenInvoice) -> PayableItem:
    """What a customer reads about one open invoice."""
    invoice = await work.invoices.get(one.account_id, one.invoice_id)
    lines = await work.invoices.lines(one.account_id, one.invoice_id)
    fees = tuple(
        (line.description, line.amount.amount_minor)
        for line in lines
        if line.section is Section.ADJUSTMENT and line.amount.amount_minor > 0
    )
    is_debited = invoice.method_kind != MethodKind.NONE.value and invoice.to_collect_minor > 0
    last_day = invoice.period_to - timedelta(days=1)
    return PayableItem(one.number, invoice.period_from, last_day, one.due_on, collectable(one), fees, is_debited)


def parts_of(due: Sequence[OpenInvoice], wanted_minor: int) -> list[tuple[OpenInvoice, int]]:
    """What of each invoice is paid by ``wanted_minor`` (0: all that is due): the oldest first."""
    parts, left = [], wanted_minor or sum(collectable(one) for one in due)
    for one in due:
        part = min(left, collectable(one))
        if part > 0:
            parts.append((one, part))
            left -= part
    return parts


async def _in_flight(work: UnitOfWork, account_id: str) -> set[str]:
    """Invoices held by a payment whose outcome is not known; an open page holds none against a newer page."""
    held: set[str] = set()
    for attempt in await work.payments.live_attempts(account_id):
        if attempt.status != PaymentStatus.ACTION_REQUIRED:
            allocated = await work.payments.allocations(account_id, attempt.attempt_id)
            held |= {one.invoice_id for one in allocated}
    return held


async def reason_against(work: UnitOfWork, account_id: str, amount: int, minimum: int) -> str:
    """Why ``amount`` (minor units) cannot be paid now; empty when it can."""
    if not amount:
        return DEBIT_IN_FLIGHT if await _in_flight(work, account_id) else ALREADY_PAID
    return BELOW_MINIMUM if amount < minimum else ""


def sentence(reason: str) -> str:
    """A reason in words for the customer or an agent."""
    return {
        ALREADY_PAID: "Everything has been paid. Thank you.",
        DEBIT_IN_FLIGHT: "A payment is already on its way. You need not do anything.",
        BELOW_MINIMUM: "The amount is too small to pay by itself; it will be part of the next invoice.",
        MORE_THAN_OPEN: "This is more than is open. Choose a smaller amount.",
        LEAVES_TOO_LITTLE: "What is left would be too little to be paid. Pay everything, or a smaller part.",
    }.get(reason, "")
