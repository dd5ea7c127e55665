"""The retry policy as data, and what is decided by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.domain.bacs import REPORTS
from billing.domain.errors import InvalidValue
from billing.domain.retry import NEVER_AGAIN_CODES, RETRYABLE, FailureCategory, Scheme
from billing.domain.retry_decision import RetryDecision, Try, decide_retry
from billing.domain.retry_policy import STANDARD, RetryPolicy

NOW = datetime(2027, 6, 8, 8, tzinfo=UTC)
DEBT = frozenset({"inv_1"})
FUNDS, TECHNICAL = FailureCategory.FUNDS, FailureCategory.TECHNICAL


def a_try(days_ago: int, category: FailureCategory | None = FUNDS, code: str = "", **more: Any) -> Try:
    return Try(NOW - timedelta(days=days_ago), category, code, debts=more.pop("debts", DEBT), **more)


def decided(scheme: Scheme, *tries: Try, policy: RetryPolicy = STANDARD) -> RetryDecision:
    return decide_retry(policy, scheme, tries, DEBT, NOW)


def a_rule(**changes: Any) -> dict[str, Any]:
    return {"instruments": ["card"], "categories": ["funds"], "most_retries": 3} | changes


def test_a_card_without_funds_is_retried_after_two_days_at_most_four_times_and_on_paydays() -> None:
    once = decided(Scheme.VISA, a_try(0, code="51"))
    assert (once.allowed, once.on_payday, once.rule) == (True, True, "card funds")
    assert once.not_before == NOW + timedelta(days=2)
    assert once.not_after == NOW + timedelta(days=30)
    assert once.inputs == {
        "scheme": "visa",
        "category": "funds",
        "code": "51",
        "tries_with_instrument": 1,
        "tries_by_other_accounts": 0,
        "failed_tries_of_this_debt": 1,
    }
    often = decided(Scheme.VISA, *(a_try(days) for days in (20, 15, 10, 5, 1)))
    assert (often.allowed, often.reason, often.not_before) == (False, "4 retries of this debt were made", None)


def test_what_was_suffered_for_another_debt_or_before_it_last_paid_does_not_count() -> None:
    other = [a_try(days, debts=frozenset({"inv_0"})) for days in (20, 18, 16, 14, 12)]
    assert decided(Scheme.VISA, *other, a_try(1)).allowed
    paid = decided(Scheme.VISA, a_try(5), a_try(3, None, has_paid=True))
    assert (paid.allowed, paid.not_before, paid.rule) == (True, None, "a method that has not failed")


def test_a_retry_that_would_come_too_late_is_none() -> None:
    assert decided(Scheme.VISA, a_try(31)).reason == "a retry may come within 30 days of the first failure"


@pytest.mark.parametrize("code", ["MD01", "MD06", "MD07", "AC04"])
def test_sepa_codes_that_forbid_it_are_obeyed_whatever_category_they_got(code: str) -> None:
    assert not decided(Scheme.SEPA, a_try(5, code=code)).allowed


def test_sepa_retries_an_unnamed_reason_once_and_want_of_funds_twice() -> None:
    assert decided(Scheme.SEPA, a_try(5, TECHNICAL, "MS03")).allowed
    again = decided(Scheme.SEPA, a_try(9, TECHNICAL, "MS03"), a_try(3, TECHNICAL, "MS03"))
    assert (again.allowed, again.reason) == (False, "sepa allows one retry after code MS03, and it was used")
    assert decided(Scheme.SEPA, a_try(9, code="AM04"), a_try(3, code="AM04")).allowed
    assert not decided(Scheme.SEPA, *(a_try(days, code="AM04") for days in (15, 9, 3))).allowed


def test_an_earlier_month_that_was_paid_leaves_the_one_retry_of_sepa_free() -> None:
    months = [a_try(days, None, has_paid=True, debts=frozenset({f"inv_{days}"})) for days in (90, 60, 31)]
    assert decided(Scheme.SEPA, *months, a_try(4, TECHNICAL, "MS03")).allowed


def test_bacs_presents_an_unpaid_debit_once_more_and_within_a_month() -> None:
    once = decided(Scheme.BACS, a_try(4, code="ARUDD-0"))
    assert (once.allowed, once.not_after) == (True, NOW - timedelta(days=4) + timedelta(days=30))
    assert not decided(Scheme.BACS, a_try(20, code="ARUDD-0"), a_try(4, code="ARUDD-0")).allowed
    late = decided(Scheme.BACS, a_try(31, code="ARUDD-0"))
    assert (late.allowed, "within 30 days" in late.reason) == (False, True)


@pytest.mark.parametrize("code", [code for code in REPORTS if code.startswith("ARUDD") and code != "ARUDD-0"])
def test_bacs_presents_nothing_again_after_any_other_report(code: str) -> None:
    assert code in NEVER_AGAIN_CODES[Scheme.BACS]
    assert REPORTS[code].category not in RETRYABLE
    assert not decided(Scheme.BACS, a_try(4, code=code)).allowed


def test_a_card_that_another_account_was_told_never_to_try_again_is_not_tried() -> None:
    for end in (a_try(9, FailureCategory.HARD_STOP, "lost_card"), a_try(9, FUNDS, "41")):
        others = Try(end.at, end.category, end.code, is_own=False)
        refused = decided(Scheme.VISA, others, a_try(3))
        assert (refused.allowed, refused.not_before, refused.inputs["tries_by_other_accounts"]) == (False, None, 1)
        first = decide_retry(STANDARD, Scheme.VISA, [others], DEBT, NOW)
        assert not first.allowed


def test_the_tries_of_other_accounts_use_up_the_cards_budget() -> None:
    others = [Try(NOW - timedelta(days=days), FUNDS, "51", is_own=False) for days in range(1, 20)]
    full = decided(Scheme.VISA, a_try(0), *others)
    assert (full.allowed, full.not_before) == (False, NOW - timedelta(days=19) + timedelta(days=30))
    assert decided(Scheme.VISA, a_try(0), *others[1:]).allowed


def test_a_try_whose_outcome_nobody_knows_counts_and_one_that_paid_does_not() -> None:
    others = [Try(NOW - timedelta(days=days), FUNDS, "51", is_own=False) for days in range(1, 19)]
    last = Try(NOW, is_open=True, is_own=False)
    assert not decided(Scheme.VISA, a_try(0), *others, last).allowed
    paid = [Try(NOW, has_paid=True, is_own=False)] * 40
    assert decided(Scheme.VISA, a_try(0), *others, *paid).allowed


def test_without_a_rule_nothing_is_retried_and_the_first_rule_that_covers_it_holds() -> None:
    assert decided(Scheme.VISA, a_try(1), policy=RetryPolicy(())).reason == "no rule retries funds"
    narrow = a_rule(instruments=["visa"], codes=["51"], most_retries=1)
    policy = RetryPolicy.from_dict({"rules": [narrow, a_rule()]}, version=7)
    assert not decided(Scheme.VISA, a_try(5, code="51"), a_try(1, code="51"), policy=policy).allowed
    wide = decided(Scheme.MASTERCARD, a_try(5, code="51"), a_try(1, code="51"), policy=policy)
    assert (wide.allowed, wide.rule, wide.policy_version) == (True, "card funds", 7)


def test_a_policy_reads_what_it_wrote() -> None:
    assert RetryPolicy.from_dict(STANDARD.to_dict()) == STANDARD


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ([a_rule(instruments=[])], "rules[0].instruments"),
        ([a_rule(instruments=["cheque"])], "rules[0].instruments"),
        ([a_rule(categories=["hard_stop"])], "rules[0].categories"),
        ([a_rule(most_retries=20)], "rules[0].most_retries"),
        ([a_rule(instruments=["mastercard"], most_retries=35)], "rules[0].most_retries"),
        ([a_rule(instruments=["bacs_debit"], most_retries=2)], "rules[0].most_retries"),
        ([a_rule(within_days=0)], "rules[0].within_days"),
        ([a_rule(), a_rule(instruments=["visa"])], "rules[1].instruments"),
        ([a_rule(often=3)], "rules[0].often"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused_by_field(rules: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        RetryPolicy.from_dict({"rules": rules})
    assert refused.value.field == field
    assert refused.value.remedy
