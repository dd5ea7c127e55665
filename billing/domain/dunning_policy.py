"""What a dunning case does next: a pure decision from the pinned policy, the facts of the case, and the time.

Every decision carries its reason: the rule, the policy's version, and the inputs it was taken on.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from billing.domain.barring import BarringLevel
from billing.domain.cycle_calendar import local_date
from billing.domain.dunning_case import Bar, CaseFacts, Close, Decision, HandOver, Remind, Retry, Wait, Warn
from billing.domain.dunning_ladder import STANDARD, DunningAction, DunningPolicy, DunningStep
from billing.domain.dunning_moment import Blocked, CaseMoment
from billing.domain.dunning_step import CHANNELS
from billing.domain.money import Money
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


class _View(CaseMoment):
    """What is done now: each rule below reads as a sentence."""

    __slots__ = ()

    def at_rest(self) -> Decision | None:
        """The decision when the ladder as a whole stands still, else None."""
        case, now = self.case, self.now
        if case.open_amount_minor <= 0:
            return Close(reason=self.because("nothing is owed"))
        if case.open_amount_minor < case.least_payable_minor:
            return Close(reason=self.because("what is left is too little to be paid by itself; the next bill takes it"))
        if case.handed_over:
            return HandOver(step="", reason=self.because("a person hands the case over"))
        if case.paused:
            return Wait(until=None, reason=self.because("collection is paused"))
        if case.hold_until is not None and now < case.hold_until:
            return Wait(until=case.hold_until, reason=self.because("the account is exempt for now"))
        if case.attempt_in_flight:
            tomorrow = now + timedelta(days=1)
            return Wait(until=tomorrow, reason=self.because("the outcome of a payment is not known yet"))
        if case.pursued_minor(now) < max(1, case.least_payable_minor):
            until = case.promise_until if case.promised_minor(now) else None
            most = "all but too little to be paid by itself" if case.pursued_minor(now) else "all that is owed"
            return Wait(until=until, reason=self.because(f"{most} is disputed, promised or in a payment plan"))
        return None

    def assess(self, step: DunningStep) -> Decision | Blocked:
        """The decision this step leads to now, or what blocks it."""
        not_now = self.superseded(step) or self.not_yet(step) or self.condition_missing(step)
        return not_now if not_now is not None else self.carry_out(step)

    def superseded(self, step: DunningStep) -> Blocked | None:
        """Blocked for good when services are restricted that far already, so that there is nothing to warn of or do."""
        level = step.barring_level
        is_idle_warning = step.action is DunningAction.WARN and self.next_bar(step) is None
        is_idle_bar = level is not None and not goes_beyond(level, self.case.barring_level)
        if not (is_idle_warning or is_idle_bar):
            return None
        why = f"services are at level {self.case.barring_level} already"
        if is_idle_warning and self.case.barring_level is not BarringLevel.FULL:
            why = "there is no bar to warn of"
        return Blocked(f"{step.name} is left out: {why}")

    def not_yet(self, step: DunningStep) -> Blocked | None:
        """Blocked until its day, and until an hour at which such a step may be taken."""
        due_at = self.due_at(step)
        slot = self.slot(max(due_at, self.now), step)
        if slot <= self.now:
            return None
        why = "is due" if due_at > self.now else "may be taken outside quiet hours"
        return Blocked(f"{step.name} {why} at {slot:%Y-%m-%d %H:%M} UTC", slot)

    def condition_missing(self, step: DunningStep) -> Blocked | None:
        """Blocked by what the step needs besides its day."""
        blocked = self.unmet(step) or self.too_young(step)
        if blocked is not None:
            return blocked
        if step.action is DunningAction.RETRY:
            return self.retry_forbidden(step)
        if step.action is DunningAction.WARN or step.barring_level is not None:
            below = self.below_threshold(step)
            return below if below is not None else self.bar_forbidden(step)
        return None

    def retry_forbidden(self, step: DunningStep) -> Blocked | None:
        case = self.case
        if case.method_usable and case.method_untried:
            return None
        if not case.method_usable or case.last_failure_category is None:
            return Blocked(f"{step.name} is left out: there is no usable payment method that failed")
        verdict = may_retry(
            case.last_failure_category, case.scheme, case.attempt_times, self.now, case.last_failure_code
        )
        return None if verdict.allowed else Blocked(f"{step.name} is left out: {verdict.reason}", verdict.not_before)

    def below_threshold(self, step: DunningStep) -> Blocked | None:
        if self.case.pursued_minor(self.now) >= self.policy.bar_threshold_minor:
            return None
        threshold = Money(self.policy.bar_threshold_minor, self.case.currency)
        until = self.case.promise_until if self.case.promised_minor(self.now) else None
        return Blocked(f"{step.name} is left out: less than {threshold} is pursued", until)

    def bar_forbidden(self, step: DunningStep) -> Blocked | None:
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
        return Blocked(f"{step.name} must come {rule}", self.slot(earliest, step))

    def undelivered_warning(self, step: DunningStep) -> Blocked | None:
        """No bar without a delivered warning; a bounced one is sent again (``carry_out`` turns the bar into it)."""
        if self.case.warning_failed or self.case.warned_at is None:
            return self.quiet_for_notices(step)
        return Blocked(f"{step.name} waits until the warning is delivered", self.now + timedelta(days=1))

    def quiet_for_notices(self, step: DunningStep) -> Blocked | None:
        slot = self.slot(self.now, DunningStep(step.day, DunningAction.WARN))
        return Blocked(f"{step.name} waits for a warning", slot) if slot > self.now else None

    def carry_out(self, step: DunningStep) -> Decision:
        """The decision of a step that nothing blocks."""
        level = step.barring_level
        if level is not None and self.case.warning_delivered_at is None:
            why = f"{step.name} needs a delivered warning and the last one was not; sent again on another channel"
            return self.warning(step, level, why, taken="", channels=self.counting_channels())
        if level is not None:
            return Bar(level=level, step=step.name, reason=self.because(f"{step.name} is due and was warned of"))
        bar = self.next_bar(step)
        if step.action is DunningAction.WARN and bar is not None:
            return self.warning(*bar, f"{step.name} is due", taken=step.name, channels=step.channels)
        reason = self.because(f"{step.name} is due")
        if step.action is DunningAction.RETRY:
            return Retry(step=step.name, reason=reason)
        if step.action is DunningAction.HAND_OVER:
            return HandOver(step=step.name, reason=reason)
        return Remind(step=step.name, notice=step.action, channels=step.channels, reason=reason)

    def warning(self, bar: DunningStep, level: str, why: str, taken: str, channels: tuple[str, ...] = ()) -> Warn:
        """The warning with the first date on which the bar may come if it is delivered today."""
        by_warning = self.days_after(self.now, self.policy.minimum_days_after_warning)
        bar_at = self.slot(max(self.on_day(bar.day), by_warning, self.old_enough_at(bar) or by_warning), bar)
        bar_on = local_date(bar_at, self.case.zone)
        reason = self.because(f"{why}; bar planned on {bar_on}")
        return Warn(bar_on=bar_on, level=level, channels=channels, step=taken, reason=reason)

    def counting_channels(self) -> tuple[str, ...]:
        """The channels of a warning that is sent again, where the policy counts warnings on some channels only."""
        return () if set(self.policy.warning_channels) == set(CHANNELS) else self.policy.warning_channels

    def next_bar(self, warn: DunningStep) -> tuple[DunningStep, str] | None:
        """The bar a warning is about: the first after it that goes further than the present level and may come."""
        for step in self.policy.steps[self.policy.steps.index(warn) + 1 :]:
            level = step.barring_level
            if level is None or self.unmet(step) is not None:
                continue
            if goes_beyond(level, self.case.barring_level):
                return step, level
        return None

    def wait(self, blocked: list[Blocked]) -> Wait:
        """Until the first blocked step may be taken; also until a promise ends, for more is pursued then."""
        instants = [step.until for step in blocked if step.until is not None]
        if self.case.promised_minor(self.now) and self.case.promise_until is not None:
            instants.append(self.case.promise_until)
        until = min(instants, default=None)
        telling = [step.why for step in blocked if step.until in (None, until)]
        return Wait(until=until, reason=self.because("; ".join(telling) or "every step of the ladder is done"))
