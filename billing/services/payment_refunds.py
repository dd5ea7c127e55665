"""Refunds: asked for once, written down before the provider is called, booked from what the provider made of them.

One that the provider does not make at the moment stays asked for: whatever found it necessary goes on without it, a
person learns of it, and upkeep asks again.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from billing.domain.errors import NotFound, UnableTo
from billing.domain.money import Money
from billing.domain.staff_cases import REFUND_WAITING
from billing.messages.payments import PaymentStatus, RefundRequest
from billing.ports.accounts import TimelineEntry
from billing.ports.bank_files import BANK_FILES
from billing.ports.bank_statements import BANK_TRANSFER
from billing.ports.clock import BusinessClock
from billing.ports.payment_provider import MerchantFault, ProviderAway, ProviderFault, RefundFact
from billing.ports.payments import Attempt, AttemptPurpose, Refund
from billing.ports.staff_cases import Cause
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bank_payouts import account_of_payment
from billing.services.credit_refunds import free_credit, is_of_credit
from billing.services.payment_providers import PaymentProviders
from billing.services.payment_reversals import book_refunds

_log = logging.getLogger(__name__)
REQUESTED = "requested"


class UnableToRefund(UnableTo):
    """There is no money of this payment that could be given back."""


class RefundService:
    """Refunds by staff, and those that booking found necessary."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, providers: PaymentProviders) -> None:
        self._make_work = make_work
        self._clock = clock
        self._providers = providers

    async def refund(self, request: RefundRequest) -> str:
        """Ask for a refund and carry it out; one sentence on what became of it.

        Raises NotFound, or UnableToRefund with what is left to give back.
        """
        refund_id = request.command_id or f"{request.attempt_id}-refund-{request.amount_minor}"
        async with self._make_work() as work:
            await work.accounts.lock(request.account_id)
            refund = await work.payments.refund(request.account_id, refund_id)
            if refund is None:
                refund = await self._ask_for(work, request, refund_id)
                await work.commit()
        await self.carry_out(request.account_id, request.attempt_id)
        async with self._make_work() as work:
            done = await work.payments.refund(request.account_id, refund_id)
        if done is None or done.status == "failed":
            raise _unable(request, "The provider refuses this refund.", "See the payment at the provider.")
        if done.status == REQUESTED:
            amount = Money(refund.amount_minor, refund.currency)
            return f"A refund of {amount} is asked for; the provider has not made it yet, and is asked again by itself."
        return f"Refunded {Money(refund.amount_minor, refund.currency)}: {done.status}."

    async def _ask_for(self, work: UnitOfWork, request: RefundRequest, refund_id: str) -> Refund:
        attempt = await work.payments.attempt(request.account_id, request.attempt_id)
        if attempt is None:
            remedy = f"GET /v1/accounts/{request.account_id}/payments lists the payments there are."
            raise NotFound("There is no such payment.", field="attempt_id", value=request.attempt_id, remedy=remedy)
        if attempt.status != PaymentStatus.SUCCEEDED:
            raise _unable(
                request, f"The payment is {attempt.status}.", "Only a payment that succeeded can be refunded."
            )
        if attempt.provider in (BANK_FILES, BANK_TRANSFER):
            await _refuse_without_account(work, request, attempt)
        left = await _left(work, attempt)
        amount = request.amount_minor or left
        if not 0 < amount <= left:
            remedy = f"At most {left} minor units are left to refund."
            raise _unable(request, f"{amount} cannot be refunded.", remedy)
        if is_of_credit(refund_id, request.account_id):
            await _refuse_beyond_credit(work, request, amount, attempt.currency)
        refund = Refund(
            account_id=request.account_id,
            refund_id=refund_id,
            attempt_id=request.attempt_id,
            amount_minor=amount,
            currency=attempt.currency,
            status=REQUESTED,
            reason=request.reason,
            author=request.author,
            created_at=self._clock.now(),
        )
        await work.payments.add_refund(refund)
        await work.timeline.add(
            TimelineEntry(
                request.account_id,
                self._clock.now(),
                "refund_requested",
                f"Refund of {Money(amount, attempt.currency)} asked for.",
                {"attempt_id": attempt.attempt_id, "reason": request.reason},
                request.author,
            )
        )
        return refund

    async def carry_out(self, account_id: str, attempt_id: str) -> bool:
        """Have the refunds made that are asked for; True when the provider answered one.

        Never raises for a provider that is away or refuses.
        """
        async with self._make_work() as work:
            attempt = await work.payments.attempt(account_id, attempt_id)
            waiting = [one for one in await work.payments.refunds(account_id, attempt_id) if one.status == REQUESTED]
        if attempt is None:
            return False
        return any([await self._try(attempt, refund) for refund in waiting])

    async def make_waiting(self) -> int:
        """Ask again for refunds that were not made, over all accounts; how many were answered."""
        async with self._make_work() as work:
            waiting = await work.payments.waiting_refunds()
        payments = dict.fromkeys((one.account_id, one.attempt_id) for one in waiting)
        made = 0
        for account_id, attempt_id in payments:
            try:
                made += await self.carry_out(account_id, attempt_id)
            except Exception:
                _log.warning("the refunds of %s wait for the next round", attempt_id, exc_info=True)
        return made

    async def _try(self, attempt: Attempt, refund: Refund) -> bool:
        provider, reference = _by_whom(attempt)
        try:
            fact = await self._providers.of(provider).refund(
                reference, refund.amount_minor, refund.refund_id, refund.call_number
            )
        except ProviderFault as fault:
            _log.warning("the refund %s is not made yet", refund.refund_id, exc_info=True)
            await self._let_wait(attempt, refund, fault)
            return False
        await self._book(attempt, refund, fact)
        return True

    async def _let_wait(self, attempt: Attempt, refund: Refund, fault: ProviderFault) -> None:
        """A person learns of it; after a server error the next call has a key of its own, or would hear it again."""
        amount = Money(refund.amount_minor, refund.currency)
        why = "refuses it" if isinstance(fault, MerchantFault) else "gives no usable answer"
        explanation = f"The refund of {amount} on payment {attempt.attempt_id} is not made: the provider {why}."
        facts = {"attempt_id": attempt.attempt_id, "refund_id": refund.refund_id, "amount_minor": refund.amount_minor}
        cause = Cause(REFUND_WAITING, refund.refund_id, explanation, attempt.account_id, facts)
        async with self._make_work() as work:
            await work.accounts.lock(attempt.account_id)
            current = await work.payments.refund(attempt.account_id, refund.refund_id)
            if current is None or current.status != REQUESTED:
                return  # another call had it made meanwhile
            if isinstance(fault, ProviderAway) and fault.key_is_spent:
                values = {"call_number": refund.call_number + 1}
                await work.payments.change_refund(attempt.account_id, refund.refund_id, values)
            await work.staff_cases.see([cause], self._clock.now())
            await work.commit()

    async def _book(self, attempt: Attempt, refund: Refund, fact: RefundFact) -> None:
        async with self._make_work() as work:
            await work.accounts.lock(attempt.account_id)
            named = replace(fact, asked_as=refund.refund_id)
            await book_refunds(work, attempt, (named,), self._clock.now())
            await work.commit()


def _by_whom(attempt: Attempt) -> tuple[str, str]:
    """Who gives it back, and how that provider knows the payment: a transfer goes back by a file of payouts."""
    if attempt.purpose == AttemptPurpose.TRANSFER:
        return BANK_FILES, f"{attempt.account_id}/{attempt.attempt_id}"
    return attempt.provider, attempt.provider_payment


async def _refuse_without_account(work: UnitOfWork, request: RefundRequest, attempt: Attempt) -> None:
    if await account_of_payment(work, attempt) is None:
        remedy = "POST /v1/accounts/{account_id}/bank-payouts pays credit out to an IBAN that the customer told you."
        raise _unable(request, "No bank account of this customer is on file that it could go back to.", remedy)
    brand = (await work.accounts.get(attempt.account_id)).brand
    if await work.bank_files.creditor(brand) is None:
        remedy = f"PUT /v1/brands/{brand}/bank-creditor says which bank account the money is sent from."
        raise _unable(request, f"The brand {brand} sends no files to a bank.", remedy)


async def _refuse_beyond_credit(work: UnitOfWork, request: RefundRequest, amount: int, currency: str) -> None:
    """Between the plan and now another refund may have been asked for, or an invoice paid by the credit."""
    free = await free_credit(work, request.account_id, currency)
    if amount > free:
        remedy = f"{Money(max(free, 0), currency)} of credit are left to give back."
        raise _unable(request, f"{Money(amount, currency)} of credit are not there any more.", remedy)


async def _left(work: UnitOfWork, attempt: Attempt) -> int:
    made = await work.payments.refunds(attempt.account_id, attempt.attempt_id)
    return attempt.received_minor - sum(one.amount_minor for one in made if one.status != "failed")


def _unable(request: RefundRequest, why: str, remedy: str) -> UnableToRefund:
    return UnableToRefund(why, field="amount_minor", value=request.amount_minor, remedy=remedy)
