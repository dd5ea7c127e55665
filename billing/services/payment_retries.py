"""When a failed amount may be debited again: the scheme's rules first, then the brand's notice for retries."""

from __future__ import annotations

from billing.domain.cycle_plan import plan_retry
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.retry import FailureCategory, RetryVerdict, Scheme, may_retry
from billing.messages.payments import MethodKind, PaymentStatus, RetryPlan, RetryPlanRequest
from billing.ports.accounts import Account
from billing.ports.clock import BusinessClock
from billing.ports.ledger import OpenInvoice
from billing.ports.payments import Attempt, AttemptPurpose, PaymentMethod
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.payment_answers import collectable, collectable_of

_FAILURES = frozenset({PaymentStatus.FAILED, PaymentStatus.ACTION_REQUIRED, PaymentStatus.DISPUTED})


class RetryPlanner:
    """Plans further debits; it neither announces nor makes them."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def plan(self, request: RetryPlanRequest) -> RetryPlan:
        """The dates of a further debit of what is open now, or why there can be none."""
        async with self._make_work() as work:
            account = await work.accounts.get(request.account_id)
            invoices = await collectable_of(work, request.account_id, request.invoice_ids)
            if not invoices:
                return RetryPlan(False, "Nothing is open any more.")
            at = max(request.not_before, self._clock.now())
            method = await work.payments.usable_method(request.account_id, at)
            if method is None:
                return RetryPlan(False, "No stored method may be debited.")
            verdict = await self._verdict(work, method)
            if not verdict.allowed and verdict.not_before is None:
                return RetryPlan(False, verdict.reason)
            policy = CyclePolicy.from_dict((await work.accounts.brand(account.brand)).cycle_policy)
        return self._dated(request, account, policy, method, invoices, verdict)

    def _dated(
        self,
        request: RetryPlanRequest,
        account: Account,
        policy: CyclePolicy,
        method: PaymentMethod,
        invoices: list[OpenInvoice],
        verdict: RetryVerdict,
    ) -> RetryPlan:
        begin = max(request.not_before, self._clock.now(), verdict.not_before or request.not_before)
        dates = plan_retry(begin, policy, account.zone, MethodKind(method.kind), request.debit_on)
        open_minor = sum(collectable(one) for one in invoices)
        return RetryPlan(
            possible=True,
            explanation=verdict.reason,
            invoice_ids=tuple(one.invoice_id for one in invoices),
            amount_minor=min(open_minor, request.most_minor) if request.most_minor else open_minor,
            currency=invoices[0].currency,
            notify_at=dates.notice_at,
            submit_at=dates.submit_at,
            debit_on=dates.debit_on,
        )

    async def _verdict(self, work: UnitOfWork, method: PaymentMethod) -> RetryVerdict:
        """What the scheme allows after the instrument's last failure; a fresh instrument may be tried."""
        tried = [
            one
            for one in await work.payments.attempts(method.account_id)
            if one.method_id == method.method_id and one.purpose == AttemptPurpose.DEBIT
        ]
        last = next((one for one in tried if one.status in _FAILURES), None)
        if last is None or _succeeded_since(tried, last):
            return RetryVerdict(True, "this method has not failed")
        category = FailureCategory(last.category or FailureCategory.TECHNICAL)
        times = [one.created_at for one in tried]
        return may_retry(category, scheme_of(method), times, self._clock.now(), last.code)


def scheme_of(method: PaymentMethod) -> Scheme:
    """Whose retry rules bind this method."""
    if method.kind == MethodKind.SEPA_DEBIT:
        return Scheme.SEPA
    if method.kind == MethodKind.BACS_DEBIT:
        return Scheme.BACS
    known = {Scheme.VISA, Scheme.MASTERCARD}
    return Scheme(method.label) if method.label in known else Scheme.CARD


def _succeeded_since(tried: list[Attempt], last: Attempt) -> bool:
    return any(one.status == PaymentStatus.SUCCEEDED and one.created_at > last.created_at for one in tried)
