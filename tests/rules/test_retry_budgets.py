"""No sequence of failures breaks a scheme's budget, whatever the policy, however often and by whomever it is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.retry import (
    BUDGETS,
    INSTRUMENT_ENDED_CODES,
    NEVER_AGAIN_CODES,
    RETRYABLE,
    FailureCategory,
    Scheme,
)
from billing.domain.retry_decision import ONE_RETRY_CODES, Try, decide_retry
from billing.domain.retry_policy import STANDARD, RetryPolicy, RetryRule

BEGIN = datetime(2027, 1, 1, tzinfo=UTC)
# Allows whatever the schemes allow: what is left then is their own limits.
EAGER = RetryPolicy(
    tuple(
        RetryRule((word,), tuple(RETRYABLE), most, 0, 180)
        for word, most in {"visa": 19, "mastercard": 34, "card": 19, "sepa_debit": 100, "bacs_debit": 1}.items()
    )
)
CODES = {
    Scheme.VISA: ("51", "05", "41", "R0"),
    Scheme.MASTERCARD: ("51", "05", "03"),
    Scheme.CARD: ("51",),
    Scheme.SEPA: ("AM04", "MS03", "MD01", "AC04"),
    Scheme.BACS: ("ARUDD-0", "ARUDD-1", ""),
}
asks = st.lists(
    st.tuples(
        st.integers(0, 40),  # hours since the last ask
        st.booleans(),  # by this account
        st.sampled_from(["inv_1", "inv_2"]),
        st.sampled_from([FailureCategory.FUNDS, FailureCategory.TECHNICAL, FailureCategory.HARD_STOP, None]),
        st.integers(0, 3),
    ),
    max_size=120,
)


@settings(max_examples=300, deadline=None)
@given(scheme=st.sampled_from(list(Scheme)), asks=asks, policy=st.sampled_from([EAGER, STANDARD]))
def test_no_sequence_of_failures_breaks_a_budget(
    scheme: Scheme, asks: list[tuple[int, bool, str, FailureCategory | None, int]], policy: RetryPolicy
) -> None:
    at, made = BEGIN, list[Try]()
    for hours, is_own, debt, category, code in asks:
        at += timedelta(hours=hours)
        seen = [one if is_own else replace(one, is_own=not one.is_own) for one in made]
        decision = decide_retry(policy, scheme, seen, frozenset({debt}), at)
        too_early = decision.not_before is not None and at < decision.not_before
        if not decision.allowed or too_early:
            assert decision.reason
            continue
        word = CODES[scheme][code % len(CODES[scheme])] if category else ""
        made.append(Try(at, category, word, category is None, is_own, frozenset({debt})))
    _refuse_broken_budgets(scheme, made)


def _refuse_broken_budgets(scheme: Scheme, made: list[Try]) -> None:
    for budget in BUDGETS[scheme]:
        declined = [one for one in made if one.category is not None]
        for one in declined:
            within = [each for each in declined if one.at <= each.at < one.at + budget.window]
            assert len(within) <= budget.attempts
    ends = [
        place
        for place, one in enumerate(made)
        if one.category == FailureCategory.HARD_STOP or one.code in INSTRUMENT_ENDED_CODES.get(scheme, ())
    ]
    assert not ends or ends[0] == len(made) - 1
    for is_own in (True, False):
        for debt in ("inv_1", "inv_2"):
            _refuse_broken_debt(scheme, [one for one in made if one.is_own is is_own and debt in one.debts])
        _refuse_more_after_never(scheme, [one for one in made if one.is_own is is_own])


def _refuse_broken_debt(scheme: Scheme, tries: list[Try]) -> None:
    """What a scheme allows once only, per debt and until it is paid."""
    failed: list[Try] = []
    for one in tries:
        failed = [] if one.has_paid else [*failed, one]
        if scheme is Scheme.BACS and failed:
            assert len(failed) <= 2
            assert failed[-1].at - failed[0].at <= timedelta(days=30)
        for before, after in pairwise(failed[1:]):
            assert before.code not in ONE_RETRY_CODES.get(scheme, ()), after


def _refuse_more_after_never(scheme: Scheme, tries: list[Try]) -> None:
    assert all(one.code not in NEVER_AGAIN_CODES.get(scheme, ()) for one in tries[:-1])
