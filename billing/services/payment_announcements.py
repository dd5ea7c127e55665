"""The invariant before every debit of ours: a notice named at least this amount and exactly this date, in time."""

from __future__ import annotations

from datetime import date

from billing.domain.cycle_policy import CyclePolicy
from billing.messages.notices import NoticeKind
from billing.messages.payments import CollectRequest, MethodKind
from billing.ports.accounts import Brand
from billing.ports.notices import TAKEN, Notice
from billing.ports.payments import PaymentMethod
from billing.ports.unit_of_work import UnitOfWork
from billing.services.payment_instruments import tries_of


async def was_announced(
    work: UnitOfWork, request: CollectRequest, shares: dict[str, int], method: PaymentMethod, brand: Brand
) -> bool:
    """True when each invoice's debit was announced in time; for Bacs also by its own notice period.

    A notice is judged when it leaves, by the method of that day: a customer who chose Bacs afterwards is owed the
    longer notice.
    """
    amount = sum(shares.values())
    for invoice_id in shares:
        if not await work.notices.announced(request.account_id, invoice_id, amount, request.debit_on):
            return False
    return method.kind != MethodKind.BACS_DEBIT or await _in_time_for_bacs(work, request, shares, method, brand)


async def _in_time_for_bacs(
    work: UnitOfWork, request: CollectRequest, shares: dict[str, int], method: PaymentMethod, brand: Brand
) -> bool:
    policy = CyclePolicy.from_dict(brand.cycle_policy)
    debts = set(shares)
    is_again = any(one.category is not None and one.debts & debts for one in await tries_of(work, method))
    told = [one for one in await work.notices.of(request.account_id) if _names(one, request.debit_on, debts)]
    return any(_earliest(policy, one, is_again=is_again) <= request.debit_on for one in told)


def _names(notice: Notice, debit_on: date, debts: set[str]) -> bool:
    kinds = (NoticeKind.READY, NoticeKind.RETRY)
    is_told = notice.kind in kinds and notice.status in TAKEN and notice.sent_on is not None
    return is_told and notice.named_on == debit_on and bool(debts & {notice.subject, *notice.invoice_ids})


def _earliest(policy: CyclePolicy, notice: Notice, *, is_again: bool) -> date:
    assert notice.sent_on is not None
    if notice.kind is NoticeKind.RETRY and is_again:
        return policy.earliest_retry(notice.sent_on, MethodKind.BACS_DEBIT)
    return policy.earliest_debit(notice.sent_on, MethodKind.BACS_DEBIT)
