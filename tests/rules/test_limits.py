"""Limits on usage: when each percent is passed, what stops, what raising and lowering means, and the EU's cap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.barring import is_stop, stop_level, stopped_parts
from billing.domain.errors import InvalidValue
from billing.domain.limit_policy import LimitPolicy, RoamingDataPolicy
from billing.domain.limits import (
    Limit,
    LimitKind,
    LimitScope,
    LimitState,
    LimitUse,
    Measure,
    MeterUse,
    limit_uses,
    stops_of,
    takes_effect_in,
)
from billing.domain.roaming import country_of, is_abroad

DATA = LimitScope("svc_1", "data")
ABROAD = LimitScope("svc_1", roaming=True)
HARD, SOFT = LimitKind.HARD, LimitKind.SOFT


def a_limit(value: int = 1000, kind: LimitKind = HARD, scope: LimitScope = DATA, reminder: int = 0) -> Limit:
    return Limit(kind, Measure.AMOUNT, scope, value, reminder)


@pytest.mark.parametrize(
    ("kind", "used", "state", "passed"),
    [
        (HARD, 0, LimitState.FREE, ()),
        (HARD, 799, LimitState.FREE, ()),
        (HARD, 800, LimitState.NEAR, (80,)),
        (HARD, 999, LimitState.NEAR, (80,)),
        (HARD, 1000, LimitState.STOPPED, (80, 100)),
        (SOFT, 1000, LimitState.REACHED, (80, 100)),
        (SOFT, 5000, LimitState.REACHED, (80, 100)),
    ],
)
def test_a_limit_is_told_at_80_and_100_percent_and_only_a_cap_stops(
    kind: LimitKind, used: int, state: LimitState, passed: tuple[int, ...]
) -> None:
    use = LimitUse(a_limit(kind=kind), used)
    assert (use.state, use.passed_percents, use.left) == (state, passed, max(1000 - used, 0))


def test_a_cap_of_nothing_stops_with_the_first_use_and_not_before() -> None:
    assert LimitUse(a_limit(0), 0).state is LimitState.FREE
    assert LimitUse(a_limit(0), 1).state is LimitState.STOPPED


def test_beyond_an_agreed_cap_the_further_reminder_is_told_once_more() -> None:
    cap = a_limit(5000, scope=ABROAD, reminder=10_000)
    assert LimitUse(cap, 9_999, agreed=True).passed_percents == (80, 100)
    use = LimitUse(cap, 10_000, agreed=True)
    assert (use.state, use.passed_percents) == (LimitState.AGREED, (80, 100, 200))


def test_a_cap_that_was_raised_beyond_the_reminder_has_none() -> None:
    assert a_limit(20_000, scope=ABROAD, reminder=10_000).percents == (80, 100)


USES = [
    MeterUse("svc_1", "data", False, 10, 100),
    MeterUse("svc_1", "data", True, 5, 1000),
    MeterUse("svc_1", "voice", False, 60, 20),
    MeterUse("svc_2", "data", False, 7, 3),
]


@pytest.mark.parametrize(
    ("scope", "quantity", "amount"),
    [
        (LimitScope(), 82, 1123),
        (LimitScope("svc_1"), 75, 1120),
        (LimitScope(meter="data"), 22, 1103),
        (DATA, 15, 1100),
        (ABROAD, 5, 1000),
        (LimitScope("svc_2", roaming=True), 0, 0),
    ],
)
def test_a_limit_counts_the_usage_of_its_scope(scope: LimitScope, quantity: int, amount: int) -> None:
    limits = [Limit(SOFT, measure, scope, 1) for measure in (Measure.QUANTITY, Measure.AMOUNT)]
    assert [use.used for use in limit_uses(limits, USES)] == [quantity, amount]


def test_what_stops_is_told_for_each_service_by_meter_all_or_abroad() -> None:
    stopped = [
        LimitUse(a_limit(scope=scope), 1000)
        for scope in (LimitScope("svc_2"), LimitScope(meter="data"), ABROAD, LimitScope("svc_9", "sms"))
    ]
    assert stops_of([*stopped, LimitUse(a_limit(scope=LimitScope("svc_1", "voice")), 999)], ["svc_1", "svc_2"]) == {
        "svc_1": ("data", "roaming_data"),
        "svc_2": ("*", "data"),
    }


def test_data_abroad_goes_on_for_the_service_whose_customer_agreed() -> None:
    cap = a_limit(1000, scope=ABROAD)
    (use,) = limit_uses([cap], USES, {"svc_1"})
    assert (use.state, stops_of([use], ["svc_1"])) == (LimitState.AGREED, {"svc_1": ()})
    (use,) = limit_uses([cap], USES, {"svc_2"})
    assert use.state is LimitState.STOPPED


@pytest.mark.parametrize(
    ("present", "wanted", "cycle"),
    [(50, 60, 3), (50, 50, 3), (50, 49, 4), (50, None, 3), (None, 50, 3), (None, None, 3)],
)
def test_raising_works_at_once_and_lowering_from_the_next_cycle(
    present: int | None, wanted: int | None, cycle: int
) -> None:
    assert takes_effect_in(3, present, wanted) == cycle


@given(st.integers(1, 10**12), st.integers(0, 10**12), st.integers(0, 10**12))
def test_more_use_never_passes_fewer_percents(value: int, used: int, more: int) -> None:
    limit = a_limit(value, reminder=2 * value)
    before, after = LimitUse(limit, used).passed_percents, LimitUse(limit, used + more).passed_percents
    assert after[: len(before)] == before


@given(st.lists(st.sampled_from(["*", "data", "roaming_data", "sms", "voice_seconds"])))
def test_a_stop_says_what_it_stops(parts: list[str]) -> None:
    level = stop_level(parts)
    assert is_stop(level)
    assert stopped_parts(level) == tuple(sorted(set(parts)))


# The European cap ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "home", "area", "abroad"),
    [
        ("", "NL", "eea", False),
        ("NL", "NL", "eea", False),
        ("BE", "NL", "eea", True),
        ("20601", "NL", "eea", True),
        ("BELTB", "NL", "eea", True),
        ("20416", "NL", "eea", False),
        ("NO", "NL", "eea", True),
        ("RE", "NL", "eea", True),
        ("64710", "NL", "eea", True),
        ("US", "NL", "eea", False),
        ("US", "NL", "any", True),
        ("310410", "NL", "any", True),
        ("GB", "NL", "eea", False),
        ("GB", "GB", "any", False),
    ],
)
def test_usage_is_abroad_outside_home_and_within_the_area(place: str, home: str, area: str, abroad: bool) -> None:
    assert is_abroad(place, home, area) is abroad


def test_an_unknown_area_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidValue, match="eea, any"):
        is_abroad("BE", "NL", "moon")


def test_a_part_of_france_overseas_is_france() -> None:
    assert {country_of(place) for place in ("FR", "GP", "34020", "FRAF1")} == {"FR"}


def test_the_usual_policy_is_50_euro_told_again_at_100() -> None:
    limit = LimitPolicy.from_dict({}).roaming_data.default_limit("svc_1")
    assert (limit.value, limit.reminder, limit.kind, limit.by_policy) == (5000, 10_000, HARD, True)


def test_a_policy_is_read_back_as_it_was_written() -> None:
    policy = LimitPolicy(RoamingDataPolicy(cap_minor=100, reminder_minor=0, area="any", meters=("mb",)))
    assert LimitPolicy.from_dict(policy.to_dict()) == policy


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ({"roaming": {}}, "limit_policy.roaming"),
        ({"roaming_data": {"cap_minor": 0}}, "limit_policy.roaming_data.cap_minor"),
        ({"roaming_data": {"reminder_minor": 10}}, "limit_policy.roaming_data.reminder_minor"),
        ({"roaming_data": {"area": "mars"}}, "limit_policy.roaming_data.area"),
        ({"roaming_data": {"meters": []}}, "limit_policy.roaming_data.meters"),
    ],
)
def test_a_policy_that_cannot_hold_is_refused_by_its_field(written: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        LimitPolicy.from_dict(written, "limit_policy")
    assert refused.value.field == field
