"""What a policy would do to a debt that nobody pays, day by day: walked by the code that decides. Nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time

from billing.domain.cycle_calendar import at_local_time, local_date
from billing.domain.dunning_case import Bar, CaseFacts, Decision, HandOver, Wait, Warn
from billing.domain.dunning_ladder import DunningPolicy
from billing.domain.dunning_policy import decide
from billing.domain.dunning_step import DunningStep
from billing.domain.dunning_words import step_in_words
from billing.domain.errors import InvalidValue
from billing.domain.money import Money
from billing.domain.retry import FailureCategory
from billing.ports.accounts import Brand

# A ladder has at most fifty steps; each may wait for a few free days.
_MOST_LOOKS = 500
_LARGEST_MINOR = 10**9
STANDARD_SEGMENT = "standard"


@dataclass(frozen=True)
class Debt:
    """A debt to foresee: minor units of the brand's currency, due on a local date, of an account of a segment."""

    amount_minor: int
    due_on: date
    segment: str = STANDARD_SEGMENT
    failure: FailureCategory = FailureCategory.FUNDS


@dataclass(frozen=True)
class ForeseenDay:
    """What happens on one day. ``step`` is empty for a day on which the ladder only waits; ``bar_on`` is the date that
    a warning names, ``fee_minor`` (net) what a reminder costs."""

    local_day: date
    at: datetime
    day: int
    step: str
    says: str
    reason: str
    bar_on: date | None = None
    fee_minor: int = 0


@dataclass(frozen=True)
class Outlook:
    """The days on which something happens, the steps that never would, and why the ladder ends."""

    days: tuple[ForeseenDay, ...]
    left_out: tuple[str, ...]
    ends_because: str


def follow(policy: DunningPolicy, facts: CaseFacts) -> Iterator[tuple[datetime, Decision]]:
    """Every decision of an unpaid case, each step taken the moment it may be, each warning delivered at once.

    A wait without end, or the hand-over, is the last one.
    """
    now = facts.opened_at
    for _ in range(_MOST_LOOKS):
        decision = decide(policy, facts, now)
        yield now, decision
        if isinstance(decision, Wait):
            if decision.until is None:
                return
            now = decision.until
            continue
        if isinstance(decision, HandOver):
            return
        facts = _after(facts, decision, now)


def _after(facts: CaseFacts, decision: Decision, now: datetime) -> CaseFacts:
    facts = replace(facts, steps_done=(*facts.steps_done, decision.step))
    if isinstance(decision, Warn):
        return replace(facts, warned_at=now, warning_delivered_at=now)
    if isinstance(decision, Bar):
        return replace(facts, barring_level=decision.level, barred_at=now)
    return facts


def foresee(policy: DunningPolicy, debt: Debt, brand: Brand, debit_hour_local: int) -> Outlook:
    """What happens to a debt whose debit fails at the brand's debit hour of its due date. Raises InvalidValue."""
    if not 0 < debt.amount_minor <= _LARGEST_MINOR:
        remedy = f"Use 1 to {_LARGEST_MINOR} minor units."
        raise InvalidValue("A debt is a positive amount.", field="amount", value=debt.amount_minor, remedy=remedy)
    opened_at = at_local_time(debt.due_on, time(debit_hour_local), brand.zone)
    facts = CaseFacts(
        opened_at=opened_at,
        currency=brand.currency,
        open_amount_minor=debt.amount_minor,
        oldest_due_on=debt.due_on,
        zone=brand.zone,
        country=brand.country,
        segment=debt.segment,
        last_failure_category=debt.failure,
        attempt_times=(opened_at,),
    )
    walked = list(follow(policy, facts))
    taken = [(at, one) for at, one in walked if not isinstance(one, Wait)]
    days = _days(policy, taken, facts)
    done = {one.step for _, one in taken}
    left_out = tuple(step_in_words(step) for step in policy.steps if step.name not in done)
    return Outlook(days, left_out, walked[-1][1].reason)


def _days(policy: DunningPolicy, taken: list[tuple[datetime, Decision]], facts: CaseFacts) -> tuple[ForeseenDay, ...]:
    steps = {step.name: step for step in policy.steps}
    days: list[ForeseenDay] = []
    for at, decision in taken:
        local_day = local_date(at, facts.zone)
        bar_on = decision.bar_on if isinstance(decision, Warn) else None
        fee_minor = fee_of(policy, decision.step, [(one.step, one.fee_minor) for one in days])
        says = _says(steps.get(decision.step), bar_on, fee_minor, facts.currency)
        day = (local_day - local_date(facts.opened_at, facts.zone)).days
        days.append(ForeseenDay(local_day, at, day, decision.step, says, decision.reason, bar_on, fee_minor))
    return tuple(days)


def _says(step: DunningStep | None, bar_on: date | None, fee_minor: int, currency: str) -> str:
    """The step in words, without its day."""
    said = step_in_words(step).partition(": ")[2] if step is not None else "warn again, on another channel"
    named = f", which names {bar_on.isoformat()}" if bar_on is not None else ""
    fee = f", for {Money(fee_minor, currency)}" if fee_minor else ""
    return f"{said[:1].upper()}{said[1:]}{named}{fee}"


def fee_of(policy: DunningPolicy, step: str, before: list[tuple[str, int]]) -> int:
    """What a step costs the customer, minor units net; ``before`` are the steps taken with their fees."""
    if not step.startswith("reminder@"):
        return 0
    reminders = [fee for name, fee in before if name.startswith("reminder@")]
    return policy.fees.of_reminder(len(reminders), sum(reminders))
