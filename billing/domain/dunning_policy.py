"""What a dunning case does next: a pure decision from the pinned policy, the facts of the case, and the time.

Every decision carries its reason: the rule, the policy's version, and the inputs it was taken on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from billing.domain.barring import BarringLevel
from billing.domain.cycle_calendar import at_local_time, local_date
from billing.domain.dunning_case import Bar, CaseFacts, Close, Decision, HandOver, Remind, Retry, Wait, Warn
from billing.domain.dunning_ladder import STANDARD, DunningAction, DunningPolicy, DunningStep
from billing.domain.money import Money
from billing.domain.quiet_hours import QuietHours, next_allowed
from billing.domain.restrictions import goes_beyond
from billing.domain.retry import may_retry

__all__ = [
    "STANDARD",
    "Bar",
    "CaseFacts",
    "Close",
    "Decision",
    "DunningAction",
    "DunningPolicy",
    "DunningStep",
    "HandOver",
    "Remind",
    "Retry",
    "Wait",
    "Warn",
    "decide",
]


@dataclass(frozen=True, slots=True)
class _Blocked:
    """A step that cannot be taken now: why, and when it may be (None: not by the passing of time)."""

    why: str
    until: datetime | None = None


def decide(policy: DunningPolicy, case: CaseFacts, now: datetime) -> Decision:
    """The next thing to do in a case.

    The first step of the ladder that is due, not done and not blocked is taken; when there is none, wait for the
    earliest instant at which one may be.
    """
    view = _View(policy, case, now)
    at_rest = view.at_rest()
    if at_rest is not None:
        return at_rest
    blocked = []
    for step in policy.steps:
        if step.name in case.steps_done:
            continue
        outcome = view.assess(step)
        if isinstance(outcome, Decision):
            return outcome
        blocked.append(outcome)
    return view.wait(blocked)


@dataclass(frozen=True, slots=True)
class _View:
    """One look at a case; holds the inputs so that each rule below reads as a sentence."""

    policy: DunningPolicy
    case: CaseFacts
    now: datetime

    def at_rest(self) -> Decision | None:
        """The decision when the ladder as a whole stands still, else None."""
        case, now = self.case, self.now
        if case.open_amount_minor <= 0:
            return Close(reason=self.because("nothing is owed"))
        if case.paused:
            return Wait(until=None, reason=self.because("collection is paused"))
        if case.hold_until is not None and now < case.hold_until:
            return Wait(until=case.hold_until, reason=self.because("the account is exempt for now"))
        if case.attempt_in_flight:
            tomorrow = now + timedelta(days=1)
            return Wait(until=tomorrow, reason=self.because("the outcome of a payment is not known yet"))
        if case.pursued_minor(now) == 0:
            until = case.promise_until if case.promised_minor(now) else None
            return Wait(until=until, reason=self.because("all that is owed is disputed or promised"))
        return None

    def assess(self, step: DunningStep) -> Decision | _Blocked:
        """The decision this step leads to now, or what blocks it."""
        not_now = self.superseded(step) or self.not_yet(step) or self.condition_missing(step)
        return not_now if not_now is not None else self.carry_out(step)

    def superseded(self, step: DunningStep) -> _Blocked | None:
        """Blocked for good when services are restricted that far already, so that there is nothing to warn of or do."""
        level = step.barring_level
        is_idle_warning = step.action is DunningAction.WARN and self.next_bar(step) is None
        is_idle_bar = level is not None and not goes_beyond(level, self.case.barring_level)
        if not (is_idle_warning or is_idle_bar):
            return None
        return _Blocked(f"{step.name} is left out: services are at level {self.case.barring_level} already")

    def not_yet(self, step: DunningStep) -> _Blocked | None:
        """Blocked until its day, and until an hour at which such a step may be taken."""
        due_at = self.due_at(step)
        slot = self.slot(max(due_at, self.now), step.action)
        if slot <= self.now:
            return None
        why = "is due" if due_at > self.now else "may be taken outside quiet hours"
        return _Blocked(f"{step.name} {why} at {slot:%Y-%m-%d %H:%M} UTC", slot)

    def condition_missing(self, step: DunningStep) -> _Blocked | None:
        """Blocked by what the step needs besides its day."""
        if step.action is DunningAction.RETRY:
            return self.retry_forbidden(step)
        if step.action is DunningAction.WARN or step.barring_level is not None:
            below = self.below_threshold(step)
            return below if below is not None else self.bar_forbidden(step)
        return None

    def retry_forbidden(self, step: DunningStep) -> _Blocked | None:
        case = self.case
        if case.method_usable and case.method_untried:
            return None
        if not case.method_usable or case.last_failure_category is None:
            return _Blocked(f"{step.name} is left out: there is no usable payment method that failed")
        verdict = may_retry(
            case.last_failure_category, case.scheme, case.attempt_times, self.now, case.last_failure_code
        )
        return None if verdict.allowed else _Blocked(f"{step.name} is left out: {verdict.reason}", verdict.not_before)

    def below_threshold(self, step: DunningStep) -> _Blocked | None:
        if self.case.pursued_minor(self.now) >= self.policy.bar_threshold_minor:
            return None
        threshold = Money(self.policy.bar_threshold_minor, self.case.currency)
        until = self.case.promise_until if self.case.promised_minor(self.now) else None
        return _Blocked(f"{step.name} is left out: less than {threshold} is pursued", until)

    def bar_forbidden(self, step: DunningStep) -> _Blocked | None:
        """Blocked for want of a delivered warning that is old enough, or of time since the last bar."""
        case, policy = self.case, self.policy
        if step.action is DunningAction.WARN:
            return None
        if case.warning_delivered_at is None:
            return self.undelivered_warning(step)
        earliest = self.days_after(case.warning_delivered_at, policy.minimum_days_after_warning)
        rule = f"{policy.minimum_days_after_warning} days after the warning was delivered"
        if case.barring_level != BarringLevel.NONE and case.barred_at is not None:
            after_last_bar = self.days_after(case.barred_at, policy.minimum_days_between_bars)
            if after_last_bar > earliest:
                earliest, rule = after_last_bar, f"{policy.minimum_days_between_bars} days after the last bar"
        if earliest <= self.now:
            return None
        return _Blocked(f"{step.name} must come {rule}", self.slot(earliest, step.action))

    def undelivered_warning(self, step: DunningStep) -> _Blocked | None:
        """No bar without a delivered warning; a bounced one is sent again (``carry_out`` turns the bar into it)."""
        if self.case.warning_failed or self.case.warned_at is None:
            return self.quiet_for_notices(step)
        return _Blocked(f"{step.name} waits until the warning is delivered", self.now + timedelta(days=1))

    def quiet_for_notices(self, step: DunningStep) -> _Blocked | None:
        slot = self.slot(self.now, DunningAction.WARN)
        return _Blocked(f"{step.name} waits for a warning", slot) if slot > self.now else None

    def carry_out(self, step: DunningStep) -> Decision:
        """The decision of a step that nothing blocks."""
        level = step.barring_level
        if level is not None and self.case.warning_delivered_at is None:
            why = f"{step.name} needs a delivered warning and the last one was not; sent again on another channel"
            return self.warning(step.day, level, why, taken="")
        if level is not None:
            return Bar(level=level, step=step.name, reason=self.because(f"{step.name} is due and was warned of"))
        bar = self.next_bar(step)
        if step.action is DunningAction.WARN and bar is not None:
            return self.warning(*bar, f"{step.name} is due", taken=step.name)
        reason = self.because(f"{step.name} is due")
        if step.action is DunningAction.RETRY:
            return Retry(step=step.name, reason=reason)
        if step.action is DunningAction.HAND_OVER:
            return HandOver(step=step.name, reason=reason)
        return Remind(step=step.name, notice=step.action, reason=reason)

    def warning(self, bar_day: int, level: str, why: str, taken: str) -> Warn:
        """The warning with the first date on which the bar may come if it is delivered today."""
        by_ladder = self.on_day(bar_day)
        by_warning = self.days_after(self.now, self.policy.minimum_days_after_warning)
        bar_at = self.slot(max(by_ladder, by_warning), DunningAction.BAR_OUTGOING)
        bar_on = local_date(bar_at, self.case.zone)
        return Warn(bar_on=bar_on, level=level, step=taken, reason=self.because(f"{why}; bar planned on {bar_on}"))

    def next_bar(self, warn: DunningStep) -> tuple[int, str] | None:
        """Day and level of the bar a warning is about: the first after it that goes further than the present level."""
        for step in self.policy.steps[self.policy.steps.index(warn) + 1 :]:
            level = step.barring_level
            if level is not None and goes_beyond(level, self.case.barring_level):
                return step.day, level
        return None

    def wait(self, blocked: list[_Blocked]) -> Wait:
        """Until the first blocked step may be taken; also until a promise ends, for more is pursued then."""
        instants = [step.until for step in blocked if step.until is not None]
        if self.case.promised_minor(self.now) and self.case.promise_until is not None:
            instants.append(self.case.promise_until)
        until = min(instants, default=None)
        telling = [step.why for step in blocked if step.until in (None, until)]
        return Wait(until=until, reason=self.because("; ".join(telling) or "every step of the ladder is done"))

    def due_at(self, step: DunningStep) -> datetime:
        """When a step is due: at once on day 0, else at the action hour of its local day."""
        return self.case.opened_at if step.day == 0 else self.on_day(step.day)

    def on_day(self, day: int) -> datetime:
        """The action hour of the local day that many days after the case opened."""
        return self.days_after(self.case.opened_at, day)

    def days_after(self, instant: datetime, days: int) -> datetime:
        """The action hour of the local day that many days after an instant's."""
        day = local_date(instant, self.case.zone) + timedelta(days=days)
        return at_local_time(day, time(self.policy.action_hour_local), self.case.zone)

    def slot(self, at: datetime, action: DunningAction) -> datetime:
        """The first instant from ``at`` on at which such an action may be taken."""
        return next_allowed(
            at, self.case.zone, self.case.country, self.hours(action), exempt=action is DunningAction.HAND_OVER
        )

    def hours(self, action: DunningAction) -> QuietHours:
        return self.policy.barring_hours if action.bars else self.policy.notice_hours

    def because(self, rule: str) -> str:
        """The rule with the policy's version and the inputs it was applied to."""
        case, now = self.case, self.now
        days = (local_date(now, case.zone) - local_date(case.opened_at, case.zone)).days
        owed = [f"open {Money(case.open_amount_minor, case.currency)}"]
        if case.disputed_amount_minor:
            owed.append(f"disputed {Money(case.disputed_amount_minor, case.currency)}")
        if case.promised_minor(now):
            owed.append(f"promised {Money(case.promised_minor(now), case.currency)}")
        failure = f", last failure {case.last_failure_category}" if case.last_failure_category else ""
        policy = f"policy {self.policy.code} version {self.policy.version}"
        return f"{rule} ({policy}, day {days} of the case, {', '.join(owed)}{failure}, barring {case.barring_level})"
