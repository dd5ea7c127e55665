"""The cycle plan: every date of one cycle, computed once when the cycle opens and then stored.

The order is the customer's month: the cycle closes, late records get the billing delay, the invoice is issued and its
ready notice sent, a reminder, the submission to the provider, the debit; all before the next cycle closes. A policy
that breaks this order in any month is refused with the dates that collide.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from billing.domain.banking_days import next_banking_day, subtract_banking_days
from billing.domain.cycle_calendar import Cycle, CycleDay, at_local_time, cycle_at, local_date, next_cycle, zone_info
from billing.domain.cycle_dates import CyclePlan, MethodKind, RetryDates, UnableToPlanCycle
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.quiet_hours import last_allowed_day, next_allowed

__all__ = [
    "CyclePlan",
    "MethodKind",
    "RetryDates",
    "UnableToPlanCycle",
    "notice_is_in_time",
    "plan_cycle",
    "plan_retry",
    "preview_cycles",
    "replan_debit",
    "retry_on",
    "validate_policy",
]


@dataclass(frozen=True, slots=True)
class _Collection:
    """The dates that follow from the day the ready notice leaves."""

    reminder_at: datetime
    submit_at: datetime
    debit_on: date
    debit_at: datetime


def plan_cycle(cycle: Cycle, policy: CyclePolicy, zone: str, method_kind: MethodKind) -> CyclePlan:
    """Every date of a cycle.

    The invoice is dated the local day the cycle closes; it is issued, and its ready notice sent, after the billing
    delay at the notice hour (later when that is quiet). The debit follows from the ready notice's local date by the
    notice period, moved forward to a banking day.

    Raises UnableToPlanCycle when the dates are out of order.
    """
    invoice_date = local_date(cycle.closes_at, zone)
    issue_on = invoice_date + timedelta(days=policy.billing_delay_days)
    issue_at = at_local_time(issue_on, time(policy.notice_hour_local), zone)
    ready_notice_at = next_allowed(issue_at, zone, policy.country, policy.quiet_hours)
    dates = _collection(local_date(ready_notice_at, zone), policy, zone, method_kind)
    plan = CyclePlan(
        cycle_number=cycle.number,
        cycle_day=int(cycle.cycle_day),
        zone=zone,
        method_kind=method_kind,
        opens_at=cycle.opens_at,
        closes_at=cycle.closes_at,
        invoice_date=invoice_date,
        issue_at=issue_at,
        ready_notice_at=ready_notice_at,
        reminder_at=dates.reminder_at,
        submit_at=dates.submit_at,
        debit_on=dates.debit_on,
        debit_at=dates.debit_at,
        next_closes_at=next_cycle(cycle, zone).closes_at,
    )
    _refuse_colliding_dates(plan, policy)
    return plan


def notice_is_in_time(plan: CyclePlan, notice_sent_at: datetime, policy: CyclePolicy) -> bool:
    """True when a notice sent then still leaves the notice period before the planned debit, in local calendar days."""
    return policy.earliest_debit(local_date(notice_sent_at, plan.zone), plan.method_kind) <= plan.debit_on


def replan_debit(plan: CyclePlan, notice_sent_at: datetime, policy: CyclePolicy) -> CyclePlan:
    """The plan after its notice went out: unchanged when that was in time, else with a later debit date.

    "In time" is counted in local calendar days. A moved debit may fall after the next close: an open collection is
    carried over, it never blocks the next cycle. The caller sends a new notice that names the new date.
    """
    if notice_is_in_time(plan, notice_sent_at, policy):
        return plan
    dates = _collection(local_date(notice_sent_at, plan.zone), policy, plan.zone, plan.method_kind)
    return replace(
        plan,
        ready_notice_at=notice_sent_at,
        reminder_at=dates.reminder_at,
        submit_at=dates.submit_at,
        debit_on=dates.debit_on,
        debit_at=dates.debit_at,
    )


def plan_retry(
    notice_at: datetime,
    policy: CyclePolicy,
    zone: str,
    method_kind: MethodKind,
    wanted_on: date | None = None,
    *,
    full_notice: bool = False,
) -> RetryDates:
    """When a failed debit is tried again: its own notice first, the debit banking days after that notice.

    The submission lead of direct debits is kept too, counted from the day after the notice. ``wanted_on`` is a date
    agreed with the customer: the debit comes then, or as soon afterwards as its notice allows. ``full_notice``: the
    debt was never asked of this method, so that a Bacs debit needs its whole advance notice.
    """
    notice_at = next_allowed(notice_at, zone, policy.country, policy.quiet_hours)
    noticed_on = local_date(notice_at, zone)
    in_time = policy.earliest_retry(noticed_on, method_kind)
    if full_notice and method_kind is MethodKind.BACS_DEBIT:
        in_time = policy.earliest_debit(noticed_on, method_kind)
    calendar = policy.calendar_of(method_kind)
    debit_on = next_banking_day(max(in_time, wanted_on or in_time), calendar)
    while (submit_on := _submit_on(debit_on, policy, method_kind)) < debit_on and submit_on <= noticed_on:
        debit_on = next_banking_day(debit_on + timedelta(days=1), calendar)
    return _retry_dates(notice_at, debit_on, policy, zone, method_kind)


def retry_on(
    debit_on: date, planned: RetryDates, policy: CyclePolicy, zone: str, method_kind: MethodKind
) -> RetryDates:
    """The same retry on a later banking day; its notice leaves when it would have."""
    return _retry_dates(planned.notice_at, debit_on, policy, zone, method_kind)


def _retry_dates(
    notice_at: datetime, debit_on: date, policy: CyclePolicy, zone: str, method_kind: MethodKind
) -> RetryDates:
    submit_on = _submit_on(debit_on, policy, method_kind)
    return RetryDates(
        notice_at=notice_at,
        submit_at=at_local_time(submit_on, time(policy.debit_hour_local), zone),
        debit_on=debit_on,
        debit_at=at_local_time(debit_on, time(policy.debit_hour_local), zone),
    )


def preview_cycles(
    cycle_day: CycleDay, zone: str, start: datetime, count: int, policy: CyclePolicy, method_kind: MethodKind
) -> list[CyclePlan]:
    """The plans of ``count`` ordinary cycles, from the one that contains ``start``, as an operator would publish them.

    Raises UnableToPlanCycle when the policy cannot be kept in one of them.
    """
    cycle = cycle_at(cycle_day, zone, start)
    plans = []
    for _ in range(count):
        plans.append(plan_cycle(cycle, policy, zone, method_kind))
        cycle = next_cycle(cycle, zone)
    return plans


# 28 years bring every weekday to every date. February comes first: it leaves the fewest days before the next close.
_CHECKED_YEARS = range(2025, 2053)
_CHECKED_MONTHS = (2, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)


_NOT_BACS = tuple(kind for kind in MethodKind if kind is not MethodKind.BACS_DEBIT)


def validate_policy(policy: CyclePolicy, zone: str, method_kinds: tuple[MethodKind, ...] = _NOT_BACS) -> None:
    """Plan every close of 28 years, so that no account under this policy can meet an impossible plan.

    Bacs has a notice period and a calendar of its own, and is looked at where it is named. Takes about half a second
    for a policy that can be kept, as much again with Bacs. Raises InvalidValue naming a field, or UnableToPlanCycle
    with the first dates that collide.
    """
    policy.validate()
    others = [kind for kind in method_kinds if kind is not MethodKind.BACS_DEBIT]
    hardest = max(others, key=_needs_lead, default=MethodKind.BACS_DEBIT)
    _plan_every_close(policy, zone, hardest)
    if MethodKind.BACS_DEBIT in method_kinds and others:
        _plan_every_close(policy, zone, MethodKind.BACS_DEBIT)


def _plan_every_close(policy: CyclePolicy, zone: str, hardest: MethodKind) -> None:
    for month in _CHECKED_MONTHS:
        for year in _CHECKED_YEARS:
            for day in range(1, monthrange(year, month)[1] + 1):
                noon_before = at_local_time(date(year, month, day) - timedelta(days=1), time(12), zone)
                plan_cycle(cycle_at(CycleDay(day), zone, noon_before), policy, zone, hardest)


def _needs_lead(method_kind: MethodKind) -> bool:
    return method_kind in (MethodKind.SEPA_DEBIT, MethodKind.BACS_DEBIT)


def _submit_on(debit_on: date, policy: CyclePolicy, method_kind: MethodKind) -> date:
    """The local date on which a debit is handed in: by the provider's lead in days, or by the bank's in banking days.

    A file is made some hours before the bank's cut-off; a debit hour not before that hour belongs to the day before.
    """
    if not _needs_lead(method_kind):
        return debit_on
    if not policy.bank_lead_banking_days:
        return debit_on - timedelta(days=policy.submission_lead_days)
    by = subtract_banking_days(debit_on, policy.bank_lead_banking_days, policy.scheme_calendar)
    return by if policy.debit_hour_local < policy.bank_make_hour_local else by - timedelta(days=1)


def _collection(noticed_on: date, policy: CyclePolicy, zone: str, method_kind: MethodKind) -> _Collection:
    debit_on = policy.earliest_debit(noticed_on, method_kind)
    submit_on = _submit_on(debit_on, policy, method_kind)
    return _Collection(
        reminder_at=_reminder_at(debit_on, submit_on, policy, zone),
        submit_at=at_local_time(submit_on, time(policy.debit_hour_local), zone),
        debit_on=debit_on,
        debit_at=at_local_time(debit_on, time(policy.debit_hour_local), zone),
    )


def _reminder_at(debit_on: date, submit_on: date, policy: CyclePolicy, zone: str) -> datetime:
    """The reminder days before the debit, and never after the submission; earlier rather than on a quiet day."""
    reminder_on = debit_on - timedelta(days=policy.reminder_days)
    if submit_on <= reminder_on < debit_on:
        reminder_on = submit_on - timedelta(days=1)
    reminder_on = last_allowed_day(reminder_on, policy.country, policy.quiet_hours)
    return at_local_time(reminder_on, time(policy.notice_hour_local), zone)


def _refuse_colliding_dates(plan: CyclePlan, policy: CyclePolicy) -> None:
    """Raises UnableToPlanCycle naming the first pair of dates that is out of order."""
    days = "banking days" if policy.notice_in_banking_days else "days"
    notice = f"{policy.notice_days} {days}"
    if plan.reminder_at >= plan.debit_at:
        raise _collision(
            plan, "reminder_days", policy.reminder_days, "the reminder", plan.reminder_at, "the debit", plan.debit_at
        )
    if plan.submit_at <= plan.ready_notice_at:
        raise _collision(
            plan, "notice_days", notice, "the ready notice", plan.ready_notice_at, "the submission", plan.submit_at
        )
    if plan.reminder_at <= plan.ready_notice_at:
        raise _collision(
            plan, "reminder_days", policy.reminder_days, "the ready notice", plan.ready_notice_at,
            "the reminder", plan.reminder_at,
        )  # fmt: skip
    if plan.debit_at >= plan.next_closes_at:
        raise _collision(plan, "notice_days", notice, "the debit", plan.debit_at, "the next close", plan.next_closes_at)


_REMEDIES = {
    "reminder_days": "Use at least 1 day before the debit, and fewer days than the notice period.",
    "notice_days": "Change the notice period, the billing delay or the submission lead so that all dates keep order.",
}


def _collision(
    plan: CyclePlan, field: str, value: object, first: str, first_at: datetime, second: str, second_at: datetime
) -> UnableToPlanCycle:
    closes_on = local_date(plan.closes_at, plan.zone)
    return UnableToPlanCycle(
        f"In the cycle of day {plan.cycle_day} that closes on {closes_on}, "
        f"{first} ({_shown(first_at, plan.zone)}) would not come before {second} ({_shown(second_at, plan.zone)}).",
        field=field,
        value=value,
        remedy=_REMEDIES[field],
    )


def _shown(instant: datetime, zone: str) -> str:
    return f"{instant.astimezone(zone_info(zone)):%Y-%m-%d %H:%M}"
