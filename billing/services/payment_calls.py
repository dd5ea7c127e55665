"""Calling the provider for an attempt: first, again after no answer, and reading how it stands.

Rules (docs/payments.md): after an unknown outcome the provider is asked by listing the customer's payments before any
new call; the new call repeats the old one under the same key, which the provider answers from memory or refuses while
the first is still running; only an answer of 5xx, which it would replay for ever, is left behind with a new key.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from billing.domain.retry import FailureCategory
from billing.domain.staff_cases import CONFIGURATION_REFUSED
from billing.messages.payments import MethodKind, PaymentResult, PaymentStatus
from billing.ports.clock import BusinessClock
from billing.ports.payment_provider import (
    CollectCommand,
    MerchantFault,
    PaymentProvider,
    ProviderPayment,
    Unknown,
)
from billing.ports.payments import Attempt, AttemptPurpose
from billing.ports.staff_cases import Cause
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services import payment_answers as answers
from billing.services.payment_booking import book
from billing.services.payment_instruments import remember_outcome
from billing.services.payment_providers import PaymentProviders

# "On or just after" its date: a debit whose outcome was lost is not made up for later than this.
TOO_LATE = timedelta(days=3)
# The first call may still be running at the provider for as long as this, in real time.
IN_FLIGHT = timedelta(minutes=10)


class PaymentCalls:
    """One provider call and one transaction that books its answer."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, providers: PaymentProviders) -> None:
        self._make_work = make_work
        self._clock = clock
        self._providers = providers

    async def first_call(self, attempt: Attempt) -> PaymentResult:
        """Ask the provider to collect an attempt just committed."""
        return await self.book(attempt, await self._collect(attempt))

    async def ask_again(self, attempt: Attempt) -> PaymentResult:
        """Read how the attempt stands; when the provider has nothing of it, repeat the call."""
        if attempt.purpose == AttemptPurpose.TRANSFER:
            return await self._answer_of(attempt)
        provider = self._providers.of(attempt.provider)
        if attempt.provider_session and not attempt.provider_payment:
            return await self.book(attempt, await provider.pay_session(attempt.provider_session))
        if attempt.provider_session and attempt.status == PaymentStatus.ACTION_REQUIRED:
            return await self.book(attempt, await provider.pay_session(attempt.provider_session))
        if attempt.provider_payment:
            return await self.book(attempt, await provider.get(attempt.provider_payment))
        if attempt.purpose == AttemptPurpose.PAY_SESSION or attempt.settled_at is not None:
            # Ended before its answer came: what the provider made of it all the same is the customer's money.
            found = await provider.find_by_attempt(attempt.provider_customer, attempt.attempt_id)
            return await self.book(attempt, found or ProviderPayment(Unknown("nothing was made")))
        return await self._find_or_repeat(provider, attempt)

    async def _find_or_repeat(self, provider: PaymentProvider, attempt: Attempt) -> PaymentResult:
        found = await provider.find_by_attempt(attempt.provider_customer, attempt.attempt_id)
        if found is not None:
            return await self.book(attempt, found)
        if self._is_too_late(attempt):
            return await self._give_up(attempt)
        return await self.book(attempt, await self._collect(attempt))

    def _is_too_late(self, attempt: Attempt) -> bool:
        now = self._clock.now()
        waited = self._clock.segment().real(now) - (attempt.called_at or now)
        passed = attempt.debit_on is not None and now.date() > attempt.debit_on + TOO_LATE
        return passed and waited > IN_FLIGHT

    async def _give_up(self, attempt: Attempt) -> PaymentResult:
        """The provider has nothing and the date has passed: the invoices are free for a newly announced debit."""
        async with self._make_work() as work:
            await work.accounts.lock(attempt.account_id)
            current = await work.payments.attempt(attempt.account_id, attempt.attempt_id)
            assert current is not None
            if current.settled_at is not None or current.provider_payment:
                # Another call heard of the payment between our look and this lock.
                return await answers.answer(work, current)
            await work.payments.release(attempt.account_id, attempt.attempt_id)
            values = {"status": PaymentStatus.CANCELLED, "settled_at": self._clock.now()}
            await work.payments.change_attempt(attempt.account_id, attempt.attempt_id, values)
            await remember_outcome(work, attempt)
            await work.commit()
            result = await answers.answer(work, replace(attempt, status=PaymentStatus.CANCELLED))
        why = "The provider never made this payment, and its announced date has passed."
        return replace(result, status=PaymentStatus.NOTICE_MISSING, explanation=why)

    async def _collect(self, attempt: Attempt) -> ProviderPayment:
        command = await self._command(attempt)
        try:
            payment = await self._providers.of(attempt.provider).collect(command)
        except MerchantFault:
            await self._note_refusal(attempt)
            raise
        if isinstance(payment.outcome, Unknown) and payment.outcome.key_is_spent:
            await self._take_new_key(attempt)
        return payment

    async def _take_new_key(self, attempt: Attempt) -> None:
        """The provider would replay its 5xx for ever; the next call is made after asking, under a new key."""
        async with self._make_work() as work:
            account = await work.accounts.get(attempt.account_id)
            today = self._clock.now().astimezone(ZoneInfo(account.zone)).date()
            values = {"call_number": attempt.call_number + 1, "submitted_on": today}
            await work.payments.change_attempt(attempt.account_id, attempt.attempt_id, values)
            await work.commit()

    async def _note_refusal(self, attempt: Attempt) -> None:
        """The debit is held, and staff learn at once that our configuration is wrong (scenario 22)."""
        cause = Cause(
            CONFIGURATION_REFUSED,
            f"{attempt.provider}/{attempt.currency}",
            f"{attempt.provider} refuses our key, account or request; the first debit held is {attempt.attempt_id}.",
            facts={"provider": attempt.provider, "attempt_id": attempt.attempt_id},
        )
        values = {"category": FailureCategory.MERCHANT_ERROR}
        async with self._make_work() as work:
            await work.payments.change_attempt(attempt.account_id, attempt.attempt_id, values)
            await work.staff_cases.open_once(cause, self._clock.now())
            await work.commit()

    async def _command(self, attempt: Attempt) -> CollectCommand:
        async with self._make_work() as work:
            assert attempt.method_id is not None
            account = await work.accounts.get(attempt.account_id)
            method = await work.payments.method(attempt.account_id, attempt.method_id)
            mandate = await work.payments.mandate(attempt.account_id, attempt.method_id)
            numbers = await self._invoice_numbers(work, attempt)
            brand = await work.accounts.brand(account.brand)
        assert attempt.debit_on is not None
        assert attempt.submitted_on is not None
        return CollectCommand(
            account_id=attempt.account_id,
            attempt_id=attempt.attempt_id,
            idempotency_key=attempt.idempotency_key,
            amount_minor=attempt.expected_minor,
            currency=attempt.currency,
            kind=MethodKind(method.kind),
            provider_customer=attempt.provider_customer,
            provider_method=attempt.provider_method,
            submitted_on=attempt.submitted_on,
            due_date=attempt.debit_on,
            mandate=mandate.provider_mandate if mandate else "",
            description=f"{brand.name} {', '.join(numbers)}"[:200],
            invoice_numbers=numbers,
        )

    async def _invoice_numbers(self, work: UnitOfWork, attempt: Attempt) -> tuple[str, ...]:
        """From the documents, which never change: a repeated call must be the same call."""
        held = await work.payments.allocations(attempt.account_id, attempt.attempt_id)
        return tuple([(await work.invoices.get(attempt.account_id, one.invoice_id)).number for one in held])

    async def book(self, attempt: Attempt, payment: ProviderPayment) -> PaymentResult:
        """Book the provider's answer under the account's lock."""
        now = self._clock.now()
        async with self._make_work() as work:
            await work.accounts.lock(attempt.account_id)
            current = await work.payments.attempt(attempt.account_id, attempt.attempt_id)
            assert current is not None
            booked = await book(work, current, payment, now, await self._pending_days(work, current))
            result = await answers.answer(work, booked.attempt, booked.received_minor)
            await work.commit()
        return result

    async def _pending_days(self, work: UnitOfWork, attempt: Attempt) -> int:
        kind = MethodKind.SEPA_DEBIT
        if attempt.method_id is not None:
            kind = MethodKind((await work.payments.method(attempt.account_id, attempt.method_id)).kind)
        return self._providers.of(attempt.provider).capabilities(kind).settles_within_days

    async def _answer_of(self, attempt: Attempt) -> PaymentResult:
        """A transfer is booked when its statement is read: the books know all of it."""
        async with self._make_work() as work:
            return await answers.answer(work, attempt)

    async def answer_now(self, account_id: str, attempt_id: str, before: PaymentResult) -> PaymentResult:
        """The answer again, after more was booked."""
        async with self._make_work() as work:
            attempt = await work.payments.attempt(account_id, attempt_id)
            assert attempt is not None
            return await answers.answer(work, attempt, before.received_minor)
