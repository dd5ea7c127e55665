"""A rate by time of day: the wall clock decides, a call is split where the band changes, and its parts add up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.rating import (
    NoPrice,
    PlanDefinition,
    UsageEvent,
    count,
    guide,
    preview_price,
    rate_totals,
)
from tests.rules.rating_builders import MINUTE, VOICE, a_plan, a_price, amounts, parts_of

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
WORKDAYS = ["mon", "tue", "wed", "thu", "fri"]
BANDS: dict[str, Any] = {
    "time_zone": "Europe/Amsterdam",
    "holidays": "NL",
    "bands": [
        {"code": "weekend", "name": "Weekend", "windows": [{"days": ["sat", "sun", "holiday"]}]},
        {"code": "peak", "name": "Peak", "windows": [{"days": WORKDAYS, "from": "08:00", "to": "19:00"}]},
        {"code": "night", "name": "Night", "windows": [{"days": WORKDAYS, "from": "23:00", "to": "06:00"}]},
    ],
}
BY_TIME: dict[str, Any] = {
    "code": "calls",
    "name": "Calls",
    "model": "per_unit",
    "rate": "0.06",
    "connection_fee": "0.05",
    "time_bands": [
        {"band": "peak", "rate": "0.12", "connection_fee": "0.10"},
        {"band": "night", "rate": "0.03"},
        {"band": "weekend", "rate": "0.01"},
    ],
    **MINUTE,
}


def by_time(increments: str = "1/1", **fields: Any) -> PlanDefinition:
    return a_plan(BY_TIME | {"increments": increments} | fields, time_bands=BANDS)


PLAN = by_time()


def call(at: str, seconds: int, to: str = "31201234567", zone: ZoneInfo = AMSTERDAM) -> UsageEvent:
    """A call at a local time; the first of two where the hour is repeated, unless an offset is written."""
    started_at = datetime.fromisoformat(at)
    return UsageEvent(
        VOICE, seconds, to, started_at=started_at if started_at.tzinfo else started_at.replace(tzinfo=zone)
    )


def bands(plan: PlanDefinition, event: UsageEvent) -> list[tuple[str, int, int]]:
    """Band, billable quantity and events of every part."""
    return [(part.band, part.billable_quantity, part.events) for part in parts_of(plan, event)]


@pytest.mark.parametrize(
    ("at", "seconds", "expected"),
    [
        # 2027-02-01 is a Monday.
        ("2027-02-01T07:59:59", 1, [("", 1, 1)]),
        ("2027-02-01T08:00:00", 1, [("~peak", 1, 1)]),
        ("2027-02-01T18:59:59", 1, [("~peak", 1, 1)]),
        ("2027-02-01T18:59:59", 2, [("~peak", 1, 1), ("", 1, 0)]),
        ("2027-02-01T19:00:00", 60, [("", 60, 1)]),
        # From Friday night into Saturday: the weekend comes first in the plan, so it wins over the night.
        ("2027-02-05T23:59:59", 1, [("~night", 1, 1)]),
        ("2027-02-05T23:59:59", 2, [("~night", 1, 1), ("~weekend", 1, 0)]),
        # The night that began on Monday lasts until six on Tuesday.
        ("2027-02-01T23:59:59", 2, [("~night", 2, 1)]),
        ("2027-02-02T05:59:30", 60, [("~night", 30, 1), ("", 30, 0)]),
        # Sunday's night belongs to no working day: after midnight on Monday there is no band until eight.
        ("2027-02-07T23:59:59", 2, [("~weekend", 1, 1), ("", 1, 0)]),
        # A call over two days and four changes.
        (
            "2027-02-01T18:00:00",
            14 * 3600,
            [("~peak", 3600, 1), ("", 4 * 3600, 0), ("~night", 7 * 3600, 0), ("", 2 * 3600, 0)],
        ),
        # 27 April is King's Day in the Netherlands, in 2027 a Tuesday; the day before is none.
        ("2027-04-27T10:00:00", 60, [("~weekend", 60, 1)]),
        ("2027-04-26T23:59:00", 120, [("~night", 60, 1), ("~weekend", 60, 0)]),
        # The night before a holiday ends at its midnight; the holiday's own evening is a holiday to the end.
        ("2027-04-27T23:59:59", 2, [("~weekend", 1, 1), ("", 1, 0)]),
    ],
)
def test_a_call_is_split_where_the_band_changes(at: str, seconds: int, expected: list[tuple[str, int, int]]) -> None:
    assert bands(by_time(), call(at, seconds)) == expected


@pytest.mark.parametrize(
    ("at", "seconds", "expected"),
    [
        # Clocks go from 02:00 to 03:00 on Sunday 28 March 2027: one hour from 01:30 ends at 03:30 on the wall.
        ("2027-03-28T01:30:00", 3600, [("~early", 1800, 1), ("~late", 1800, 0)]),
        ("2027-03-28T01:59:59", 2, [("~early", 1, 1), ("~late", 1, 0)]),
        # Clocks go back from 03:00 to 02:00 on Sunday 31 October 2027: half past two comes twice.
        ("2027-10-31T02:29:59+02:00", 2, [("~early", 1, 1), ("~late", 1, 0)]),
        ("2027-10-31T02:29:59+01:00", 2, [("~early", 1, 1), ("~late", 1, 0)]),
        (
            "2027-10-31T02:00:00+02:00",
            2 * 3600,
            [("~early", 1800, 1), ("~late", 1800, 0), ("~early", 1800, 0), ("~late", 1800, 0)],
        ),
    ],
)
def test_the_wall_clock_decides_when_the_clocks_change(
    at: str, seconds: int, expected: list[tuple[str, int, int]]
) -> None:
    days = ["sun"]
    early = {"code": "early", "windows": [{"days": days, "from": "00:00", "to": "02:30"}]}
    late = {"code": "late", "windows": [{"days": days, "from": "02:30", "to": "24:00"}]}
    rates = [{"band": "early", "rate": "0.01"}, {"band": "late", "rate": "0.02"}]
    plan = a_plan(BY_TIME | {"time_bands": rates}, time_bands={"time_zone": "Europe/Amsterdam", "bands": [early, late]})
    assert bands(plan, call(at, seconds)) == expected


@pytest.mark.parametrize(
    ("increments", "at", "seconds", "expected"),
    [
        # The steps of 45 s at 30/6 begin after 0, 30, 36 and 42 s; each belongs to the band in which it begins.
        ("30/6", "2027-02-01T18:59:28", 45, [("~peak", 36, 1), ("", 12, 0)]),
        ("30/6", "2027-02-01T18:59:30", 45, [("~peak", 30, 1), ("", 18, 0)]),
        ("30/6", "2027-02-01T18:59:59", 45, [("~peak", 30, 1), ("", 18, 0)]),
        ("30/6", "2027-02-01T18:59:16", 45, [("~peak", 48, 1)]),
        ("60/60", "2027-02-01T18:59:59", 45, [("~peak", 60, 1)]),
        ("60/60", "2027-02-01T18:59:59", 61, [("~peak", 60, 1), ("", 60, 0)]),
        ("1/1", "2027-02-01T18:59:59", 0, [("~peak", 0, 0)]),
    ],
)
def test_an_increment_belongs_to_the_band_in_which_it_begins(
    increments: str, at: str, seconds: int, expected: list[tuple[str, int, int]]
) -> None:
    assert bands(by_time(increments), call(at, seconds)) == expected


def test_the_connection_fee_is_charged_once_at_the_rate_of_the_first_part() -> None:
    plan = by_time()
    bill = rate_totals(plan, count(parts_of(plan, call("2027-02-01T18:59:00", 120))))
    # Peak: 1 minute 0.12 and the fee 0.10; later: 1 minute 0.06 without a fee.
    assert amounts(bill) == [("usage", "Calls", "0.06"), ("usage", "Calls, Peak", "0.22")]


def test_rounding_each_event_rounds_the_whole_call_and_not_its_parts() -> None:
    # 1 s at 0.004 in the peak and 1 s at 0.004 after it, as one call: 0.008 = 0.01; rounded apart they would be zero.
    rates = [{"band": "peak", "rate": "0.004"}]
    plan = a_plan(
        BY_TIME
        | {"rate": "0.004", "unit_size": 1, "connection_fee": "0", "time_bands": rates, "round_each_event": True},
        time_bands=BANDS,
    )
    parts = parts_of(plan, call("2027-02-01T18:59:59", 2))
    assert [part.amount_per_event for part in parts] == [Decimal("0.00"), Decimal("0.01")]
    assert rate_totals(plan, count(parts)).subtotal.decimal == Decimal("0.01")


def test_a_price_without_time_bands_needs_no_start() -> None:
    plan = a_plan({"code": "calls", "model": "per_unit", "rate": "0.12", **MINUTE}, time_bands=BANDS)
    assert bands(plan, UsageEvent(VOICE, 60)) == [("", 60, 1)]


def test_a_price_by_time_without_a_start_has_no_price_and_is_never_free() -> None:
    outcome = guide(by_time(), UsageEvent(VOICE, 60))
    assert isinstance(outcome, NoPrice)
    assert "start" in outcome.reason


def test_a_use_of_more_than_a_month_waits_for_a_person() -> None:
    assert isinstance(guide(by_time(), call("2027-02-01T10:00:00", 32 * 86_400)), NoPrice)


def test_what_is_no_duration_belongs_to_the_band_in_which_it_starts() -> None:
    data = BY_TIME | {"meter": "data_bytes", "unit_size": 1_000_000}
    plan = a_plan(data, time_bands=BANDS)
    event = UsageEvent("data_bytes", 10**9, started_at=datetime(2027, 2, 1, 18, 59, 59, tzinfo=AMSTERDAM))
    assert bands(plan, event) == [("~peak", 10**9, 1)]


@pytest.mark.parametrize(
    ("split_meters", "meter", "parts"),
    [([], "voice", 2), ([], "wifi_seconds", 2), ([], "units", 1), (["units"], "units", 2), (["units"], "voice", 1)],
)
def test_a_plan_says_which_meters_count_time(split_meters: list[str], meter: str, parts: int) -> None:
    plan = a_plan(BY_TIME | {"meter": meter}, time_bands=BANDS | {"split_meters": split_meters})
    event = UsageEvent(meter, 60, started_at=datetime(2027, 2, 1, 18, 59, 30, tzinfo=AMSTERDAM))
    assert len(parts_of(plan, event)) == parts
    assert PlanDefinition.from_dict(plan.to_dict()) == plan


def test_a_destination_has_its_own_rates_by_time() -> None:
    belgium = {"name": "Belgium", "prefixes": ["32"], "rate": "0.50", "time_bands": [{"band": "night", "rate": "0.25"}]}
    plan = by_time(destinations=[belgium])
    assert bands(plan, call("2027-02-01T10:00:00", 60, "3221234567")) == [("32", 60, 1)]
    assert bands(plan, call("2027-02-01T23:30:00", 60, "3221234567")) == [("32~night", 60, 1)]


def test_an_allowance_for_the_evening_covers_only_the_evening() -> None:
    evening = {"code": "free", "name": "Free nights", "meter": VOICE, "quantity": 3600, "time_bands": ["night"]}
    flat_rate = {"code": "calls", "name": "Calls", "model": "per_unit", "rate": "0.10", **MINUTE}
    plan = a_plan(flat_rate, allowances=[evening], time_bands=BANDS)
    counters = count(parts_of(plan, call("2027-02-01T22:59:00", 180)))
    [line] = rate_totals(plan, counters).lines
    # One minute before eleven is charged, two after it are covered; they share a rate, and a line.
    assert (line.description, line.allowance_drawn, str(line.amount)) == ("Calls", 120, "0.10 EUR")


@pytest.mark.parametrize(
    ("damaged", "bad_field"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_bands.time_zone"),
        ({"holidays": "XX"}, "time_bands.holidays"),
        ({"holidays": None}, "time_bands.holidays"),
        ({"bands": []}, "time_bands.bands"),
        ({"bands": [{"code": "a", "windows": []}]}, "time_bands.bands[0].windows"),
        ({"bands": [{"code": "a", "windows": [{"days": ["monday"]}]}]}, "time_bands.bands[0].windows[0].days"),
        ({"bands": [{"code": "a", "windows": [{"days": ["mon", "mon"]}]}]}, "time_bands.bands[0].windows[0].days"),
        (
            {"bands": [{"code": "a", "windows": [{"days": ["mon"], "from": "25:00"}]}]},
            "time_bands.bands[0].windows[0].from",
        ),
        (
            {"bands": [{"code": "a", "windows": [{"days": ["mon"], "from": "8"}]}]},
            "time_bands.bands[0].windows[0].from",
        ),
        (
            {"bands": [{"code": "a", "windows": [{"days": ["mon"], "from": "08:00", "to": "08:00"}]}]},
            "time_bands.bands[0].windows[0].to",
        ),
        ({"holidays": None, "bands": [{"code": "a", "windows": [{"days": ["mon"]}]}] * 2}, "time_bands.bands[1].code"),
    ],
)
def test_bad_time_bands_are_refused_by_field(damaged: dict[str, Any], bad_field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        a_plan(BY_TIME, time_bands=BANDS | damaged)
    assert refused.value.field == bad_field
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("fields", "bad_field"),
    [
        ({"time_bands": [{"band": "noon", "rate": "1"}]}, "prices[0].time_bands[0].band"),
        ({"time_bands": [{"band": "peak", "rate": "1"}] * 2}, "prices[0].time_bands[1].band"),
        ({"model": "flat", "fee": "1", "rate": None}, "prices[0].time_bands"),
        (
            {"destinations": [{"prefixes": ["32"], "rate": "1", "time_bands": [{"band": "noon", "rate": "1"}]}]},
            "prices[0].destinations[0].time_bands[0].band",
        ),
    ],
)
def test_rates_by_time_name_declared_bands(fields: dict[str, Any], bad_field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        by_time(**fields)
    assert refused.value.field == bad_field


def test_bands_without_a_zone_take_the_brands_and_keep_their_own() -> None:
    nowhere = a_plan(BY_TIME, time_bands={name: value for name, value in BANDS.items() if name != "time_zone"})
    with pytest.raises(InvalidValue, match="time zone"):
        guide(nowhere, call("2027-02-01T10:00:00", 60))
    assert nowhere.in_time_zone("Europe/London").time_bands.time_zone == "Europe/London"
    assert by_time().in_time_zone("Europe/London").time_bands.time_zone == "Europe/Amsterdam"


def test_a_plan_with_time_bands_reads_back_what_it_wrote() -> None:
    belgium = {"prefixes": ["32"], "rate": "0.50", "time_bands": [{"band": "night", "rate": "0.25"}]}
    plan = by_time(destinations=[belgium])
    assert PlanDefinition.from_dict(plan.to_dict()) == plan


def _band_on_the_wall(at: datetime) -> str:
    """The bands of ``BANDS`` said again, without windows or tables."""
    local = at.astimezone(AMSTERDAM)
    holidays = (date(2027, 3, 29), date(2027, 4, 27))  # Easter Monday, King's Day
    is_workday = local.weekday() < 5 and local.date() not in holidays
    before = local.date() - timedelta(days=1)
    was_workday = before.weekday() < 5 and before not in holidays
    if not is_workday:
        return "~weekend"
    if 8 <= local.hour < 19:
        return "~peak"
    if local.hour >= 23 or (local.hour < 6 and was_workday):
        return "~night"
    return ""


_NIGHTS = [
    datetime(2027, 3, 27, 20, tzinfo=UTC),
    datetime(2027, 10, 30, 20, tzinfo=UTC),
    datetime(2027, 4, 26, 12, tzinfo=UTC),
]
starts = st.builds(
    lambda base, seconds: base + timedelta(seconds=seconds), st.sampled_from(_NIGHTS), st.integers(0, 3 * 86_400)
)


@given(starts, st.integers(1, 20 * 3600))
def test_every_second_is_billed_in_the_band_that_the_wall_clock_shows(at: datetime, seconds: int) -> None:
    parts = bands(PLAN, UsageEvent(VOICE, seconds, started_at=at))
    # Changes fall on whole minutes, so looking at the first second of every minute is enough.
    expected: dict[str, int] = {}
    for second in _minutes(at, seconds):
        band = _band_on_the_wall(at + timedelta(seconds=second))
        expected[band] = expected.get(band, 0) + min(60 - (at.second + second) % 60, seconds - second)
    billed: dict[str, int] = {}
    for band, quantity, _ in parts:
        billed[band] = billed.get(band, 0) + quantity
    assert billed == expected


def _minutes(at: datetime, seconds: int) -> Sequence[int]:
    return [0, *range(60 - at.second, seconds, 60)]


@given(starts, st.integers(0, 100_000), st.integers(1, 120), st.integers(1, 120))
def test_parts_add_up_to_what_the_call_bills_without_bands(
    at: datetime, seconds: int, initial: int, further: int
) -> None:
    plan = by_time(f"{initial}/{further}")
    parts = parts_of(plan, UsageEvent(VOICE, seconds, started_at=at))
    assert sum(part.billable_quantity for part in parts) == plan.prices[0].increments.billable(seconds)
    assert [part.events for part in parts] == [1 if seconds else 0, *[0] * (len(parts) - 1)]
    assert all(part.billable_quantity > 0 for part in parts[1:])


@given(
    st.lists(st.tuples(starts, st.integers(0, 20_000)), max_size=20).flatmap(
        lambda calls: st.tuples(st.just(calls), st.permutations(calls))
    )
)
def test_the_order_of_split_calls_never_changes_the_bill(
    streams: tuple[list[tuple[datetime, int]], list[tuple[datetime, int]]],
) -> None:
    plan = by_time("30/6")
    bills = [
        rate_totals(
            plan, count(part for at, used in calls for part in parts_of(plan, UsageEvent(VOICE, used, started_at=at)))
        )
        for calls in streams
    ]
    assert bills[0] == bills[1]


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "Asia/Kathmandu", "UTC"])
@given(seconds=st.integers(0, 366 * 86_400))
def test_every_zone_follows_its_own_wall_clock(zone: str, seconds: int) -> None:
    at = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    day = {"code": "day", "windows": [{"days": [*WORKDAYS, "sat", "sun"], "from": "06:00", "to": "18:00"}]}
    rates = [{"band": "day", "rate": "1"}]
    plan = a_plan(BY_TIME | {"time_bands": rates}, time_bands={"time_zone": zone, "bands": [day]})
    local = at.astimezone(ZoneInfo(zone))
    assert bands(plan, UsageEvent(VOICE, 1, started_at=at)) == [("~day" if 6 <= local.hour < 18 else "", 1, 1)]


def test_a_price_alone_may_carry_rates_by_time_in_a_preview() -> None:
    with pytest.raises(InvalidValue):
        preview_price(a_price(rate="1", time_bands=[{"band": "peak", "rate": "1"}]), "EUR", quantity=60)
