"""May a failed payment be tried again with the same instrument?

The failure's category decides first, then the scheme's code, then the scheme's budget. What a policy allows lies below
these limits (``retry_policy``). Sources: Visa (20 tries in 30 days), Mastercard (35 in 30 days and 10 in 24 hours per
card), SEPA rulebook reason codes, Bacs (an unpaid debit may be presented once more within a month).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class FailureCategory(StrEnum):
    """Why a payment failed, in words that decide what happens next."""

    FUNDS = "funds"
    TECHNICAL = "technical"
    NEEDS_CUSTOMER = "needs_customer"  # authentication, a new limit: the customer must act
    METHOD_DEAD = "method_dead"  # expired, lost, stolen, closed account
    MANDATE_DEAD = "mandate_dead"
    CUSTOMER_REFUSED = "customer_refused"
    HARD_STOP = "hard_stop"  # never again with this instrument; deceased
    MERCHANT_ERROR = "merchant_error"  # our own configuration; staff mends it, the customer hears nothing
    DUPLICATE = "duplicate"


class Scheme(StrEnum):
    """Whose rules bound the retries."""

    VISA = "visa"
    MASTERCARD = "mastercard"
    CARD = "card"  # another or unknown card brand: the strictest of both card schemes
    SEPA = "sepa"
    BACS = "bacs"


@dataclass(frozen=True, slots=True)
class RetryVerdict:
    """Whether a retry is allowed, and the rule that says so; ``not_before`` when a budget frees up later."""

    allowed: bool
    reason: str
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """At most ``attempts`` tries per instrument within ``window``."""

    attempts: int
    window: timedelta


_THIRTY_DAYS = timedelta(days=30)
BUDGETS: dict[Scheme, tuple[Budget, ...]] = {
    Scheme.VISA: (Budget(20, _THIRTY_DAYS),),
    Scheme.MASTERCARD: (Budget(35, _THIRTY_DAYS), Budget(10, timedelta(hours=24))),
    Scheme.CARD: (Budget(20, _THIRTY_DAYS), Budget(10, timedelta(hours=24))),
    Scheme.SEPA: (),
    Scheme.BACS: (),
}

RETRYABLE = frozenset({FailureCategory.FUNDS, FailureCategory.TECHNICAL})

# Codes after which the scheme forbids another try, whatever category they were given.
NEVER_AGAIN_CODES: dict[Scheme, frozenset[str]] = {
    Scheme.SEPA: frozenset({"MD01", "MD06", "MD07", "AC04"}),
    Scheme.VISA: frozenset({"04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3"}),
    Scheme.MASTERCARD: frozenset({"03", "21"}),
    Scheme.BACS: frozenset(f"ARUDD-{code}" for code in "123456789AB"),
}
# Of these the instrument itself is ended, whoever holds a mandate on it or has stored it.
INSTRUMENT_ENDED_CODES: dict[Scheme, frozenset[str]] = {
    Scheme.SEPA: frozenset({"AC04", "MD07"}),
    Scheme.BACS: frozenset({"ARUDD-2", "ARUDD-B"}),
    Scheme.VISA: NEVER_AGAIN_CODES[Scheme.VISA],
    Scheme.MASTERCARD: NEVER_AGAIN_CODES[Scheme.MASTERCARD],
}
# How long a try counts in any scheme's budget.
LONGEST_WINDOW = max(budget.window for budgets in BUDGETS.values() for budget in budgets)
ENDING_CODES = frozenset().union(*INSTRUMENT_ENDED_CODES.values())
# Bacs: whatever the reason, one more presentation of an unpaid debit, and not later than this.
REPRESENTED_WITHIN = timedelta(days=30)
_ONE_RETRY_CODES: dict[Scheme, frozenset[str]] = {Scheme.SEPA: frozenset({"MS03"})}


def may_retry(
    category: FailureCategory,
    scheme: Scheme,
    attempts_so_far: Sequence[datetime],
    now: datetime,
    scheme_code: str = "",
) -> RetryVerdict:
    """Whether this instrument may be tried once more at ``now``.

    ``attempts_so_far`` are the instants of all tries with it since it last paid, the failed one included;
    ``scheme_code`` is the scheme's own code (a SEPA reason code, ``ARUDD-0``, a card network's response code; empty
    when unknown).
    """
    if category not in RETRYABLE:
        return RetryVerdict(False, f"a failure of category {category} is never retried with the same instrument")
    if scheme_code in NEVER_AGAIN_CODES.get(scheme, frozenset()):
        return RetryVerdict(False, f"{scheme} forbids a retry after code {scheme_code}")
    if scheme_code in _ONE_RETRY_CODES.get(scheme, frozenset()) and len(attempts_so_far) > 1:
        return RetryVerdict(False, f"{scheme} allows one retry after code {scheme_code}, and it was used")
    if scheme is Scheme.BACS and (why := _not_presented_again(attempts_so_far, now)):
        return RetryVerdict(False, why)
    within = within_budgets(scheme, attempts_so_far, now)
    if not within.allowed:
        return within
    return RetryVerdict(True, f"a failure of category {category} may be retried within the limits of {scheme}")


def _not_presented_again(attempts_so_far: Sequence[datetime], now: datetime) -> str:
    """Why an unpaid Bacs debit may not be presented once more; empty when it may."""
    if len(attempts_so_far) > 1:
        return "bacs allows an unpaid debit to be presented once more, and it was"
    if attempts_so_far and now > min(attempts_so_far) + REPRESENTED_WITHIN:
        return f"bacs allows an unpaid debit to be presented once more within {REPRESENTED_WITHIN.days} days"
    return ""


def within_budgets(scheme: Scheme, attempts_so_far: Sequence[datetime], now: datetime) -> RetryVerdict:
    """Whether one more try fits into the scheme's budgets; ``attempts_so_far`` by whichever account was declined."""
    for budget in BUDGETS[scheme]:
        recent = sorted(at for at in attempts_so_far if at > now - budget.window)
        if len(recent) >= budget.attempts:
            frees_at = recent[-budget.attempts] + budget.window
            limit = f"{budget.attempts} tries in {_window(budget.window)}"
            return RetryVerdict(False, f"{scheme} allows {limit}, and all are used", not_before=frees_at)
    return RetryVerdict(True, f"one more try is within the limits of {scheme}")


def _window(window: timedelta) -> str:
    return f"{window.days} days" if window.days > 1 else "24 hours"
