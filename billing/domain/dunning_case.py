"""A dunning case as a decision sees it, and what can be decided.

    Decision
    ├── Remind      failed notice or reminder, with the paylink
    ├── Retry       ask the account, the only collector, to try again
    ├── Warn        barring warning that names the date
    ├── Bar         set the account's services to a level
    ├── HandOver    the end of the ladder: collection agency or write-off, a person decides
    ├── Wait        nothing now; look again at ``until``, or when something changes (None)
    └── Close       nothing is owed any more, or too little to be paid by itself

Every decision carries its reason: the rule, the policy's version, and the inputs it was taken on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from billing.domain.barring import BarringLevel
from billing.domain.dunning_step import DunningAction
from billing.domain.retry import FailureCategory, Scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """A case at one moment. Amounts in minor units of ``currency``; instants aware UTC; ``zone`` of the brand.

    ``open_amount_minor`` is everything overdue; disputed and promised parts are taken off it (``promised_amount_minor``
    None: a promise covers everything, until ``promise_until``), and so is ``planned_amount_minor``, what a running
    payment plan covers. ``unpaid_invoices`` are those with something pursued, the oldest of them due since
    ``oldest_due_on`` (local date). ``rested_days`` are local days during which a plan covered everything: the ladder's
    later days come as much later. ``handed_over`` is a person's decision. ``steps_done`` are names of steps.
    ``warned_at`` is when the last barring warning left, ``warning_delivered_at`` when it arrived (None: not yet),
    ``warning_failed`` that it bounced. ``attempt_times`` are all tries with the instrument in use, also the failed one;
    ``method_untried`` that the instrument came after the failure. ``country`` names the public holidays.
    Less than ``least_payable_minor`` cannot be paid by itself.
    """

    opened_at: datetime
    currency: str
    open_amount_minor: int
    disputed_amount_minor: int = 0
    zone: str = "UTC"
    country: str = ""
    steps_done: tuple[str, ...] = ()
    method_usable: bool = True
    method_untried: bool = False
    last_failure_category: FailureCategory | None = None
    last_failure_code: str = ""
    scheme: Scheme = Scheme.CARD
    attempt_times: tuple[datetime, ...] = ()
    attempt_in_flight: bool = False
    warned_at: datetime | None = None
    warning_delivered_at: datetime | None = None
    warning_failed: bool = False
    promise_until: datetime | None = None
    promised_amount_minor: int | None = None
    hold_until: datetime | None = None
    paused: bool = False
    barring_level: str = BarringLevel.NONE
    barred_at: datetime | None = None
    planned_amount_minor: int = 0
    unpaid_invoices: int = 1
    oldest_due_on: date | None = None
    segment: str = "standard"
    rested_days: int = 0
    handed_over: bool = False
    least_payable_minor: int = 1

    def promised_minor(self, now: datetime) -> int:
        """The undisputed amount a running promise covers at ``now``."""
        if self.promise_until is None or now >= self.promise_until:
            return 0
        undisputed = max(0, self.open_amount_minor - self.disputed_amount_minor - self.planned_amount_minor)
        return undisputed if self.promised_amount_minor is None else min(undisputed, self.promised_amount_minor)

    def pursued_minor(self, now: datetime) -> int:
        """What dunning may press for: open, not disputed, not promised, not in a payment plan."""
        covered = self.disputed_amount_minor + self.planned_amount_minor + self.promised_minor(now)
        return max(0, self.open_amount_minor - covered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do next and why. ``step`` is the name to add to the case's steps done; empty when no step was taken."""

    reason: str
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remind(Decision):
    """Send a notice with the paylink; ``notice`` is ``failed_notice`` or ``reminder``. No ``channels``: as chosen."""

    notice: DunningAction
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(Decision):
    """Ask the account to announce and try the amount again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warn(Decision):
    """Send the barring warning that names the local date ``bar_on`` and the ``level``."""

    bar_on: date
    level: str
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar(Decision):
    """Set the account's services to ``level``."""

    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver(Decision):
    """The ladder is at its end: a person decides between collection agency and write-off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Decision):
    """Nothing now. Decide again at ``until``; None: only when the case changes."""

    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Decision):
    """Nothing is owed, or too little to be paid by itself: end the case and lift what it barred."""
