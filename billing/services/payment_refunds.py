"""Refunds: asked for once, written down before the provider is called, booked from what the provider made of them."""

from __future__ import annotations

from dataclasses import replace

from billing.domain.errors import NotFound, UnableTo
from billing.domain.money import Money
from billing.messages.payments import PaymentStatus, RefundRequest
from billing.ports.accounts import TimelineEntry
from billing.ports.bank_files import BANK_FILES
from billing.ports.bank_statements import BANK_TRANSFER
from billing.ports.clock import BusinessClock
from billing.ports.payment_provider import RefundFact
from billing.ports.payments import Attempt, AttemptPurpose, Refund
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bank_payouts import account_of_payment
from billing.services.payment_providers import PaymentProviders
from billing.services.payment_reversals import book_refunds


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
        refund = Refund(
            account_id=request.account_id,
            refund_id=refund_id,
            attempt_id=request.attempt_id,
            amount_minor=amount,
            currency=attempt.currency,
            status="requested",
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
        """Carry out the refunds asked for and not yet made; True when there was one."""
        async with self._make_work() as work:
            attempt = await work.payments.attempt(account_id, attempt_id)
            waiting = [one for one in await work.payments.refunds(account_id, attempt_id) if one.status == "requested"]
        if attempt is None:
            return False
        for refund in waiting:
            provider, reference = _by_whom(attempt)
            fact = await self._providers.of(provider).refund(reference, refund.amount_minor, refund.refund_id)
            await self._book(attempt, refund, fact)
        return bool(waiting)

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


async def _left(work: UnitOfWork, attempt: Attempt) -> int:
    made = await work.payments.refunds(attempt.account_id, attempt.attempt_id)
    return attempt.received_minor - sum(one.amount_minor for one in made if one.status != "failed")


def _unable(request: RefundRequest, why: str, remedy: str) -> UnableToRefund:
    return UnableToRefund(why, field="amount_minor", value=request.amount_minor, remedy=remedy)
