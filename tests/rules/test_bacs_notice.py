"""Bacs has a notice period and banking days of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from billing.domain.banking_days import add_banking_days
from billing.domain.cycle_calendar import CycleDay, at_local_time, cycle_at, local_date
from billing.domain.cycle_plan import MethodKind, UnableToPlanCycle, plan_cycle, plan_retry, validate_policy
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.errors import InvalidValue
from billing.messages.notices import NoticeKind
from billing.services.notice_timing import is_in_time
from tests.builders import a_brand

LONDON = "Europe/London"
BRITISH = CyclePolicy(country="GB", scheme_calendar="GB", notice_days=10)


def test_bacs_counts_its_notice_in_working_days() -> None:
    closes_on = date(2026, 3, 26)
    noon_before = at_local_time(closes_on - timedelta(days=1), time(12), LONDON)
    plan = plan_cycle(cycle_at(CycleDay(26), LONDON, noon_before), BRITISH, LONDON, MethodKind.BACS_DEBIT)
    assert local_date(plan.ready_notice_at, LONDON) == date(2026, 3, 27)
    assert plan.debit_on == add_banking_days(date(2026, 3, 27), 10, "GB") == date(2026, 4, 14)


def test_a_policy_for_bacs_is_checked_with_its_own_notice_period() -> None:
    late = CyclePolicy(country="GB", scheme_calendar="GB", billing_delay_days=12, notice_days=10)
    kinds = (MethodKind.CARD, MethodKind.NONE)
    validate_policy(late, LONDON, kinds)
    with pytest.raises(UnableToPlanCycle):
        validate_policy(late, LONDON, (*kinds, MethodKind.BACS_DEBIT))


@pytest.mark.parametrize("wrong", [0, 11])
def test_the_notice_of_bacs_is_ten_working_days_or_by_agreement_fewer(wrong: int) -> None:
    assert CyclePolicy.from_dict({}).bacs_notice_banking_days == 10
    with pytest.raises(InvalidValue, match="bacs_notice_banking_days"):
        CyclePolicy.from_dict({"bacs_notice_banking_days": wrong})


def test_a_bacs_debit_presented_again_is_announced_five_working_days_ahead_and_a_first_one_ten() -> None:
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    again = plan_retry(noon, BRITISH, LONDON, MethodKind.BACS_DEBIT)
    first = plan_retry(noon, BRITISH, LONDON, MethodKind.BACS_DEBIT, full_notice=True)
    assert (again.debit_on, first.debit_on) == (date(2026, 6, 8), date(2026, 6, 15))
    agreed = replace(BRITISH, bacs_notice_banking_days=3)
    assert plan_retry(noon, agreed, LONDON, MethodKind.BACS_DEBIT).debit_on == date(2026, 6, 5)


@pytest.mark.parametrize(("debit_on", "in_time"), [(date(2026, 6, 12), False), (date(2026, 6, 15), True)])
def test_a_notice_to_a_bacs_customer_is_in_time_by_its_own_period(debit_on: date, in_time: bool) -> None:
    brand, noticed_on = a_brand(cycle_policy={"notice_days": 3}), date(2026, 6, 1)
    assert is_in_time(NoticeKind.READY, noticed_on, debit_on, brand, MethodKind.BACS_DEBIT) is in_time
    assert is_in_time(NoticeKind.READY, noticed_on, debit_on, brand, MethodKind.CARD)
    again = date(2026, 6, 5)
    assert not is_in_time(NoticeKind.RETRY, noticed_on, again, brand, MethodKind.BACS_DEBIT)
    assert is_in_time(NoticeKind.RETRY, noticed_on, again, brand, MethodKind.CARD)
