"""Quiet hours."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.quiet_hours import (
    DEFAULT_QUIET_HOURS,
    WORKING_HOURS,
    QuietHours,
    last_allowed_day,
    next_allowed,
    next_allowed_day,
    refuse_quiet_hour,
)

AMSTERDAM = "Europe/Amsterdam"
instants = st.integers(1_700_000_000, 2_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
quiet_hours = st.builds(QuietHours, st.integers(0, 23), st.integers(0, 23), st.booleans(), st.booleans())


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(AMSTERDAM))


@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        ("2026-06-16T09:00", "2026-06-16T09:00"),
        ("2026-06-16T19:59:59", "2026-06-16T19:59:59"),
        ("2026-06-16T20:00", "2026-06-17T09:00"),
        ("2026-06-16T03:00", "2026-06-16T09:00"),
        ("2026-06-13T21:00", "2026-06-15T09:00"),  # Saturday night: Sunday is quiet
        ("2026-06-14T12:00", "2026-06-15T09:00"),  # Sunday
        ("2026-04-05T12:00", "2026-04-07T09:00"),  # Easter Sunday, then Easter Monday
        ("2026-04-27T12:00", "2026-04-28T09:00"),  # King's Day
        ("2026-03-28T22:00", "2026-03-30T09:00"),  # the night the clocks go forward
    ],
)
def test_a_notice_waits_until_the_customer_may_be_disturbed(at: str, allowed: str) -> None:
    assert next_allowed(local(at), AMSTERDAM, "NL") == local(allowed)


def test_a_receipt_never_waits() -> None:
    at_night = local("2026-06-14T03:00")
    assert next_allowed(at_night, AMSTERDAM, "NL", exempt=True) == at_night


def test_holidays_of_no_country_are_no_holidays() -> None:
    assert next_allowed(local("2026-04-27T12:00"), AMSTERDAM) == local("2026-04-27T12:00")


@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        ("2026-06-19T16:59", "2026-06-19T16:59"),
        ("2026-06-19T17:00", "2026-06-22T09:00"),
        ("2026-06-20T11:00", "2026-06-22T09:00"),
    ],
)
def test_the_network_is_touched_in_working_hours_only(at: str, allowed: str) -> None:
    assert next_allowed(local(at), AMSTERDAM, "NL", WORKING_HOURS) == local(allowed)


def test_quiet_hours_may_lie_within_the_day_or_not_exist() -> None:
    siesta = QuietHours(12, 14, sundays=False, public_holidays=False)
    assert next_allowed(local("2026-06-16T13:00"), AMSTERDAM, "NL", siesta) == local("2026-06-16T14:00")
    assert next_allowed(local("2026-06-16T03:00"), AMSTERDAM, "NL", siesta) == local("2026-06-16T03:00")
    never = QuietHours(0, 0, sundays=False, public_holidays=False)
    assert next_allowed(local("2026-06-14T03:00"), AMSTERDAM, "NL", never) == local("2026-06-14T03:00")


def test_days_are_found_forwards_and_backwards() -> None:
    assert next_allowed_day(date(2026, 4, 5), "NL") == date(2026, 4, 7)
    assert last_allowed_day(date(2026, 4, 6), "NL") == date(2026, 4, 4)


@given(at=instants, quiet=quiet_hours, zone=st.sampled_from([AMSTERDAM, "America/Havana", "Asia/Beirut"]))
def test_the_allowed_instant_is_not_earlier_and_not_quiet(at: datetime, quiet: QuietHours, zone: str) -> None:
    allowed = next_allowed(at, zone, "NL", quiet)
    shown = allowed.astimezone(ZoneInfo(zone))
    assert allowed >= at
    assert not quiet.covers_day(shown.date(), "NL")
    assert not quiet.covers_hour(shown.hour)
    assert next_allowed(allowed, zone, "NL", quiet) == allowed
    assert allowed - at < timedelta(days=8)


def test_quiet_hours_survive_plain_json() -> None:
    assert QuietHours.from_dict(WORKING_HOURS.to_dict()) == WORKING_HOURS
    assert QuietHours.from_dict({}) == DEFAULT_QUIET_HOURS


def test_planning_something_in_quiet_hours_is_refused() -> None:
    with pytest.raises(InvalidValue, match="20:00-09:00") as refusal:
        refuse_quiet_hour(8, DEFAULT_QUIET_HOURS, "notice_hour_local")
    assert refusal.value.field == "notice_hour_local"
