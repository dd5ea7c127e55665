"""Collect, settle and refund: the only place from which money is asked of a customer's method.

The attempt with its allocation is committed before the provider is called, and its id is the idempotency key. Whatever
happens in between, repeating the same request finds the attempt, asks the provider what it knows of it, and books that;
it charges again only when the provider has nothing, and then under the same key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from billing.domain.errors import NotFound
from billing.domain.ledger import spread
from billing.domain.money import Money
from billing.messages.payments import (
    AttemptQuery,
    CollectRequest,
    MethodInUse,
    MethodReview,
    PaymentResult,
    PaymentStatus,
    PaySession,
    PaySessionRequest,
    RefundRequest,
    RetryPlan,
    RetryPlanRequest,
)
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.payments import Allocation, Attempt, AttemptPurpose, PaymentMethod
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services import payment_answers as answers
from billing.services.pay_sessions import PaySessionService
from billing.services.paylinks import Paylinks
from billing.services.payment_announcements import was_announced
from billing.services.payment_calls import PaymentCalls
from billing.services.payment_instruments import end_where_forbidden, remember_try, scheme_allows, scheme_of
from billing.services.payment_methods import MethodService
from billing.services.payment_providers import PaymentProviders
from billing.services.payment_refunds import RefundService
from billing.services.payment_retries import RetryPlanner

ASK_HELD_UP = timedelta(days=1)


class PaymentService:
    """The payment use cases as the process calls them; ``providers`` are the vendors, ``paylinks`` our addresses."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, providers: PaymentProviders, paylinks: Paylinks
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._providers = providers
        self._calls = PaymentCalls(make_work, clock, providers)
        self._refunds = RefundService(make_work, clock, providers)
        self._sessions = PaySessionService(make_work, clock, providers, paylinks, self._calls)
        self._methods = MethodService(make_work, clock, providers)
        self._retries = RetryPlanner(make_work, clock)

    async def collect(self, request: CollectRequest) -> PaymentResult:
        """Debit what is open now of the invoices, at most the announced amount, by the method in use.

        Raises ProviderBusy and MerchantFault, to be called again; never charges twice for one ``attempt_id``.
        """
        await self._sessions.close_open(request.account_id)
        async with self._make_work() as work:
            account = await work.accounts.lock(request.account_id)
            attempt = await work.payments.attempt(request.account_id, request.attempt_id)
            if attempt is None:
                prepared = await self._prepare(work, account, request)
                if isinstance(prepared, PaymentResult):
                    return prepared
                attempt = prepared
                await work.commit()
                is_new = True
            else:
                is_new = False
        return await self._go_on(attempt, is_new=is_new)

    async def _prepare(self, work: UnitOfWork, account: Account, request: CollectRequest) -> Attempt | PaymentResult:
        """Freeze method, amount and allocation; or say why there is nothing to do."""
        invoices = await answers.collectable_of(work, request.account_id, request.invoice_ids)
        shares = spread(request.announced_minor, [(one.invoice_id, answers.collectable(one)) for one in invoices])
        amount = sum(shares.values())
        brand = await work.accounts.brand(account.brand)
        if amount < max(brand.minimum_charge_minor, 1):
            why = "Nothing is open any more." if not amount else "What is open is below the smallest amount to debit."
            return await answers.answer_without_attempt(work, request, PaymentStatus.NOTHING_TO_COLLECT, why)
        held = await self._held_by_another(work, request, shares)
        if held is not None:
            return held
        method = await work.payments.usable_method(request.account_id, _debit_instant(request, self._clock.now()))
        if method is None:
            why = "No stored method may be debited on that date."
            return await answers.answer_without_attempt(work, request, PaymentStatus.METHOD_MISSING, why)
        forbidden = await self._forbidden_by_scheme(work, request, method)
        if forbidden is not None:
            return forbidden
        if not await was_announced(work, request, shares, method, brand):
            why = f"No notice named {Money(amount, request.currency)} on {request.debit_on} in time."
            return await answers.answer_without_attempt(work, request, PaymentStatus.NOTICE_MISSING, why)
        return await self._freeze(work, account, request, method, shares)

    async def _forbidden_by_scheme(
        self, work: UnitOfWork, request: CollectRequest, method: PaymentMethod
    ) -> PaymentResult | None:
        """The scheme counts tries per card, whichever account makes them: too many wait, a card ended is ended."""
        verdict = await scheme_allows(work, method, self._clock.now())
        if verdict.allowed:
            return None
        status = PaymentStatus.NOTICE_MISSING  # a later date, announced anew
        if await end_where_forbidden(work, method, verdict.reason):
            status = PaymentStatus.METHOD_MISSING
        reason = {
            "rule": f"limits of {scheme_of(method)}",
            "method_id": method.method_id,
            "why": verdict.reason,
            "attempt_id": request.attempt_id,
            "debit_on": request.debit_on.isoformat(),
        }
        summary = f"Not debited: {verdict.reason}."
        entry = TimelineEntry(request.account_id, self._clock.now(), "debit_forbidden", summary, reason)
        await work.timeline.add_once(entry, ("method_id", "attempt_id", "debit_on"))
        await work.commit()
        return await answers.answer_without_attempt(work, request, status, verdict.reason)

    async def _freeze(
        self,
        work: UnitOfWork,
        account: Account,
        request: CollectRequest,
        method: PaymentMethod,
        shares: dict[str, int],
    ) -> Attempt:
        now = self._clock.now()
        attempt = Attempt(
            account_id=request.account_id,
            attempt_id=request.attempt_id,
            purpose=AttemptPurpose.DEBIT,
            provider=method.provider,
            expected_minor=sum(shares.values()),
            currency=request.currency,
            status=PaymentStatus.UNKNOWN,
            created_at=now,
            method_id=method.method_id,
            provider_customer=method.provider_customer,
            provider_method=method.provider_method,
            debit_on=request.debit_on,
            submitted_on=now.astimezone(ZoneInfo(account.zone)).date(),
            called_at=self._clock.segment().real(now),
        )
        allocations = [Allocation(request.account_id, request.attempt_id, one, share) for one, share in shares.items()]
        await work.payments.add_attempt(attempt, allocations)
        await remember_try(work, method, attempt)
        summary = f"Debit of {Money(attempt.expected_minor, attempt.currency)} for {request.debit_on} handed in."
        reason = {"attempt_id": attempt.attempt_id, "method_id": method.method_id, "shares": shares}
        await work.timeline.add(TimelineEntry(attempt.account_id, now, "payment_started", summary, reason))
        return attempt

    async def _held_by_another(
        self, work: UnitOfWork, request: CollectRequest, shares: dict[str, int]
    ) -> PaymentResult | None:
        for other in await work.payments.live_attempts(request.account_id):
            held = await work.payments.allocations(request.account_id, other.attempt_id)
            if any(one.invoice_id in shares for one in held):
                until = other.expected_by or self._clock.now() + ASK_HELD_UP
                return await answers.held_up(work, request.account_id, request.attempt_id, other, until)
        return None

    async def _go_on(self, attempt: Attempt, *, is_new: bool = False) -> PaymentResult:
        """Bring an attempt to its outcome: call, ask, book, and carry out the refunds that booking asked for."""
        result = await self._calls.first_call(attempt) if is_new else await self._calls.ask_again(attempt)
        if await self._refunds.carry_out(attempt.account_id, attempt.attempt_id):
            return await self._calls.answer_now(attempt.account_id, attempt.attempt_id, result)
        return result

    async def settle(self, query: AttemptQuery) -> PaymentResult:
        """Re-read the payment at the provider and book what it says; repeating changes nothing more."""
        async with self._make_work() as work:
            attempt = await work.payments.attempt(query.account_id, query.attempt_id)
            if attempt is None:
                return await self._never_begun(work, query)
        return await self._go_on(attempt)

    async def _never_begun(self, work: UnitOfWork, query: AttemptQuery) -> PaymentResult:
        """A collect that waited for another payment left no attempt: wait on, or announce anew."""
        await work.accounts.get(query.account_id)
        live = await work.payments.live_attempts(query.account_id)
        if live:
            until = self._clock.now() + ASK_HELD_UP
            return await answers.held_up(work, query.account_id, query.attempt_id, live[0], until)
        due = await answers.open_minor(work, query.account_id)
        status = PaymentStatus.NOTICE_MISSING if due else PaymentStatus.NOTHING_TO_COLLECT
        why = "This attempt was never begun."
        owed = await answers.owed_of(work, query.account_id)
        return PaymentResult(query.attempt_id, status, open_minor=due, explanation=why, owed_invoice_ids=owed)

    async def history(self, account_id: str) -> Sequence[Attempt]:
        """Every try at a payment, newest first."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            return await work.payments.attempts(account_id)

    async def refund(self, request: RefundRequest) -> PaymentResult:
        """Give a payment back, all of it when the amount is zero; once per ``command_id``."""
        explanation = await self._refunds.refund(request)
        async with self._make_work() as work:
            attempt = await work.payments.attempt(request.account_id, request.attempt_id)
            if attempt is None:
                raise NotFound("There is no such payment.", field="attempt_id", value=request.attempt_id)
            return await answers.answer(work, attempt, explanation=explanation)

    async def make_refunds(self) -> int:
        """Ask again for the refunds that providers have not made yet; how many were answered."""
        return await self._refunds.make_waiting()

    async def open_pay_session(self, request: PaySessionRequest) -> PaySession:
        """Open the page where the customer pays what is open now."""
        return await self._sessions.open(request)

    async def review_method(self, request: MethodReview) -> MethodInUse:
        """What would be debited now; a named method becomes the one in use first, when it may be."""
        return await self._methods.review(request)

    async def plan_retry(self, request: RetryPlanRequest) -> RetryPlan:
        """When the failed amount may be debited again, if at all."""
        return await self._retries.plan(request)


def _debit_instant(request: CollectRequest, now: datetime) -> datetime:
    """A card must live on the day it is charged, not only on the day the debit is handed in."""
    return max(now, datetime.combine(request.debit_on, time(12), UTC))
