"""One look at a dunning case: its policy, its facts, the time, and what follows from them for any step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from billing.domain.cycle_calendar import at_local_time, local_date
from billing.domain.dunning_case import CaseFacts
from billing.domain.dunning_ladder import DunningPolicy
from billing.domain.dunning_step import DunningAction, DunningStep
from billing.domain.dunning_terms import StepConditions
from billing.domain.money import Money
from billing.domain.quiet_hours import next_allowed

_MOST_SLOTS = 60


@dataclass(frozen=True, slots=True)
class Blocked:
    """A step that cannot be taken now: why, and when it may be (None: not by the passing of time)."""

    why: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CaseMoment:
    """Holds the inputs of a decision, so that each rule reads as a sentence."""

    policy: DunningPolicy
    case: CaseFacts
    now: datetime

    def unmet(self, step: DunningStep) -> Blocked | None:
        """The first condition of the step that does not hold, its age aside, which comes by itself."""
        when, case = step.when, self.case
        if when.segments and case.segment not in when.segments:
            return Blocked(f"{step.name} is left out: it is for the segments {', '.join(when.segments)} only")
        if case.segment in when.except_segments:
            return Blocked(f"{step.name} is left out for the segment {case.segment}")
        if when.failure_categories and case.last_failure_category not in when.failure_categories:
            wanted = ", ".join(when.failure_categories)
            return Blocked(f"{step.name} is left out: the last failure is not one of {wanted}")
        return self._too_little(step, when)

    def _too_little(self, step: DunningStep, when: StepConditions) -> Blocked | None:
        case = self.case
        until = case.promise_until if case.promised_minor(self.now) else None
        if case.pursued_minor(self.now) < when.least_pursued_minor:
            least = Money(when.least_pursued_minor, case.currency)
            return Blocked(f"{step.name} is left out: less than {least} is pursued", until)
        if case.unpaid_invoices < when.least_unpaid_invoices:
            count = f"{case.unpaid_invoices} of {when.least_unpaid_invoices}"
            return Blocked(f"{step.name} is left out: {count} invoices are unpaid", until)
        return None

    def too_young(self, step: DunningStep) -> Blocked | None:
        """Blocked until the oldest unpaid invoice is overdue for long enough."""
        old_at = self.old_enough_at(step)
        if old_at is None or old_at <= self.now:
            return None
        days = step.when.least_oldest_days
        return Blocked(f"{step.name} needs an invoice {days} days overdue", self.slot(old_at, step))

    def old_enough_at(self, step: DunningStep) -> datetime | None:
        """The action hour of the day on which the oldest invoice is as old as the step asks; None when it asks not."""
        days = step.when.least_oldest_days
        if not days:
            return None
        due_on = self.case.oldest_due_on or local_date(self.case.opened_at, self.case.zone)
        return self._action_hour(due_on, days)

    def due_at(self, step: DunningStep) -> datetime:
        """When a step is due: at once on day 0, else at the action hour of its local day."""
        return self.case.opened_at if step.day == 0 else self.on_day(step.day)

    def on_day(self, day: int) -> datetime:
        """The action hour of the local day that many days after the case opened, days at rest not counted."""
        return self.days_after(self.case.opened_at, day + self.case.rested_days)

    def days_after(self, instant: datetime, days: int) -> datetime:
        """The action hour of the local day that many days after an instant's."""
        return self._action_hour(local_date(instant, self.case.zone), days)

    def _action_hour(self, day: date, days: int) -> datetime:
        return at_local_time(day + timedelta(days=days), time(self.policy.action_hour_local), self.case.zone)

    def slot(self, at: datetime, step: DunningStep) -> datetime:
        """The first instant from ``at`` on at which the step may be taken: outside quiet hours, within its window."""
        case, window = self.case, step.window
        for _ in range(_MOST_SLOTS):
            allowed = next_allowed(
                at, case.zone, case.country, self.policy.hours_of(step.action), exempt=_is_exempt(step.action)
            )
            opened = allowed if window is None else window.next_open(allowed, case.zone, case.country)
            if opened == allowed:
                break
            at = opened
        return allowed

    def because(self, rule: str) -> str:
        """The rule with the policy's version and the inputs it was applied to."""
        case, now = self.case, self.now
        days = (local_date(now, case.zone) - local_date(case.opened_at, case.zone)).days
        parts = {
            "open": case.open_amount_minor,
            "disputed": case.disputed_amount_minor,
            "in a payment plan": case.planned_amount_minor,
            "promised": case.promised_minor(now),
        }
        owed = [f"{name} {Money(minor, case.currency)}" for name, minor in parts.items() if minor or name == "open"]
        failure = f", last failure {case.last_failure_category}" if case.last_failure_category else ""
        policy = f"policy {self.policy.code} version {self.policy.version}"
        rested = f", {case.rested_days} of them at rest" if case.rested_days else ""
        inputs = f"day {days} of the case{rested}, {', '.join(owed)}{failure}, barring {case.barring_level}"
        return f"{rule} ({policy}, {inputs})"


def _is_exempt(action: DunningAction) -> bool:
    """A hand-over disturbs nobody."""
    return action is DunningAction.HAND_OVER
