"""What a dunning decision needs to know, read in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from billing.domain.barring import BarringLevel
from billing.domain.dunning_policy import CaseFacts
from billing.domain.retry import FailureCategory, Scheme
from billing.messages.notices import NoticeKind
from billing.messages.payments import MethodKind
from billing.ports.accounts import Account
from billing.ports.dunning import Case, Promise
from billing.ports.payments import AttemptPurpose, PaymentMethod
from billing.ports.unit_of_work import UnitOfWork

_CATEGORIES = {category.value: category for category in FailureCategory}
_SCHEMES = {"visa": Scheme.VISA, "mastercard": Scheme.MASTERCARD}


async def read_facts(work: UnitOfWork, account: Account, case: Case, now: datetime) -> CaseFacts:
    """The case at this moment. Overdue is what the case's invoices have open; other invoices are not yet due."""
    overdue = [one for one in await work.ledger.open_invoices(account.account_id) if one.invoice_id in case.invoice_ids]
    brand = await work.accounts.brand(account.brand)
    method = await work.payments.usable_method(account.account_id, now)
    attempts = await work.payments.attempts(account.account_id)
    promise = _running_promise(await work.dunning.promises(account.account_id), now)
    level, barred_at = await _level_in_force(work, account.account_id)
    warned_at = await work.notices.last_accepted(account.account_id, NoticeKind.BARRING_WARNING, case.case_id)
    delivered_at = await work.notices.last_delivered(account.account_id, NoticeKind.BARRING_WARNING, case.case_id)
    return CaseFacts(
        opened_at=case.opened_at,
        currency=brand.currency,
        open_amount_minor=sum(one.open_minor for one in overdue if one.open_minor > 0),
        disputed_amount_minor=await _disputed(work, case),
        zone=brand.zone,
        country=brand.country,
        steps_done=tuple(case.steps_done),
        method_usable=method is not None,
        last_failure_category=_CATEGORIES.get(case.last_failure_category),
        last_failure_code=next((one.code for one in reversed(attempts) if one.code), ""),
        scheme=_scheme_of(method),
        attempt_times=tuple(one.created_at for one in attempts if method and one.method_id == method.method_id),
        attempt_in_flight=bool(
            [
                one
                for one in await work.payments.live_attempts(account.account_id)
                if one.purpose == AttemptPurpose.DEBIT
            ]
        ),
        warned_at=warned_at,
        warning_delivered_at=delivered_at,
        warning_failed=warned_at is None and any(step.startswith("warn") for step in case.steps_done),
        promise_until=promise.until if promise else None,
        promised_amount_minor=(promise.amount_minor or None) if promise else None,
        hold_until=account.hold_until,
        paused=account.paused,
        barring_level=level,
        barred_at=barred_at,
    )


def _scheme_of(method: PaymentMethod | None) -> Scheme:
    if method is None:
        return Scheme.CARD
    if method.kind is MethodKind.SEPA_DEBIT:
        return Scheme.SEPA
    return _SCHEMES.get(method.label, Scheme.CARD)


def _running_promise(promises: Sequence[Promise], now: datetime) -> Promise | None:
    """The newest promise not yet over; an earlier one does not outlive it."""
    return promises[-1] if promises and promises[-1].until > now else None


async def _disputed(work: UnitOfWork, case: Case) -> int:
    """What the customer does not accept of the case's invoices, never more than is open on each."""
    disputes = [one for one in await work.dunning.disputes(case.account_id) if one.status == "open"]
    total = 0
    for dispute in disputes:
        if dispute.invoice_id in case.invoice_ids:
            open_minor = await work.ledger.open_of(case.account_id, dispute.invoice_id)
            total += max(0, min(dispute.amount_minor, open_minor))
    return total


async def _level_in_force(work: UnitOfWork, account_id: str) -> tuple[BarringLevel, datetime | None]:
    """The hardest level any service may be under: confirmed, or ordered and withdrawn half way."""
    services = await work.accounts.services(account_id)
    level = max((BarringLevel(one.barring_level) for one in services), key=lambda one: one.rank, default=_NONE)
    orders = await work.barring.orders(account_id)
    if orders and orders[-1].outcome in ("withdrawn", "placed", "failed"):
        level = max(level, BarringLevel(orders[-1].level), key=lambda one: one.rank)
    bars = [one for one in orders if one.level != _NONE.value and one.outcome == "confirmed"]
    return level, bars[-1].finished_at if bars and level is not _NONE else None


_NONE = BarringLevel.NONE
