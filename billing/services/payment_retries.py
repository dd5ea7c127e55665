"""When a failed amount may be debited again: by the scheme, the retry policy, the customer's payday, the notice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from billing.domain.cycle_calendar import local_date
from billing.domain.cycle_plan import RetryDates, plan_retry, retry_on
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.dunning_policy import DunningPolicy
from billing.domain.paydays import first_debit_on
from billing.domain.retry_decision import RetryDecision, decide_retry
from billing.domain.retry_policy import RetryPolicy
from billing.messages.payments import MethodKind, RetryPlan, RetryPlanRequest
from billing.ports.accounts import Account, Brand
from billing.ports.clock import BusinessClock
from billing.ports.ledger import OpenInvoice
from billing.ports.payments import PaymentMethod
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.payment_answers import collectable, collectable_of
from billing.services.payment_instruments import scheme_of, tries_of
from billing.services.planned_methods import planned_by
from billing.services.retry_policies import in_force

# A used-up budget frees up, the notice moves the date, and by then another one may be used up; more is a mistake.
_MOST_LOOKS = 10


@dataclass(frozen=True)
class _Case:
    """What is to be debited again, by what, under which policies; ``bar_on`` is when the ladder restricts services.

    ``wanted_on`` and ``most_minor`` are those of an instalment, whose date and amount were agreed with the customer.
    """

    account: Account
    cycle_policy: CyclePolicy
    policy: RetryPolicy
    method: PaymentMethod
    invoices: list[OpenInvoice]
    bar_on: date | None
    wanted_on: date | None = None
    most_minor: int = 0

    @property
    def amount_minor(self) -> int:
        open_minor = sum(collectable(one) for one in self.invoices)
        return min(open_minor, self.most_minor) if self.most_minor else open_minor


class RetryPlanner:
    """Plans further debits; it neither announces nor makes them."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def plan(self, request: RetryPlanRequest) -> RetryPlan:
        """The dates of a further debit of what is open now, or why there can be none; both name rule and inputs."""
        async with self._make_work() as work:
            account = await work.accounts.get(request.account_id)
            invoices = await collectable_of(work, request.account_id, request.invoice_ids)
            if not invoices:
                return RetryPlan(False, "Nothing is open any more.")
            at = max(request.not_before, self._clock.now())
            method = await work.payments.usable_method(request.account_id, at)
            if method is None:
                return RetryPlan(False, "No stored method may be debited.")
            brand = await work.accounts.brand(account.brand)
            policy = await in_force(work, account.brand)
            dated_by = (await planned_by(work, method)).policy_of(brand)
            bar_on = await _next_bar_on(work, account, brand)
            agreed = (request.debit_on, request.most_minor)
            return await self._planned(work, _Case(account, dated_by, policy, method, invoices, bar_on, *agreed), at)

    async def _planned(self, work: UnitOfWork, case: _Case, begin: datetime) -> RetryPlan:
        """Look for a date on which everything holds that must hold on it."""
        tries, scheme = await tries_of(work, case.method), scheme_of(case.method)
        debts = frozenset(one.invoice_id for one in case.invoices)
        at, reason = begin, ""
        for _ in range(_MOST_LOOKS):
            decision = decide_retry(case.policy, scheme, tries, debts, at)
            if not decision.allowed and decision.not_before is None:
                return _refused(decision, decision.reason)
            begin = max(begin, decision.not_before or begin)
            dates, reason = self._dates(case, decision, begin)
            if decision.not_after is not None and dates.submit_at > decision.not_after:
                return _refused(decision, f"its notice could not leave before {decision.not_after:%Y-%m-%d}")
            if decision.allowed and dates.submit_at <= at:
                return _found(case, decision, dates, reason)
            at = max(dates.submit_at, at)
        return _refused(decision, "no date was found on which it could be tried")

    def _dates(self, case: _Case, decision: RetryDecision, begin: datetime) -> tuple[RetryDates, str]:
        """The earliest dates with their notice, moved to the next payday where that is wanted and near."""
        kind, zone = MethodKind(case.method.kind), case.account.zone
        is_new = decision.inputs["failed_tries_of_this_debt"] == 0
        dates = plan_retry(begin, case.cycle_policy, zone, kind, case.wanted_on, full_notice=is_new)
        if not decision.on_payday or case.wanted_on is not None:
            return dates, ""
        calendar = case.cycle_policy.calendar_of(kind)
        wanted, reason = first_debit_on(dates.debit_on, case.policy.paydays, calendar, case.bar_on)
        if decision.not_after is not None and wanted > local_date(decision.not_after, zone):
            return dates, f"the payday {wanted} lies after the last day for a retry"
        return retry_on(wanted, dates, case.cycle_policy, zone, kind), reason


def _found(case: _Case, decision: RetryDecision, dates: RetryDates, payday: str) -> RetryPlan:
    return RetryPlan(
        possible=True,
        explanation=_explained(decision, payday),
        invoice_ids=tuple(one.invoice_id for one in case.invoices),
        amount_minor=case.amount_minor,
        currency=case.invoices[0].currency,
        notify_at=dates.notice_at,
        submit_at=dates.submit_at,
        debit_on=dates.debit_on,
        rule=decision.rule,
        policy_version=decision.policy_version,
        inputs=_inputs(decision) | _shown(case, payday),
    )


def _shown(case: _Case, payday: str) -> dict[str, str]:
    shown = {"method_id": case.method.method_id, "instrument": str(case.method.kind)}
    if payday:
        shown["payday"] = payday
    if case.bar_on is not None:
        shown["services_restricted_on"] = case.bar_on.isoformat()
    return shown


def _refused(decision: RetryDecision, why: str) -> RetryPlan:
    return RetryPlan(False, why, rule=decision.rule, policy_version=decision.policy_version, inputs=_inputs(decision))


def _inputs(decision: RetryDecision) -> dict[str, str]:
    return {name: str(value) for name, value in decision.inputs.items()}


def _explained(decision: RetryDecision, payday: str) -> str:
    version = f"policy version {decision.policy_version}" if decision.policy_version else "the built-in policy"
    return f"{decision.reason}{'; ' if payday else ''}{payday} (rule {decision.rule}, {version})"


async def _next_bar_on(work: UnitOfWork, account: Account, brand: Brand) -> date | None:
    """The local date on which the ladder of the account's open case restricts services next; None without one."""
    case = next((one for one in await work.dunning.cases(account.account_id) if one.closed_at is None), None)
    if case is None:
        return None
    pinned = await work.dunning.policy(case.policy_code, case.policy_version)
    policy = DunningPolicy.from_dict({**pinned.definition, "version": pinned.policy_version})
    days = [step.day for step in policy.steps if step.barring_level is not None and step.name not in case.steps_done]
    return local_date(case.opened_at, brand.zone) + timedelta(days=min(days)) if days else None
