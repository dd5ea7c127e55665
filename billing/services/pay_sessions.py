"""Pay sessions: a provider's page for what is open now, one at a time per account."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from billing.domain.cycle_calendar import local_date
from billing.messages.payments import PaymentStatus, PaySession, PaySessionRequest
from billing.ports.clock import BusinessClock
from billing.ports.payment_provider import HostedPage, PaySessionCommand
from billing.ports.payments import Allocation, Attempt, AttemptPurpose
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.payable import (
    LEAVES_TOO_LITTLE,
    MORE_THAN_OPEN,
    PayableNow,
    item_of,
    parts_of,
    payable_invoices,
    reason_against,
    sentence,
)
from billing.services.paylinks import Paylinks
from billing.services.payment_answers import collectable
from billing.services.payment_calls import PaymentCalls
from billing.services.payment_methods import MethodService
from billing.services.payment_providers import PaymentProviders

CLOSED = "This page was closed; open a new one."

ASK_PAGE = timedelta(hours=1)


class PaySessionService:
    """Opens, reuses and closes the pages."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        providers: PaymentProviders,
        paylinks: Paylinks,
        calls: PaymentCalls,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._providers = providers
        self._paylinks = paylinks
        self._calls = calls
        self._methods = MethodService(make_work, clock, providers)

    async def payable(self, account_id: str) -> PayableNow:
        """What is open now over all invoices, with no more of the account than its last digits."""
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            brand = await work.accounts.brand(account.brand)
            due = await payable_invoices(work, account_id)
            amount = sum(collectable(one) for one in due)
            reason = await reason_against(work, account_id, amount, brand.minimum_charge_minor)
            items = tuple([await item_of(work, one) for one in due])
            least = max(brand.minimum_charge_minor, 1)
        return PayableNow(
            account_id=account_id,
            brand=brand.brand,
            brand_name=brand.name,
            masked_number="•••" + account.number[-3:],
            amount_minor=amount,
            currency=brand.currency,
            locale=account.locale,
            reason=reason,
            items=items,
            disputed_minor=sum(one.disputed_minor for one in due),
            least_minor=min(least, amount),
            most_part_minor=amount - least if amount >= 2 * least else 0,
            account_url=brand.account_url,
            today=local_date(self._clock.now(), account.zone),
        )

    async def open(self, request: PaySessionRequest) -> PaySession:
        """The page for what is open now: the one that is open already when its amount still holds, else a new one."""
        kept = await self._reusable(request)
        if kept is not None:
            return kept
        customer = await self._methods.ensure_customer(request.account_id)
        async with self._make_work() as work:
            await work.accounts.lock(request.account_id)
            attempt = await self._begin(work, request, customer)
            if isinstance(attempt, PaySession):
                return attempt
            command = await self._command(work, attempt, request)
            await work.commit()
        page = await self._providers.of(attempt.provider).open_pay_session(command)
        return await self._opened(attempt, page)

    async def _begin(self, work: UnitOfWork, request: PaySessionRequest, customer: str) -> Attempt | PaySession:
        """Freeze the amount and hold the invoices, unless there is nothing to pay or a debit holds them."""
        earlier = await work.payments.attempt(request.account_id, request.attempt_id)
        if earlier is not None and not _is_being_opened(earlier):
            return PaySession(request.attempt_id, reason=CLOSED)
        if earlier is not None:
            # The same call again: the try is frozen anew under its name, never left without its row.
            await work.payments.drop_attempt(request.account_id, request.attempt_id)
        account = await work.accounts.get(request.account_id)
        brand = await work.accounts.brand(account.brand)
        due = await payable_invoices(work, request.account_id)
        parts = parts_of(due, request.amount_minor)
        amount = sum(part for _, part in parts)
        reason = await reason_against(work, request.account_id, amount, brand.minimum_charge_minor)
        if not reason and request.amount_minor not in (0, amount):
            reason = MORE_THAN_OPEN
        if not reason and 0 < sum(collectable(one) for one in due) - amount < brand.minimum_charge_minor:
            reason = LEAVES_TOO_LITTLE
        if reason:
            return PaySession(request.attempt_id, amount_minor=amount, currency=brand.currency, reason=sentence(reason))
        attempt = self._frozen(request, customer, amount, due[0].currency)
        if earlier is not None:
            # That call's answer was lost, or a server error that the provider would replay under its key.
            attempt = replace(attempt, call_number=earlier.call_number + 1)
        held = [Allocation(request.account_id, request.attempt_id, one.invoice_id, part) for one, part in parts]
        await work.payments.add_attempt(attempt, held)
        return attempt

    def _frozen(self, request: PaySessionRequest, customer: str, amount: int, currency: str) -> Attempt:
        now = self._clock.now()
        return Attempt(
            account_id=request.account_id,
            attempt_id=request.attempt_id,
            purpose=AttemptPurpose.PAY_SESSION,
            provider=self._providers.chosen.name,
            expected_minor=amount,
            currency=currency,
            status=PaymentStatus.ACTION_REQUIRED,
            created_at=now,
            provider_customer=customer,
            expected_by=now + ASK_PAGE,
            called_at=self._clock.segment().real(now),
            return_url=request.return_url,
        )

    async def _command(self, work: UnitOfWork, attempt: Attempt, request: PaySessionRequest) -> PaySessionCommand:
        account = await work.accounts.get(attempt.account_id)
        brand = await work.accounts.brand(account.brand)
        numbers = tuple(one.number for one in await payable_invoices(work, attempt.account_id))
        paylink = await self._paylinks.within(work, attempt.account_id)
        return PaySessionCommand(
            account_id=attempt.account_id,
            attempt_id=attempt.attempt_id,
            amount_minor=attempt.expected_minor,
            currency=attempt.currency,
            provider_customer=attempt.provider_customer,
            purpose=f"{brand.name} {', '.join(numbers)}"[:200],
            return_url=request.return_url or f"{paylink}/done",
            # Whoever turns back has not paid: not where a payment is waited for.
            cancel_url=request.return_url.removesuffix("/done") or paylink,
            locale=account.locale.split("_")[0],
            invoice_numbers=numbers,
            call_number=attempt.call_number,
        )

    async def _opened(self, attempt: Attempt, page: HostedPage) -> PaySession:
        """Keep the page; when another call, or a debit, came first meanwhile, nobody may pay on it any more."""
        async with self._make_work() as work:
            await work.accounts.lock(attempt.account_id)
            current = await work.payments.attempt(attempt.account_id, attempt.attempt_id)
            assert current is not None
            if not current.provider_session and current.expected_minor == attempt.expected_minor:
                values = {"provider_session": page.reference, "session_url": page.url}
                await work.payments.change_attempt(attempt.account_id, attempt.attempt_id, values)
                current = replace(current, provider_session=page.reference, session_url=page.url)
            await work.payments.remember(attempt.provider, page.reference, attempt.account_id, attempt.attempt_id)
            await work.commit()
        if current.settled_at is None and current.provider_session == page.reference:
            return _shown(current)
        closed = await self._providers.of(attempt.provider).close_pay_session(page.reference)
        if current.provider_session == page.reference:
            await self._calls.book(current, closed)
        return await self._instead_of(attempt)

    async def _instead_of(self, attempt: Attempt) -> PaySession:
        """What a call answers that was overtaken: the page that came first when it is the same to the customer."""
        for one in await self._open_pages(attempt.account_id):
            if one.session_url and _is_like(one, attempt.expected_minor, attempt.return_url):
                return _shown(one)
        return PaySession(attempt.attempt_id, reason=CLOSED)

    async def _reusable(self, request: PaySessionRequest) -> PaySession | None:
        """The open page when it still is what is asked for; any other page is closed first."""
        async with self._make_work() as work:
            earlier = await work.payments.attempt(request.account_id, request.attempt_id)
        if earlier is not None and earlier.settled_at is not None:
            return await self._instead_of(earlier)
        for attempt in await self._open_pages(request.account_id):
            if attempt.attempt_id == request.attempt_id and not attempt.provider_session:
                continue
            due_minor = (await self.payable(request.account_id)).amount_minor
            wanted_minor = min(request.amount_minor or due_minor, due_minor)
            if attempt.provider_session and _is_like(attempt, wanted_minor, request.return_url):
                result = await self._calls.ask_again(attempt)
                if result.status == PaymentStatus.ACTION_REQUIRED:
                    return _shown(attempt)
            else:
                await self._close(attempt)
        return None

    async def close_open(self, account_id: str) -> None:
        """Close the account's open page before a debit; one that was paid meanwhile is booked."""
        for attempt in await self._open_pages(account_id):
            await self._close(attempt)

    async def _close(self, attempt: Attempt) -> None:
        if not attempt.provider_session:
            attempt = await self._withdraw(attempt)
        if attempt.provider_session:
            provider = self._providers.of(attempt.provider)
            await self._calls.book(attempt, await provider.close_pay_session(attempt.provider_session))

    async def _withdraw(self, attempt: Attempt) -> Attempt:
        """End a try whose page is not known yet, unless it became known meanwhile; the try as it stands then.

        Its row stays: the call that opens the page may be under way, closes it when it is back, and finds by the row
        whose the money is if the customer was faster.
        """
        async with self._make_work() as work:
            await work.accounts.lock(attempt.account_id)
            current = await work.payments.attempt(attempt.account_id, attempt.attempt_id)
            assert current is not None
            if _is_being_opened(current):
                await work.payments.release(attempt.account_id, attempt.attempt_id)
                values = {"status": PaymentStatus.CANCELLED, "settled_at": self._clock.now()}
                await work.payments.change_attempt(attempt.account_id, attempt.attempt_id, values)
                await work.commit()
        return current

    async def _open_pages(self, account_id: str) -> list[Attempt]:
        async with self._make_work() as work:
            live = await work.payments.live_attempts(account_id)
        return [one for one in live if one.status == PaymentStatus.ACTION_REQUIRED]


def _is_being_opened(attempt: Attempt) -> bool:
    """A page was asked for and its address has not reached us."""
    is_page = attempt.purpose == AttemptPurpose.PAY_SESSION
    return is_page and not attempt.provider_session and attempt.settled_at is None


def _is_like(attempt: Attempt, amount_minor: int, return_url: str) -> bool:
    """The page shows this amount and leads back to the same door."""
    return (attempt.expected_minor, attempt.return_url) == (amount_minor, return_url)


def _shown(attempt: Attempt) -> PaySession:
    return PaySession(attempt.attempt_id, attempt.session_url, attempt.expected_minor, attempt.currency)
