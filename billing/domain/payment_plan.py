"""Payment plans: several instalments that cover chosen invoices, and what is done about them next. Pure.

    PlanDecision
    ├── Ask       ask the account, the only collector, to announce and debit an instalment on its date
    ├── Tell      tell the customer to pay an instalment by paylink (due soon, or its debit failed)
    ├── Missed    an instalment was not paid in time: the plan is broken and the ladder goes on
    ├── Kept      everything that the plan covers is paid
    └── Rest      nothing now; look again at ``until``

Instalments are paid in their order by whatever comes in for the plan's invoices: who pays more at once has paid the
next ones as well.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from typing import Any

from billing.domain.cycle_calendar import at_local_time, local_date
from billing.domain.errors import InvalidValue
from billing.domain.money import Money

DEBIT, PAYLINK = "debit", "paylink"
INTERVALS = {"week": 7, "two_weeks": 14, "month": 0}
# A debit is asked for so early that its notice leaves in time, also before holidays and with a submission lead.
ASK_DAYS, ASK_AGAIN_DAYS = 10, 4
REMIND_DAYS = 3
# "On or just after": a debit that was not tried by then becomes a paylink.
JUST_AFTER_DAYS = 3
_MORNING = time(9)


@dataclass(frozen=True, slots=True)
class Instalment:
    """One payment of a plan: ``amount_minor`` by ``due_on`` (local date). ``asked_at``, ``told_at``: what was done."""

    number: int
    due_on: date
    amount_minor: int
    asked_at: datetime | None = None
    told_at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "number": self.number,
            "due_on": self.due_on.isoformat(),
            "amount_minor": self.amount_minor,
            "asked_at": self.asked_at.isoformat() if self.asked_at else None,
            "told_at": self.told_at.isoformat() if self.told_at else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Instalment:
        """What ``to_dict`` wrote."""
        instants = {name: data.get(name) for name in ("asked_at", "told_at")}
        read = {name: datetime.fromisoformat(text) if text else None for name, text in instants.items()}
        return cls(data["number"], date.fromisoformat(data["due_on"]), data["amount_minor"], **read)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFacts:
    """A running plan at one moment. ``open_minor`` is what its invoices owe now, disputed parts left out.

    ``announced_on`` is the date that the customer was told for the debit of the instalment in turn, ``failed_at`` when
    that debit failed, as attempt ``failed_attempt``; ``failure_told``: the customer knows.
    """

    instalments: tuple[Instalment, ...]
    total_minor: int
    open_minor: int
    paid_by: str
    zone: str
    grace_days: int
    attempt_in_flight: bool = False
    announced_on: date | None = None
    failed_at: datetime | None = None
    failed_attempt: str = ""
    failure_told: bool = True


@dataclass(frozen=True, slots=True)
class PlanDecision:
    """What to do about a plan, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ask(PlanDecision):
    """Ask the account to debit ``amount_minor`` on the instalment's date."""

    instalment: Instalment
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Tell(PlanDecision):
    """Tell the customer to pay ``amount_minor`` by paylink; ``failed_attempt`` names the debit that failed, if any."""

    instalment: Instalment
    amount_minor: int
    by: date
    failed_attempt: str = ""


@dataclass(frozen=True, slots=True)
class Missed(PlanDecision):
    """The instalment was not paid in time."""

    instalment: Instalment


@dataclass(frozen=True, slots=True)
class Kept(PlanDecision):
    """Everything is paid."""


@dataclass(frozen=True, slots=True)
class Rest(PlanDecision):
    """Nothing now; look again at ``until``."""

    until: datetime


def instalment_in_turn(
    instalments: Sequence[Instalment], total_minor: int, open_minor: int
) -> tuple[Instalment, int] | None:
    """The first instalment not fully paid, and what of it is left; None when all are."""
    paid_minor = max(0, total_minor - open_minor)
    for one, until_here in zip(instalments, accumulate(each.amount_minor for each in instalments), strict=True):
        if until_here > paid_minor:
            return one, until_here - paid_minor
    return None


def decide_plan(facts: PlanFacts, now: datetime) -> PlanDecision:
    """The next thing to do about a running plan."""
    turn = instalment_in_turn(facts.instalments, facts.total_minor, facts.open_minor)
    if turn is None or facts.open_minor <= 0:
        return Kept("everything the payment plan covers is paid")
    if facts.attempt_in_flight:
        return Rest("the outcome of a payment is not known yet", now + timedelta(days=1))
    one, left_minor = turn
    left_minor = min(left_minor, facts.open_minor)
    return _PlanView(facts, one, left_minor, now).decide()


@dataclass(frozen=True, slots=True)
class _PlanView:
    """One look at the instalment in turn."""

    facts: PlanFacts
    one: Instalment
    left_minor: int
    now: datetime

    def decide(self) -> PlanDecision:
        if self.facts.failed_at is not None and not self.facts.failure_told:
            reason = f"the debit of instalment {self.one.number} failed and the customer was not told yet"
            return Tell(reason, self.one, self.left_minor, self._told_until(self.now), self.facts.failed_attempt)
        waits_for_debit = self.facts.paid_by == DEBIT and self.facts.failed_at is None and self.one.told_at is None
        return self._before_its_debit() if waits_for_debit else self._before_its_end()

    def _before_its_debit(self) -> PlanDecision:
        """Nothing was tried yet: ask in time, and once more; what was not tried at all is asked for by paylink."""
        one = self.one
        ask_at, again_at = self._morning(-ASK_DAYS), self._morning(-ASK_AGAIN_DAYS)
        gave_up_at = self._midnight(self._due_on() + timedelta(days=JUST_AFTER_DAYS + 1))
        if self.now >= gave_up_at:
            reason = f"instalment {one.number} was due on {self._due_on()} and no debit was made"
            return Tell(reason, one, self.left_minor, self._told_until(self.now))
        is_new = one.asked_at is None
        if (is_new and self.now >= ask_at) or (one.asked_at is not None and one.asked_at < again_at <= self.now):
            return Ask(f"instalment {one.number} is due on {one.due_on}", one, self.left_minor)
        until = ask_at if is_new else (again_at if self.now < again_at else gave_up_at)
        return Rest(f"instalment {one.number} of {len(self.facts.instalments)} is due on {self._due_on()}", until)

    def _before_its_end(self) -> PlanDecision:
        """It is the customer's to pay now: a reminder in time, and the end of its grace."""
        one = self.one
        remind_at, missed_at = self._morning(-REMIND_DAYS), self._missed_at()
        if one.told_at is None and self.facts.failed_at is None:
            if self.now >= remind_at:
                reason = f"instalment {one.number} is to be paid by {one.due_on}"
                return Tell(reason, one, self.left_minor, max(one.due_on, local_date(self.now, self.facts.zone)))
            return Rest(f"instalment {one.number} of {len(self.facts.instalments)} is due on {one.due_on}", remind_at)
        if self.now >= missed_at:
            return Missed(f"instalment {one.number}, due on {one.due_on}, was not paid in time", one)
        return Rest(f"instalment {one.number} may be paid until {missed_at:%Y-%m-%d %H:%M} UTC", missed_at)

    def _due_on(self) -> date:
        """Its date, or the later one that the notice of its debit named."""
        return max(self.one.due_on, self.facts.announced_on or self.one.due_on)

    def _missed_at(self) -> datetime:
        """The end of its grace, counted from its date or from when the customer was told, whichever is later."""
        told = [at for at in (self.one.told_at, self.facts.failed_at) if at is not None]
        begins = max([self._due_on(), *(local_date(at, self.facts.zone) for at in told)])
        return self._midnight(begins + timedelta(days=self.facts.grace_days + 1))

    def _told_until(self, at: datetime) -> date:
        """The last day of grace for a customer who is told now."""
        return max(self._due_on(), local_date(at, self.facts.zone)) + timedelta(days=self.facts.grace_days)

    def _morning(self, days: int) -> datetime:
        return at_local_time(self.one.due_on + timedelta(days=days), _MORNING, self.facts.zone)

    def _midnight(self, day: date) -> datetime:
        return at_local_time(day, time(0), self.facts.zone)


def asked(instalments: Sequence[Instalment], number: int, at: datetime) -> tuple[Instalment, ...]:
    """The instalments after the account was asked to debit one."""
    return tuple([replace(one, asked_at=at) if one.number == number else one for one in instalments])


def told(instalments: Sequence[Instalment], number: int, at: datetime) -> tuple[Instalment, ...]:
    """The instalments after the customer was told of one."""
    return tuple([replace(one, told_at=at) if one.number == number else one for one in instalments])


def spread_evenly(total: Money, count: int, first_on: date, every: str) -> tuple[Instalment, ...]:
    """A plan of ``count`` even instalments; what does not divide goes on the first ones, a minor unit each."""
    shares = total.allocate([1] * count)
    dates = [_later(first_on, place, every) for place in range(count)]
    return tuple(
        [
            Instalment(place, due_on, share.amount_minor)
            for place, (due_on, share) in enumerate(zip(dates, shares, strict=True), start=1)
        ]
    )


def _later(first: date, place: int, every: str) -> date:
    """The date ``place`` intervals later; a month later is the same day of the month, or its last one."""
    days = INTERVALS[every]
    if days:
        return first + timedelta(days=days * place)
    months = first.month - 1 + place
    year, month = first.year + months // 12, months % 12 + 1
    return date(year, month, min(first.day, monthrange(year, month)[1]))


def refuse_unusable(
    instalments: Sequence[Instalment], total: Money, earliest_on: date, least_minor: int, most: int, longest_days: int
) -> None:
    """Check amounts and dates of a plan. Raises InvalidValue naming the field, its value and the way out.

    ``earliest_on``: the first date that can still be announced in time; ``least_minor``: what a provider takes.
    """
    if not 1 <= len(instalments) <= most:
        raise InvalidValue(
            f"The policy allows 1 to {most} instalments.",
            field="instalments",
            value=len(instalments),
            remedy="Use fewer instalments, or another policy.",
        )
    for place, one in enumerate(instalments):
        _refuse_date(instalments, place, earliest_on, longest_days)
        if one.amount_minor < max(1, least_minor):
            raise _refusal(
                place, "amount_minor", one.amount_minor, "is too small to be paid", f"Use {least_minor} or more."
            )
    promised = sum(one.amount_minor for one in instalments)
    if promised != total.amount_minor:
        raise InvalidValue(
            f"The instalments come to {Money(promised, total.currency)}, and {total} is open and undisputed.",
            field="instalments",
            value=promised,
            remedy=f"Change amounts until they come to {total.amount_minor}, or choose other invoices.",
        )


def _refuse_date(instalments: Sequence[Instalment], place: int, earliest_on: date, longest_days: int) -> None:
    due_on = instalments[place].due_on
    if due_on < earliest_on:
        raise _refusal(place, "due_on", due_on, "is too early to be announced", f"Use {earliest_on} or later.")
    if place and due_on <= instalments[place - 1].due_on:
        remedy = f"Use a date after {instalments[place - 1].due_on}."
        raise _refusal(place, "due_on", due_on, "does not come after the one before it", remedy)
    last_on = earliest_on + timedelta(days=longest_days)
    if due_on > last_on:
        raise _refusal(place, "due_on", due_on, "is later than the policy allows", f"Use {last_on} or earlier.")


def _refusal(place: int, name: str, value: object, why: str, remedy: str) -> InvalidValue:
    message = f"Instalment {place + 1} {why}."
    return InvalidValue(message, field=f"instalments[{place}].{name}", value=value, remedy=remedy)
