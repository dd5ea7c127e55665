"""Pay sessions: a provider's page for what is open now, one at a time per account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from billing.domain.cycle_calendar import local_date
from billing.domain.invoice import Section
from billing.messages.payments import MethodKind, PaymentStatus, PaySession, PaySessionRequest
from billing.ports.clock import BusinessClock
from billing.ports.ledger import OpenInvoice
from billing.ports.payment_provider import HostedPage, PaySessionCommand
from billing.ports.payments import Allocation, Attempt, AttemptPurpose
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.dunning_plans import next_part_of_plan
from billing.services.paylinks import Paylinks
from billing.services.payment_answers import collectable
from billing.services.payment_calls import PaymentCalls
from billing.services.payment_methods import MethodService
from billing.services.payment_providers import PaymentProviders

ALREADY_PAID = "already_paid"
DEBIT_IN_FLIGHT = "debit_in_flight"
BELOW_MINIMUM = "below_minimum"
MORE_THAN_OPEN = "more_than_open"
LEAVES_TOO_LITTLE = "leaves_too_little"

ASK_PAGE = timedelta(hours=1)


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
            due = await _due(work, account_id)
            amount = sum(collectable(one) for one in due)
            reason = await _reason(work, account_id, amount, brand.minimum_charge_minor)
            items = tuple([await _item(work, one) for one in due])
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
        if earlier is not None and (earlier.provider_session or earlier.purpose != AttemptPurpose.PAY_SESSION):
            return PaySession(request.attempt_id, reason="This page was closed; open a new one.")
        if earlier is not None:
            await work.payments.drop_attempt(request.account_id, request.attempt_id)
        account = await work.accounts.get(request.account_id)
        brand = await work.accounts.brand(account.brand)
        due = await _due(work, request.account_id)
        parts = _parts(due, request.amount_minor)
        amount = sum(part for _, part in parts)
        reason = await _reason(work, request.account_id, amount, brand.minimum_charge_minor)
        if not reason and request.amount_minor not in (0, amount):
            reason = MORE_THAN_OPEN
        if not reason and 0 < sum(collectable(one) for one in due) - amount < brand.minimum_charge_minor:
            reason = LEAVES_TOO_LITTLE
        if reason:
            return PaySession(request.attempt_id, amount_minor=amount, currency=brand.currency, reason=sentence(reason))
        attempt = self._frozen(request, customer, amount, due[0].currency)
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
        )

    async def _command(self, work: UnitOfWork, attempt: Attempt, request: PaySessionRequest) -> PaySessionCommand:
        account = await work.accounts.get(attempt.account_id)
        brand = await work.accounts.brand(account.brand)
        numbers = tuple(one.number for one in await _due(work, attempt.account_id))
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
        )

    async def _opened(self, attempt: Attempt, page: HostedPage) -> PaySession:
        async with self._make_work() as work:
            values = {"provider_session": page.reference, "session_url": page.url}
            await work.payments.change_attempt(attempt.account_id, attempt.attempt_id, values)
            await work.payments.remember(attempt.provider, page.reference, attempt.account_id, attempt.attempt_id)
            await work.commit()
        return _shown(replace(attempt, provider_session=page.reference, session_url=page.url))

    async def _reusable(self, request: PaySessionRequest) -> PaySession | None:
        """The open page when its amount still is what is asked for; any other page is closed first."""
        for attempt in await self._open_pages(request.account_id):
            due_minor = (await self.payable(request.account_id)).amount_minor
            wanted_minor = min(request.amount_minor or due_minor, due_minor)
            if attempt.expected_minor == wanted_minor and attempt.provider_session:
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
        if attempt.provider_session:
            provider = self._providers.of(attempt.provider)
            await self._calls.book(attempt, await provider.close_pay_session(attempt.provider_session))
            return
        async with self._make_work() as work:
            await work.accounts.lock(attempt.account_id)
            current = await work.payments.attempt(attempt.account_id, attempt.attempt_id)
            # Nobody has seen a page whose address never reached us.
            if current is not None and not current.provider_session:
                await work.payments.drop_attempt(attempt.account_id, attempt.attempt_id)
                await work.commit()

    async def _open_pages(self, account_id: str) -> list[Attempt]:
        async with self._make_work() as work:
            live = await work.payments.live_attempts(account_id)
        return [one for one in live if one.status == PaymentStatus.ACTION_REQUIRED]


async def _due(work: UnitOfWork, account_id: str) -> list[OpenInvoice]:
    """What may be paid now: open, not disputed, and not on its way to us already; of a payment plan its next part."""
    in_flight = await _in_flight(work, account_id)
    opened = await next_part_of_plan(work, account_id, await work.ledger.open_invoices(account_id))
    return [one for one in opened if collectable(one) > 0 and one.invoice_id not in in_flight]


async def _item(work: UnitOfWork, one: OpenInvoice) -> PayableItem:
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


def _parts(due: Sequence[OpenInvoice], wanted_minor: int) -> list[tuple[OpenInvoice, int]]:
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


async def _reason(work: UnitOfWork, account_id: str, amount: int, minimum: int) -> str:
    if not amount:
        return DEBIT_IN_FLIGHT if await _in_flight(work, account_id) else ALREADY_PAID
    return BELOW_MINIMUM if amount < minimum else ""


def _shown(attempt: Attempt) -> PaySession:
    return PaySession(attempt.attempt_id, attempt.session_url, attempt.expected_minor, attempt.currency)


def sentence(reason: str) -> str:
    """A reason in words for the customer or an agent."""
    return {
        ALREADY_PAID: "Everything has been paid. Thank you.",
        DEBIT_IN_FLIGHT: "A payment is already on its way. You need not do anything.",
        BELOW_MINIMUM: "The amount is too small to pay by itself; it will be part of the next invoice.",
        MORE_THAN_OPEN: "This is more than is open. Choose a smaller amount.",
        LEAVES_TOO_LITTLE: "What is left would be too little to be paid. Pay everything, or a smaller part.",
    }.get(reason, "")
