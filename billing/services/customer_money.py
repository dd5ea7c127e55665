"""What a customer owes now, by when, and how it will be paid; what is agreed about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from billing.domain.cycle_calendar import local_date
from billing.domain.cycle_dates import MethodKind
from billing.ports.accounts import Account, Brand
from billing.ports.arrangements import StoredPlan
from billing.ports.clock import BusinessClock
from billing.ports.dunning import Promise
from billing.ports.ledger import OpenInvoice
from billing.ports.payments import PaymentMethod
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.pay_sessions import PaySessionService
from billing.services.payable import DEBIT_IN_FLIGHT


@dataclass(frozen=True)
class MoneyNow:
    """What is open, in minor units of ``currency``; dates are local.

    ``open_minor`` is undisputed, ``payable_minor`` what the customer may pay at this moment, ``reason`` why it is
    nothing. ``on`` is when the next of it is taken or due; ``debited`` says that we take it by ``method``.
    ``next_bill_on`` is when the running cycle closes.
    """

    currency: str
    bills: Sequence[OpenInvoice]
    open_minor: int
    disputed_minor: int
    payable_minor: int
    reason: str
    credit_minor: int
    on: date | None
    is_overdue: bool
    debited: bool
    method: PaymentMethod | None
    next_bill_on: date | None
    promise: Promise | None = None
    plan: StoredPlan | None = None

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
            first = min(wanted, key=lambda one: one.due_on, default=None)
            debited = first is not None and method is not None and await _is_debited(work, first)
            promises = await work.dunning.promises(account.account_id)
            return MoneyNow(
                currency=brand.currency,
                bills=bills,
                open_minor=sum(one.open_minor - one.disputed_minor for one in wanted),
                disputed_minor=sum(one.disputed_minor for one in bills),
                payable_minor=payable.amount_minor,
                reason=payable.reason,
                credit_minor=await work.ledger.credit_minor(account.account_id, brand.currency),
                on=first.due_on if first else None,
                is_overdue=first is not None and first.due_on < today,
                debited=debited,
                method=method,
                next_bill_on=local_date(cycle.closes_at, account.zone) if cycle else None,
                promise=next((one for one in promises if not one.outcome), None),
                plan=await work.arrangements.running_plan(account.account_id),
            )


async def _is_debited(work: UnitOfWork, bill: OpenInvoice) -> bool:
    """Whether its ready notice announced a debit."""
    invoice = await work.invoices.get(bill.account_id, bill.invoice_id)
    return invoice.method_kind != MethodKind.NONE.value and invoice.to_collect_minor > 0
