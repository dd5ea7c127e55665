"""What a customer owes now, by when, and how it will be paid; what is agreed about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from billing.domain.cycle_calendar import local_date
from billing.domain.cycle_dates import MethodKind
from billing.domain.payment_plan import instalment_in_turn
from billing.messages.notices import NoticeKind
from billing.ports.accounts import Account, Brand
from billing.ports.arrangements import StoredPlan
from billing.ports.clock import BusinessClock
from billing.ports.dunning import Promise
from billing.ports.ledger import OpenInvoice
from billing.ports.notices import TAKEN
from billing.ports.payments import PaymentMethod
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.dunning_plans import instalments_of, owed_minor
from billing.services.pay_sessions import PaySessionService
from billing.services.payable import DEBIT_IN_FLIGHT

# How many of the newest notices are looked through for the date of another debit.
_NOTICES_READ = 200


@dataclass(frozen=True)
class DuePart:
    """What is due on one date: taken by us (``debited``), or to be paid by the customer; bills, or an instalment."""

    on: date
    amount_minor: int
    is_overdue: bool = False
    debited: bool = False
    is_instalment: bool = False


@dataclass(frozen=True)
class MoneyNow:
    """What is open, in minor units of ``currency``; dates are local.

    ``open_minor`` is undisputed, ``parts`` what of it is asked for and when: of a running payment plan its next
    instalment. ``payable_minor`` is what the customer may pay at this moment, ``reason`` why it is nothing.
    ``again_on`` is the announced date of another debit; ``is_held`` says that nothing is taken for now.
    ``next_bill_on`` is when the running cycle closes.
    """

    currency: str
    bills: Sequence[OpenInvoice]
    open_minor: int
    disputed_minor: int
    payable_minor: int
    reason: str
    credit_minor: int
    parts: Sequence[DuePart]
    method: PaymentMethod | None
    next_bill_on: date | None
    promise: Promise | None = None
    plan: StoredPlan | None = None
    again_on: date | None = None
    is_held: bool = False

    @property
    def to_pay_minor(self) -> int:
        """All that is asked for, now or on its date."""
        return sum(one.amount_minor for one in self.parts)

    @property
    def is_overdue(self) -> bool:
        """The day of some of it has passed."""
        return any(one.is_overdue for one in self.parts)

    @property
    def instalment(self) -> DuePart | None:
        """The next one of the running plan."""
        return next((one for one in self.parts if one.is_instalment), None)

    @property
    def is_on_its_way(self) -> bool:
        """The money is with the bank already."""
        return self.reason == DEBIT_IN_FLIGHT


class CustomerMoney:
    """Reads it."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, sessions: PaySessionService) -> None:
        self._make_work = make_work
        self._clock = clock
        self._sessions = sessions

    async def now(self, account: Account, brand: Brand) -> MoneyNow:
        """How it stands at this moment."""
        now = self._clock.now()
        today = local_date(now, account.zone)
        payable = await self._sessions.payable(account.account_id)
        async with self._make_work() as work:
            bills = [one for one in await work.ledger.open_invoices(account.account_id) if one.open_minor > 0]
            wanted = [one for one in bills if one.open_minor > one.disputed_minor]
            method = await work.payments.usable_method(account.account_id, now)
            cycle = await work.accounts.open_cycle(account.account_id)
            plan = await work.arrangements.running_plan(account.account_id)
            is_held = account.paused or (account.hold_until is not None and now < account.hold_until)
            promises = await work.dunning.promises(account.account_id)
            return MoneyNow(
                currency=brand.currency,
                bills=bills,
                open_minor=sum(one.open_minor - one.disputed_minor for one in wanted),
                disputed_minor=sum(one.disputed_minor for one in bills),
                payable_minor=payable.amount_minor,
                reason=payable.reason,
                credit_minor=await work.ledger.credit_minor(account.account_id, brand.currency),
                parts=await _parts(work, wanted, plan, today, may_debit=method is not None),
                method=method,
                next_bill_on=local_date(cycle.closes_at, account.zone) if cycle else None,
                promise=next((one for one in promises if not one.outcome), None),
                plan=plan,
                again_on=None if is_held else await _again_on(work, wanted, today),
                is_held=is_held,
            )


async def _parts(
    work: UnitOfWork, wanted: Sequence[OpenInvoice], plan: StoredPlan | None, today: date, *, may_debit: bool
) -> list[DuePart]:
    """What is asked for by date, the earliest first; bills of one date and way of paying are one part."""
    parts: dict[tuple[date, bool], int] = {}
    planned = [one for one in wanted if plan is not None and one.invoice_id in plan.invoice_ids]
    for one in wanted:
        if one not in planned:
            key = one.due_on, may_debit and await _is_debited(work, one)
            parts[key] = parts.get(key, 0) + one.open_minor - one.disputed_minor
    found = [DuePart(on, minor, on < today, debited) for (on, debited), minor in parts.items()]
    owed = owed_minor(planned)
    turn = instalment_in_turn(instalments_of(plan), plan.total_minor, owed) if plan is not None and owed else None
    if turn is not None:
        one_of_plan, left_minor = turn
        overdue = one_of_plan.due_on < today
        found.append(DuePart(one_of_plan.due_on, min(left_minor, owed), overdue, is_instalment=True))
    return sorted(found, key=lambda one: one.on)


async def _again_on(work: UnitOfWork, wanted: Sequence[OpenInvoice], today: date) -> date | None:
    """The date that the customer was told for another debit of something open, while it is still to come."""
    open_ids = {one.invoice_id for one in wanted}
    if not open_ids:
        return None
    for notice in await work.notices.of(wanted[0].account_id, _NOTICES_READ):
        is_retry = notice.kind is NoticeKind.RETRY and notice.status in TAKEN
        if is_retry and notice.named_on is not None and open_ids.intersection(notice.invoice_ids):
            return notice.named_on if notice.named_on >= today else None
    return None


async def _is_debited(work: UnitOfWork, bill: OpenInvoice) -> bool:
    """Whether its ready notice announced a debit."""
    invoice = await work.invoices.get(bill.account_id, bill.invoice_id)
    return invoice.method_kind != MethodKind.NONE.value and invoice.to_collect_minor > 0
