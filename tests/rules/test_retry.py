"""When a failed payment may be tried again with the same instrument."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.retry import BUDGETS, RETRYABLE, FailureCategory, Scheme, may_retry

NOW = datetime(2026, 6, 30, 8, tzinfo=UTC)
ONE_TRY = (NOW - timedelta(days=3),)
schemes = st.sampled_from(list(Scheme))


def tries(count: int, every: timedelta) -> list[datetime]:
    """The last ``count`` tries, the latest just now."""
    return [NOW - every * place for place in range(count)]


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize("category", list(FailureCategory))
def test_only_missing_funds_and_technical_failures_are_retried(category: FailureCategory, scheme: Scheme) -> None:
    verdict = may_retry(category, scheme, ONE_TRY, NOW)
    assert verdict.allowed is (category in {FailureCategory.FUNDS, FailureCategory.TECHNICAL})
    assert category in verdict.reason


@pytest.mark.parametrize(
    ("scheme", "count", "every", "allowed"),
    [
        (Scheme.VISA, 19, timedelta(days=1), True),
        (Scheme.VISA, 20, timedelta(days=1), False),
        (Scheme.VISA, 20, timedelta(days=2), True),  # only 15 of them within 30 days
        (Scheme.MASTERCARD, 9, timedelta(hours=1), True),
        (Scheme.MASTERCARD, 10, timedelta(hours=1), False),
        (Scheme.MASTERCARD, 34, timedelta(hours=20), True),
        (Scheme.MASTERCARD, 35, timedelta(hours=20), False),
        (Scheme.CARD, 10, timedelta(hours=1), False),
        (Scheme.CARD, 20, timedelta(days=1), False),
        (Scheme.SEPA, 30, timedelta(days=1), True),
    ],
)
def test_the_budget_of_the_scheme_is_kept(scheme: Scheme, count: int, every: timedelta, allowed: bool) -> None:
    assert may_retry(FailureCategory.FUNDS, scheme, tries(count, every), NOW).allowed is allowed


def test_a_used_up_budget_says_when_it_frees_up() -> None:
    verdict = may_retry(FailureCategory.FUNDS, Scheme.VISA, tries(20, timedelta(days=1)), NOW)
    assert verdict.not_before == NOW - timedelta(days=19) + timedelta(days=30)
    assert "20 tries in 30 days" in verdict.reason
    assert may_retry(FailureCategory.FUNDS, Scheme.VISA, tries(20, timedelta(days=1)), verdict.not_before).allowed


def test_an_overdrawn_budget_frees_up_only_when_a_whole_try_fits_again() -> None:
    attempts = tries(22, timedelta(days=1))
    frees_at = may_retry(FailureCategory.FUNDS, Scheme.VISA, attempts, NOW).not_before
    assert frees_at == NOW - timedelta(days=19) + timedelta(days=30)
    assert may_retry(FailureCategory.FUNDS, Scheme.VISA, attempts, frees_at).allowed
    just_before = frees_at - timedelta(seconds=1)
    assert not may_retry(FailureCategory.FUNDS, Scheme.VISA, attempts, just_before).allowed


@pytest.mark.parametrize("code", ["MD01", "MD06", "MD07", "AC04"])
def test_sepa_never_retries_a_dead_mandate_a_refusal_a_death_or_a_closed_account(code: str) -> None:
    assert not may_retry(FailureCategory.FUNDS, Scheme.SEPA, ONE_TRY, NOW, code).allowed


@pytest.mark.parametrize(
    ("code", "tries_so_far", "allowed"), [("AM04", 1, True), ("AM04", 3, True), ("MS03", 1, True), ("MS03", 2, False)]
)
def test_sepa_retries_missing_funds_and_an_unnamed_reason_once(code: str, tries_so_far: int, allowed: bool) -> None:
    attempts = tries(tries_so_far, timedelta(days=5))
    assert may_retry(FailureCategory.TECHNICAL, Scheme.SEPA, attempts, NOW, code).allowed is allowed


@pytest.mark.parametrize(("scheme", "code"), [(Scheme.VISA, "41"), (Scheme.VISA, "R0"), (Scheme.MASTERCARD, "03")])
def test_a_card_scheme_that_says_never_again_is_obeyed(scheme: Scheme, code: str) -> None:
    assert not may_retry(FailureCategory.FUNDS, scheme, ONE_TRY, NOW, code).allowed


@given(
    scheme=schemes,
    category=st.sampled_from(sorted(RETRYABLE)),
    hours_ago=st.lists(st.integers(0, 24 * 60), max_size=60),
)
def test_a_retry_that_is_allowed_never_breaks_a_budget(
    scheme: Scheme, category: FailureCategory, hours_ago: list[int]
) -> None:
    attempts = [NOW - timedelta(hours=hours) for hours in hours_ago]
    verdict = may_retry(category, scheme, attempts, NOW)
    for budget in BUDGETS[scheme]:
        with_this_one = 1 + sum(NOW - at < budget.window for at in attempts)
        assert not verdict.allowed or with_this_one <= budget.attempts
    if verdict.not_before is not None:
        assert verdict.not_before > NOW
