"""The business clock."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.domain.errors import InvalidValue

REAL = datetime(2026, 3, 1, 12, tzinfo=UTC)
BUSINESS = datetime(2027, 1, 31, tzinfo=UTC)
A_DAY_IN_FIVE_SECONDS = ClockSegment(REAL, BUSINESS, 17_280)


def test_normal_time_is_real_time() -> None:
    assert NORMAL_TIME.is_normal_time
    assert NORMAL_TIME.business(REAL) == REAL
    assert NORMAL_TIME.real(REAL) == REAL


def test_five_real_seconds_are_a_business_day() -> None:
    assert A_DAY_IN_FIVE_SECONDS.business(REAL + timedelta(seconds=5)) == BUSINESS + timedelta(days=1)
    assert A_DAY_IN_FIVE_SECONDS.real(BUSINESS + timedelta(days=1)) == REAL + timedelta(seconds=5)
    assert A_DAY_IN_FIVE_SECONDS.real_duration(timedelta(days=2)) == timedelta(seconds=10)


def test_a_moved_origin_at_rate_one_is_not_normal_time() -> None:
    moved = ClockSegment(REAL, BUSINESS, 1.0)
    assert not moved.is_normal_time
    assert moved.business(REAL + timedelta(hours=3)) == BUSINESS + timedelta(hours=3)


def test_no_business_time_passes_while_the_stack_is_down() -> None:
    last_seen = REAL + timedelta(seconds=5)
    resumed = REAL + timedelta(hours=7)
    after = A_DAY_IN_FIVE_SECONDS.continued_from(last_seen, resumed, rate=17_280)
    assert after.business(resumed) == A_DAY_IN_FIVE_SECONDS.business(last_seen)


def test_business_time_stands_still_until_its_segment_begins() -> None:
    assert A_DAY_IN_FIVE_SECONDS.business(REAL - timedelta(seconds=5)) == BUSINESS


@pytest.mark.parametrize("rate", [0, -1, -0.5])
def test_time_that_stands_still_or_runs_backwards_is_refused(rate: float) -> None:
    with pytest.raises(InvalidValue, match="forwards") as refusal:
        ClockSegment(REAL, BUSINESS, rate)
    assert refusal.value.field == "rate"


@given(
    rate=st.integers(min_value=1, max_value=1_000_000),
    real_seconds=st.integers(min_value=0, max_value=100_000),
)
def test_real_and_business_time_are_inverse(rate: int, real_seconds: int) -> None:
    segment = ClockSegment(REAL, datetime(2026, 1, 1, tzinfo=UTC), rate / 1000)
    real = REAL + timedelta(seconds=real_seconds)
    assert abs(segment.real(segment.business(real)) - real) < timedelta(milliseconds=2)
