"""What a dunning decision needs to know, read in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.barring import is_stop
from billing.domain.dunning_policy import CaseFacts, DunningPolicy
from billing.domain.restrictions import NOTHING, Cause, in_all
from billing.domain.retry import FailureCategory, Scheme
from billing.domain.staff_cases import DECEASED, DECEASED_CODES, REPORTED_DEATH, CaseState
from billing.messages.payments import PaymentStatus
from billing.ports.accounts import Account, Brand
from billing.ports.barring import Order
from billing.ports.dunning import Case, Promise
from billing.ports.ledger import OpenInvoice
from billing.ports.payments import Attempt, AttemptPurpose, PaymentMethod
from billing.ports.unit_of_work import UnitOfWork
from billing.services.barring_holds import together
from billing.services.dunning_plans import owed_minor
from billing.services.dunning_warnings import read_warning
from billing.services.payment_instruments import scheme_of

BY_DUNNING = "dunning"
_NONE = "none"
_CATEGORIES = {category.value: category for category in FailureCategory}
_FAILURES = (PaymentStatus.FAILED, PaymentStatus.ACTION_REQUIRED, PaymentStatus.DISPUTED)


@dataclass(frozen=True)
class CaseView:
    """The facts a policy decides on, and what its decision is carried out with.

    ``pursued`` are the case's invoices with more open than disputed; ``hardest_level`` is all that dunning holds on the
    account's services, confirmed or only ordered. ``failure_codes`` are the schemes' codes of
    all tries that failed in this case, also with methods that may not be used any more; of ``asked_for_customer`` the
    bank wants the customer to prove that it is them. ``open_invoice_ids`` are the case's with anything open.
    """

    facts: CaseFacts
    pursued: Sequence[OpenInvoice]
    hardest_level: str
    failure_codes: frozenset[str] = frozenset()
    asked_for_customer: frozenset[str] = frozenset()
    open_invoice_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Instrument:
    """The method in use, with its tries since it last paid: ``last_failure`` is None for one that has not failed."""

    method: PaymentMethod | None
    tried: Sequence[Attempt]
    last_failure: Attempt | None


async def read_view(work: UnitOfWork, account: Account, case: Case, policy: DunningPolicy, now: datetime) -> CaseView:
    """The case at this moment. Overdue is what the case's invoices have open; other invoices are not yet due."""
    overdue = [
        one
        for one in await work.ledger.open_invoices(account.account_id)
        if one.invoice_id in case.invoice_ids and one.open_minor > 0
    ]
    brand = await work.accounts.brand(account.brand)
    plan = await work.arrangements.running_plan(account.account_id)
    undisputed = [one for one in overdue if one.open_minor > one.disputed_minor]
    pursued = [one for one in undisputed if plan is None or one.invoice_id not in plan.invoice_ids]
    facts = await _read_facts(work, account, brand, case, overdue, now)
    facts = replace(
        facts,
        **await read_warning(work, case, policy, now),
        planned_amount_minor=owed_minor(undisputed) - owed_minor(pursued),
        unpaid_invoices=len(pursued),
        oldest_due_on=min((one.due_on for one in pursued), default=None),
        segment=account.segment,
        rested_days=case.rested_days,
        handed_over=await _is_handed_over(work, case),
    )
    failed = await _failed_tries(work, case)
    return CaseView(
        facts,
        pursued,
        await _hardest_level(work, account.account_id),
        await _failure_codes(work, case, failed),
        frozenset(one.attempt_id for one in failed if one.status == PaymentStatus.ACTION_REQUIRED),
        tuple(one.invoice_id for one in overdue),
    )


async def _failed_tries(work: UnitOfWork, case: Case) -> list[Attempt]:
    failed = {one["attempt_id"] for one in case.failures}
    return [one for one in await work.payments.attempts(case.account_id) if one.attempt_id in failed]


async def _failure_codes(work: UnitOfWork, case: Case, failed: Sequence[Attempt]) -> frozenset[str]:
    codes = {one.code for one in failed}
    # A reported death holds for later debts too, and ends when a person closed the case about it.
    reported = await work.staff_cases.state_of(REPORTED_DEATH, case.account_id)
    if reported:
        codes = codes - DECEASED_CODES if reported == CaseState.CLOSED else codes | {DECEASED}
    return frozenset(codes)


async def _read_facts(
    work: UnitOfWork, account: Account, brand: Brand, case: Case, overdue: Sequence[OpenInvoice], now: datetime
) -> CaseFacts:
    instrument = await _instrument(work, account.account_id, now)
    failure = instrument.last_failure
    category = failure.category if failure else case.last_failure_category
    promise = _running_promise(await work.dunning.promises(account.account_id), now)
    level, barred_at = await _level_in_force(work, account.account_id, now)
    return CaseFacts(
        opened_at=case.opened_at,
        currency=brand.currency,
        open_amount_minor=sum(one.open_minor for one in overdue),
        disputed_amount_minor=sum(one.disputed_minor for one in overdue),
        zone=brand.zone,
        country=brand.country,
        steps_done=tuple(case.steps_done),
        method_usable=instrument.method is not None,
        method_untried=instrument.method is not None and failure is None,
        last_failure_category=_CATEGORIES.get(category),
        last_failure_code=failure.code if failure else "",
        scheme=scheme_of(instrument.method) if instrument.method else Scheme.CARD,
        attempt_times=tuple(one.created_at for one in instrument.tried),
        attempt_in_flight=await _is_money_under_way(work, account.account_id),
        promise_until=promise.until if promise else None,
        promised_amount_minor=(promise.amount_minor or None) if promise else None,
        hold_until=account.hold_until,
        paused=account.paused,
        barring_level=level,
        barred_at=barred_at,
        least_payable_minor=max(brand.minimum_charge_minor, 1),
    )


async def _instrument(work: UnitOfWork, account_id: str, now: datetime) -> _Instrument:
    """The method in use with its own tries: what another one suffered says nothing about it."""
    method = await work.payments.usable_method(account_id, now)
    attempts = [one for one in await work.payments.attempts(account_id) if one.purpose == AttemptPurpose.DEBIT]
    tried = [one for one in attempts if method is not None and one.method_id == method.method_id]
    ended = next((one for one in tried if one.status in (*_FAILURES, PaymentStatus.SUCCEEDED)), None)
    failed = ended is not None and ended.status in _FAILURES
    paid = [place for place, one in enumerate(tried) if one.status == PaymentStatus.SUCCEEDED]
    return _Instrument(method, tried[: min(paid, default=len(tried))], ended if failed else None)


async def _is_money_under_way(work: UnitOfWork, account_id: str) -> bool:
    """A debit or a payment by the customer whose outcome is not known; a page merely open, or waiting, is not one."""
    live = await work.payments.live_attempts(account_id)
    return any(one.status in (PaymentStatus.PENDING, PaymentStatus.UNKNOWN) for one in live)


async def _is_handed_over(work: UnitOfWork, case: Case) -> bool:
    given = await work.arrangements.hand_overs(case.account_id)
    return any(one.case_id == case.case_id and one.taken_back_at is None for one in given)


def _running_promise(promises: Sequence[Promise], now: datetime) -> Promise | None:
    """The newest promise not yet over or kept; an earlier one does not outlive it."""
    return promises[-1] if promises and promises[-1].until > now and not promises[-1].outcome else None


async def _level_in_force(work: UnitOfWork, account_id: str, now: datetime) -> tuple[str, datetime | None]:
    """What the network confirmed as restricted on every active service, and when the last bar was.

    Only what all services have, so that a bar that was withdrawn half way is ordered again when it is due again.
    """
    level = in_all(
        one.barring_level
        for one in await work.accounts.services(account_id)
        if one.active_to is None or now < one.active_to
    )
    bars = [one for one in await work.barring.orders(account_id) if _bars(one) and one.outcome == "confirmed"]
    return level, bars[-1].finished_at if bars and level != _NONE else None


async def _hardest_level(work: UnitOfWork, account_id: str) -> str:
    """What has to be lifted when the debt is paid: nothing where dunning holds nothing; a person's bar stays."""
    held = [one for one in await work.barring.held(account_id) if one.cause == Cause.DUNNING]
    union = NOTHING
    for service_id in {one.service_id for one in held}:
        union |= together(held, service_id)
    return union.level


def _bars(order: Order) -> bool:
    return order.level != _NONE and not is_stop(order.level)
