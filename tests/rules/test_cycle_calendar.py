"""Cycles: clamping, local midnights, first cycles, and changes of day and zone."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from billing.domain.cycle_calendar import (
    BridgePolicy,
    Cycle,
    CycleDay,
    FirstCycleRule,
    at_local_time,
    change_cycle_day,
    cycle_at,
    cycle_containing,
    first_cycle,
    local_date,
    local_midnight,
    next_cycle,
)
from billing.domain.errors import InvalidValue

AMSTERDAM = "Europe/Amsterdam"
ZONES = [
    AMSTERDAM,
    "America/Sao_Paulo",  # clocks went forward at midnight until 2018
    "Asia/Beirut",  # forward at midnight
    "America/Havana",  # forward at midnight, and midnight twice in autumn
    "America/St_Johns",  # back one minute after midnight until 2011
    "Pacific/Apia",  # skipped 30 December 2011
    "Pacific/Kiritimati",
    "UTC",
]
zones = st.sampled_from(ZONES)
cycle_days = st.integers(min_value=1, max_value=31).map(CycleDay)
instants = st.integers(
    int(datetime(2005, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2035, 1, 1, tzinfo=UTC).timestamp())
).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def closes_on(cycle: Cycle, zone: str = AMSTERDAM) -> date:
    return local_date(cycle.closes_at, zone)


def following(cycle: Cycle, zone: str, count: int) -> list[Cycle]:
    cycles = [cycle]
    for _ in range(count):
        cycles.append(next_cycle(cycles[-1], zone))
    return cycles


@pytest.mark.parametrize(
    ("cycle_day", "year", "month", "expected"),
    [
        (31, 2026, 1, date(2026, 1, 31)),
        (31, 2026, 2, date(2026, 2, 28)),
        (31, 2028, 2, date(2028, 2, 29)),
        (31, 2026, 4, date(2026, 4, 30)),
        (30, 2026, 2, date(2026, 2, 28)),
        (29, 2028, 2, date(2028, 2, 29)),
        (29, 2100, 2, date(2100, 2, 28)),
        (1, 2026, 2, date(2026, 2, 1)),
    ],
)
def test_a_short_month_lends_its_last_day(cycle_day: int, year: int, month: int, expected: date) -> None:
    assert CycleDay(cycle_day).in_month(year, month) == expected


def test_the_anchor_31_is_kept_through_february() -> None:
    first = first_cycle(datetime(2026, 1, 31, 9, tzinfo=UTC), CycleDay(31), AMSTERDAM)
    dates = [closes_on(cycle) for cycle in following(first, AMSTERDAM, 3)]
    assert dates == [date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)]


@pytest.mark.parametrize("value", [0, 32, -1, True, "5", 1.0])
def test_what_is_no_day_of_the_month_is_refused(value: Any) -> None:
    with pytest.raises(InvalidValue) as refusal:
        CycleDay(value)
    assert refusal.value.field == "cycle_day"
    assert "1..31" in refusal.value.remedy


def test_a_zone_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidValue, match="Mars/Olympus") as refusal:
        local_midnight(date(2026, 1, 1), "Mars/Olympus")
    assert refusal.value.field == "zone"


@pytest.mark.parametrize(
    ("zone", "day", "first_instant"),
    [
        (AMSTERDAM, date(2026, 3, 29), "2026-03-28T23:00:00+00:00"),
        (AMSTERDAM, date(2026, 3, 30), "2026-03-29T22:00:00+00:00"),
        ("Asia/Beirut", date(2026, 3, 29), "2026-03-28T22:00:00+00:00"),  # 00:00 does not exist: 01:00
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00:00+00:00"),  # 00:00 does not exist: 01:00
        ("America/Havana", date(2026, 3, 8), "2026-03-08T05:00:00+00:00"),  # 00:00 does not exist: 01:00
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00:00+00:00"),  # 00:00 happens twice: the first
        ("America/St_Johns", date(2005, 10, 30), "2005-10-30T02:30:00+00:00"),  # 00:00 happens twice: the first
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00:00+00:00"),  # the day does not exist: the 31st
    ],
)
def test_a_local_day_begins_when_the_clock_first_shows_it(zone: str, day: date, first_instant: str) -> None:
    assert local_midnight(day, zone).isoformat() == first_instant


@given(day=st.dates(date(1995, 1, 1), date(2037, 1, 1)), zone=zones, hour=st.integers(0, 23))
@example(day=date(2011, 12, 30), zone="Pacific/Apia", hour=9)
def test_a_local_time_is_the_first_instant_that_shows_it_or_later(day: date, zone: str, hour: int) -> None:
    wanted = datetime.combine(day, time(hour))
    instant = at_local_time(day, time(hour), zone)

    def shown(at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    assert shown(instant) >= wanted
    assert shown(instant - timedelta(seconds=1)) < wanted


def test_an_account_activated_on_its_cycle_day_gets_a_month() -> None:
    activated_at = datetime(2026, 3, 15, 13, 37, tzinfo=UTC)
    cycle = first_cycle(activated_at, CycleDay(15), AMSTERDAM)
    assert cycle == Cycle(1, activated_at, local_midnight(date(2026, 4, 15), AMSTERDAM), CycleDay(15))


@pytest.mark.parametrize(
    ("activated_on", "cycle_day", "extended_to", "short_to"),
    [
        (date(2026, 3, 15), 20, date(2026, 4, 20), date(2026, 3, 20)),
        (date(2026, 3, 15), 10, date(2026, 5, 10), date(2026, 4, 10)),
        (date(2026, 3, 15), 15, date(2026, 4, 15), date(2026, 4, 15)),
        (date(2026, 1, 30), 31, date(2026, 2, 28), date(2026, 1, 31)),
        (date(2026, 1, 31), 31, date(2026, 2, 28), date(2026, 2, 28)),
        (date(2026, 2, 28), 31, date(2026, 3, 31), date(2026, 3, 31)),
        (date(2026, 12, 31), 1, date(2027, 2, 1), date(2027, 1, 1)),
    ],
)
def test_a_levelled_account_gets_one_extended_first_cycle(
    activated_on: date, cycle_day: int, extended_to: date, short_to: date
) -> None:
    activated_at = at_local_time(activated_on, time(12), AMSTERDAM)
    day = CycleDay(cycle_day)
    assert closes_on(first_cycle(activated_at, day, AMSTERDAM)) == extended_to
    assert closes_on(first_cycle(activated_at, day, AMSTERDAM, FirstCycleRule.NEXT_CYCLE_DAY)) == short_to


def test_activation_just_before_local_midnight_counts_as_the_local_day() -> None:
    cycle = first_cycle(datetime(2026, 3, 14, 23, 30, tzinfo=UTC), CycleDay(15), AMSTERDAM)
    assert closes_on(cycle) == date(2026, 4, 15)


@settings(max_examples=150)
@given(activated_at=instants, cycle_day=cycle_days, zone=zones)
@example(activated_at=datetime(2011, 11, 30, 12, tzinfo=UTC), cycle_day=CycleDay(30), zone="Pacific/Apia")
@example(activated_at=datetime(2018, 9, 4, 12, tzinfo=UTC), cycle_day=CycleDay(4), zone="America/Sao_Paulo")
def test_cycles_follow_each_other_without_gap_or_overlap(
    activated_at: datetime, cycle_day: CycleDay, zone: str
) -> None:
    cycles = following(first_cycle(activated_at, cycle_day, zone), zone, 40)
    for cycle, successor in pairwise(cycles):
        assert successor.opens_at == cycle.closes_at
        assert successor.number == cycle.number + 1
        assert timedelta(days=27) <= successor.closes_at - successor.opens_at <= timedelta(days=32)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cycle_day", range(1, 32))
def test_every_day_of_the_month_bills_once_a_month_for_years(cycle_day: int, zone: str) -> None:
    anchor = CycleDay(cycle_day)
    first = cycle_at(anchor, zone, datetime(2010, 6, 15, tzinfo=UTC))
    cycles = following(first, zone, 12 * 12)
    expected = cycles[0].closes_at.astimezone(ZoneInfo(zone))
    months = [(expected.year * 12 + expected.month - 1 + place) for place in range(len(cycles))]
    for cycle, month in zip(cycles, months, strict=True):
        assert cycle.closes_at == local_midnight(anchor.in_month(month // 12, month % 12 + 1), zone)


@settings(max_examples=150)
@given(instant=instants, cycle_day=cycle_days, old_zone=zones, new_zone=zones)
def test_a_brand_that_moves_to_another_zone_bills_nobody_twice(
    instant: datetime, cycle_day: CycleDay, old_zone: str, new_zone: str
) -> None:
    before = cycle_at(cycle_day, old_zone, instant)
    after = following(before, new_zone, 3)[1:]
    assert after[0].opens_at == before.closes_at
    for cycle in after:
        assert timedelta(days=26) < cycle.closes_at - cycle.opens_at < timedelta(days=33)


@given(instant=instants, cycle_day=cycle_days, zone=zones)
def test_the_cycle_containing_an_instant_contains_it(instant: datetime, cycle_day: CycleDay, zone: str) -> None:
    assert cycle_at(cycle_day, zone, instant).contains(instant)
    since = first_cycle(instant, cycle_day, zone)
    later = instant + timedelta(days=400)
    assert cycle_containing(later, since, zone).contains(later)


def test_an_instant_before_the_first_cycle_is_refused() -> None:
    since = first_cycle(datetime(2026, 3, 1, tzinfo=UTC), CycleDay(1), AMSTERDAM)
    with pytest.raises(InvalidValue, match="first known cycle"):
        cycle_containing(datetime(2026, 2, 1, tzinfo=UTC), since, AMSTERDAM)


def test_a_cycle_contains_its_first_instant_and_not_its_last() -> None:
    cycle = first_cycle(datetime(2026, 3, 1, tzinfo=UTC), CycleDay(1), AMSTERDAM)
    assert cycle.contains(cycle.opens_at)
    assert not cycle.contains(cycle.closes_at)


def test_a_cycle_that_closes_before_it_opens_is_refused() -> None:
    with pytest.raises(InvalidValue, match="closes_at"):
        Cycle(1, datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC), CycleDay(1))


def test_a_cycle_survives_plain_json() -> None:
    cycle = first_cycle(datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC), CycleDay(31), AMSTERDAM)
    assert Cycle.from_dict(cycle.to_dict()) == cycle


OPEN = Cycle(
    4, local_midnight(date(2026, 3, 10), AMSTERDAM), local_midnight(date(2026, 4, 10), AMSTERDAM), CycleDay(10)
)


@pytest.mark.parametrize(
    ("policy", "closings", "charged_days"),
    [
        (BridgePolicy.EXTENDED, [date(2026, 4, 25), date(2026, 5, 25), date(2026, 6, 25)], 0),
        (BridgePolicy.FREE, [date(2026, 4, 10), date(2026, 5, 25), date(2026, 6, 25)], 0),
        (BridgePolicy.PRORATED, [date(2026, 4, 25), date(2026, 5, 25), date(2026, 6, 25)], 15),
    ],
)
def test_the_bridge_to_a_new_cycle_day_is_extended_free_or_prorated(
    policy: BridgePolicy, closings: list[date], charged_days: int
) -> None:
    change = change_cycle_day(OPEN, CycleDay(25), AMSTERDAM, policy)
    assert [closes_on(cycle) for cycle in change.cycles] == closings
    assert (change.bridge_opens_on, change.bridge_closes_on) == (date(2026, 4, 10), date(2026, 4, 25))
    assert (change.charged_days, change.month_days) == (charged_days, 30)


@given(instant=instants, old_day=cycle_days, new_day=cycle_days, zone=zones, policy=st.sampled_from(list(BridgePolicy)))
def test_changing_the_day_never_touches_the_past_or_makes_a_short_cycle(
    instant: datetime, old_day: CycleDay, new_day: CycleDay, zone: str, policy: BridgePolicy
) -> None:
    open_cycle = cycle_at(old_day, zone, instant)
    change = change_cycle_day(open_cycle, new_day, zone, policy, shown_cycles=4)
    changed = change.cycles[0]
    assert (changed.number, changed.opens_at) == (open_cycle.number, open_cycle.opens_at)
    assert changed.closes_at >= open_cycle.closes_at
    assert changed.cycle_day == new_day
    for cycle, successor in pairwise(change.cycles):
        assert successor.opens_at == cycle.closes_at
        assert successor.closes_at - successor.opens_at > timedelta(days=25)
    assert change.cycles[-1].closes_at == local_midnight(
        new_day.on_or_before(local_date(change.cycles[-1].closes_at, zone)), zone
    )
