"""May this instrument be tried again for these debts, from when on, until when, and by which rule?

Decided from what the instrument itself suffered, by whichever account: schemes count tries per card, and a card that
one account was told never to try again is not tried by another one either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from billing.domain.retry import (
    INSTRUMENT_ENDED_CODES,
    NEVER_AGAIN_CODES,
    REPRESENTED_WITHIN,
    RETRYABLE,
    FailureCategory,
    RetryVerdict,
    Scheme,
    within_budgets,
)
from billing.domain.retry_policy import RetryPolicy, RetryRule

# Codes after which a scheme allows one more try of the same debt, and no further one.
ONE_RETRY_CODES: dict[Scheme, frozenset[str]] = {Scheme.SEPA: frozenset({"MS03"})}


@dataclass(frozen=True, slots=True)
class Try:
    """One try to debit an instrument. ``is_own``: by the account that asks; ``debts`` are then its invoices.

    ``category`` is None where it did not fail; ``has_paid`` where the money came; ``is_open`` while nobody knows.
    """

    at: datetime
    category: FailureCategory | None = None
    code: str = ""
    has_paid: bool = False
    is_open: bool = False
    is_own: bool = True
    debts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """Whether, and by which rule. ``not_before`` and ``not_after`` bound the try; the rest is for people.

    Not ``allowed`` with a ``not_before``: only a budget is used up, and frees up then.
    """

    allowed: bool
    reason: str
    rule: str
    policy_version: int
    inputs: dict[str, Any]
    not_before: datetime | None = None
    not_after: datetime | None = None
    on_payday: bool = False


def ended_by(scheme: Scheme, tries: Sequence[Try]) -> Try | None:
    """The try after which an instrument must never be tried again, by anybody; None where there was none."""
    codes = INSTRUMENT_ENDED_CODES.get(scheme, frozenset())
    return next((one for one in tries if one.category == FailureCategory.HARD_STOP or one.code in codes), None)


def may_be_debited(scheme: Scheme, tries: Sequence[Try], at: datetime) -> RetryVerdict:
    """What the scheme says about any debit of an instrument at an instant, a first one too.

    Budgets count tries that were declined, or may yet be: a card that pays for many accounts is not held up by paying.
    """
    end = ended_by(scheme, tries)
    if end is not None:
        return RetryVerdict(False, f"{scheme} forbids any further try after {end.category} {end.code}".rstrip())
    return within_budgets(scheme, [one.at for one in tries if one.is_open or one.category is not None], at)


def decide_retry(
    policy: RetryPolicy, scheme: Scheme, tries: Sequence[Try], debts: frozenset[str], at: datetime
) -> RetryDecision:
    """Whether the instrument may be tried for the debts at an instant, by the scheme first and then by the policy."""
    return _Case(policy, scheme, tuple(tries), debts, at).decide()


@dataclass(frozen=True, slots=True)
class _Case:
    """One look at an instrument; holds the inputs so that each rule below reads as a sentence."""

    policy: RetryPolicy
    scheme: Scheme
    tries: tuple[Try, ...]
    debts: frozenset[str]
    at: datetime

    def decide(self) -> RetryDecision:
        by_scheme = may_be_debited(self.scheme, self.tries, self.at)
        if not by_scheme.allowed:
            return self._no(by_scheme.reason, f"limits of {self.scheme}", by_scheme.not_before)
        last = self._last_failure()
        if last is None or last.category is None:
            return self._yes("this method has not failed since it last paid", "a method that has not failed")
        if last.category not in RETRYABLE or last.code in NEVER_AGAIN_CODES.get(self.scheme, frozenset()):
            why = f"a failure of category {last.category} {last.code}".rstrip()
            return self._no(f"{why} is never retried with the same instrument", f"limits of {self.scheme}")
        if is_through := self._scheme_is_through(last):
            return self._no(is_through, f"limits of {self.scheme}")
        rule = self.policy.rule_for(self.scheme, last.category, last.code)
        if rule is None:
            return self._no(f"no rule retries {last.category} {last.code}".rstrip(), "none")
        return self._by_rule(rule)

    def _by_rule(self, rule: RetryRule) -> RetryDecision:
        failed = self._failed()
        if len(failed) > rule.most_retries:
            return self._no(f"{rule.most_retries} retries of this debt were made", rule.name)
        last_moment = failed[0].at + timedelta(days=rule.within_days) if failed else None
        if self.scheme is Scheme.BACS and failed:
            last_moment = min(failed[0].at + REPRESENTED_WITHIN, last_moment or self.at)
        if last_moment is not None and self.at > last_moment:
            return self._no(f"a retry may come within {rule.within_days} days of the first failure", rule.name)
        begins = self._last_own() + timedelta(days=rule.days_between)
        reason = f"retry {max(len(failed), 1)} of {rule.most_retries}"
        return self._yes(reason, rule.name, begins, last_moment, on_payday=rule.on_payday and self._lacks_funds())

    def _scheme_is_through(self, last: Try) -> str:
        """Why what the scheme allows once only may not be done again; empty when it may."""
        failed = self._failed()
        if last.code in ONE_RETRY_CODES.get(self.scheme, frozenset()) and len(failed) > 1:
            return f"{self.scheme} allows one retry after code {last.code}, and it was used"
        if self.scheme is Scheme.BACS and len(failed) > 1:
            return "bacs allows an unpaid debit to be presented once more, and it was"
        if self.scheme is Scheme.BACS and failed and self.at > failed[0].at + REPRESENTED_WITHIN:
            return f"bacs allows an unpaid debit to be presented once more within {REPRESENTED_WITHIN.days} days"
        return ""

    def _last_failure(self) -> Try | None:
        """The account's own newest failure with this instrument, unless it paid since."""
        for one in sorted(self._own(), key=lambda each: each.at, reverse=True):
            if one.has_paid:
                return None
            if one.category is not None:
                return one
        return None

    def _failed(self) -> list[Try]:
        """Failed tries of these debts, oldest first."""
        mine = [one for one in self._own() if one.category is not None and one.debts & self.debts]
        return sorted(mine, key=lambda one: one.at)

    def _own(self) -> list[Try]:
        return [one for one in self.tries if one.is_own]

    def _last_own(self) -> datetime:
        return max(one.at for one in self._own())

    def _lacks_funds(self) -> bool:
        last = self._last_failure()
        return last is not None and last.category == FailureCategory.FUNDS

    def _yes(
        self,
        reason: str,
        rule: str,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        *,
        on_payday: bool = False,
    ) -> RetryDecision:
        inputs = self._inputs()
        return RetryDecision(True, reason, rule, self.policy.version, inputs, not_before, not_after, on_payday)

    def _no(self, reason: str, rule: str, not_before: datetime | None = None) -> RetryDecision:
        return RetryDecision(False, reason, rule, self.policy.version, self._inputs(), not_before)

    def _inputs(self) -> dict[str, Any]:
        last = self._last_failure()
        return {
            "scheme": self.scheme.value,
            "category": last.category.value if last and last.category else "",
            "code": last.code if last else "",
            "tries_with_instrument": len(self.tries),
            "tries_by_other_accounts": len(self.tries) - len(self._own()),
            "failed_tries_of_this_debt": len(self._failed()),
        }
