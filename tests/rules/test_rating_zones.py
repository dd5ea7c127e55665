"""Where usage happened and of which class it was decide its price; what no price is for waits, and is never free."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.rating import NoPrice, PlanDefinition, UsageEvent, count, guide, rate_services, rate_totals
from tests.rules.rating_builders import MINUTE, VOICE, a_plan, amounts, parts_of

DATA = "data_bytes"
MB = 1_000_000
IN_MB = {"meter": DATA, "unit_size": MB}
ZONES = [
    {"code": "home", "name": "Home", "places": ["NL", "20408"]},
    {"code": "eu", "name": "European Union", "places": ["BE", "DE", "206", "BEL"]},
    {"code": "sea", "name": "Ships", "places": ["20609", "901"]},
    {"code": "world", "name": "World", "places": ["US", "310", "AUT"]},
]
HOME_DATA = {"code": "data", "name": "Data", "model": "per_unit", "rate": "0.01", "zones": ["home", "eu"], **IN_MB}
AWAY = {"code": "away", "name": "Data abroad", "model": "per_unit", "rate": "2.50", "zones": ["world", "sea"], **IN_MB}
MUSIC = {"code": "music", "name": "Music", "model": "zero_rated", "traffic_classes": ["music"], **IN_MB}
PLAN = a_plan(
    HOME_DATA,
    AWAY,
    MUSIC,
    {"code": "video", "model": "per_unit", "rate": "0.005", "traffic_classes": ["video"], "zones": ["home"], **IN_MB},
    zones=ZONES,
    allowances=[{"code": "gig", "name": "1 GB", "meter": DATA, "quantity": 1000 * MB, "zones": ["home", "eu"]}],
)


def data(quantity: int, visited: str = "", traffic_class: str = "") -> UsageEvent:
    return UsageEvent(DATA, quantity, visited=visited, traffic_class=traffic_class)


def where(plan: PlanDefinition, event: UsageEvent) -> tuple[str, str] | str:
    """Price and band of an event of one part, or why there is none."""
    guided = guide(plan, event)
    return guided.reason if isinstance(guided, NoPrice) else (guided[0].price_code, guided[0].band)


@pytest.mark.parametrize(
    ("visited", "expected"),
    [
        ("", ("data", "")),
        ("NL", ("data", "")),
        ("20408", ("data", "")),
        ("BE", ("data", "/eu")),
        ("20601", ("data", "/eu")),
        ("BELTB", ("data", "/eu")),
        # More specific than the network prefix 206 of the European Union.
        ("20609", ("away", "/sea")),
        ("206091", ("away", "/sea")),
        ("90112", ("away", "/sea")),
        ("310410", ("away", "/world")),
        # Austria by its network letters; AU is Australia, and in no zone.
        ("AUTPT", ("away", "/world")),
    ],
)
def test_the_most_specific_place_names_the_zone(visited: str, expected: tuple[str, str]) -> None:
    assert where(PLAN, data(MB, visited)) == expected


@pytest.mark.parametrize("visited", ["AU", "FR", "20801", "B", "USACG", "DEUD1"])
def test_a_place_in_no_zone_has_no_price(visited: str) -> None:
    assert where(PLAN, data(MB, visited)) == f"No zone of plan mobile has the visited place {visited}."


def test_a_zone_without_a_price_is_never_priced_as_home() -> None:
    plan = a_plan(HOME_DATA | {"zones": ["home"]}, zones=ZONES)
    assert "in the zone eu" in where(plan, data(MB, "BE"))
    assert "No zone" in where(a_plan(HOME_DATA | {"zones": None}), data(MB, "BE"))


@pytest.mark.parametrize(
    ("visited", "traffic_class", "expected"),
    [
        ("", "music", ("music", "!music")),
        ("", "video", ("video", "!video")),
        # A price for video is for video at home only: elsewhere it is data like any other.
        ("BE", "video", ("data", "/eu")),
        ("BE", "music", ("data", "/eu")),
        ("US", "music", ("away", "/world")),
        # A class that the plan does not know is no reason to be free.
        ("", "games", ("data", "")),
    ],
)
def test_a_class_of_traffic_meets_its_own_price_or_the_usual_one(
    visited: str, traffic_class: str, expected: tuple[str, str]
) -> None:
    assert where(PLAN, data(MB, visited, traffic_class)) == expected


def test_zero_rated_usage_is_counted_and_shown_costs_nothing_and_draws_nothing() -> None:
    events = [data(500 * MB, "", "music"), data(300 * MB)]
    bill = rate_totals(PLAN, count(part for event in events for part in parts_of(PLAN, event)))
    assert amounts(bill) == [("usage", "Data, Home and European Union", "0.00"), ("usage", "Music", "0.00")]
    by_price = {line.price_code: line for line in bill.lines}
    music, state = by_price["music"], bill.allowances[0]
    assert (music.quantity, music.allowance_drawn, music.unit_price) == (500 * MB, 0, "free of charge")
    assert "zero-rated: 500000000 bytes counted, not charged, no allowance drawn" in music.explanation
    assert (state.used, state.left) == (300 * MB, 700 * MB)


def test_an_allowance_covers_home_unless_it_names_other_zones() -> None:
    events = [data(400 * MB, "BE"), data(300 * MB), data(10 * MB, "US")]
    counters = count(part for event in events for part in parts_of(PLAN, event))
    both = rate_totals(PLAN, counters)
    assert [(line.description, line.allowance_drawn // MB, str(line.amount.decimal)) for line in both.lines] == [
        ("Data, Home and European Union", 700, "0.00"),
        ("Data abroad, World and Ships", 0, "25.00"),
    ]
    home_only = a_plan(HOME_DATA, AWAY, zones=ZONES, allowances=[{"code": "gig", "meter": DATA, "quantity": 1000 * MB}])
    assert [line.allowance_drawn // MB for line in rate_totals(home_only, counters).lines] == [300, 0]


def test_an_allowance_for_a_class_covers_only_that_class() -> None:
    social = {"code": "social", "meter": DATA, "quantity": 100 * MB, "traffic_classes": ["social"]}
    plan = a_plan(HOME_DATA, zones=ZONES, allowances=[social])
    events = [data(150 * MB, "", "social"), data(50 * MB)]
    [line] = rate_totals(plan, count(part for event in events for part in parts_of(plan, event))).lines
    assert (line.quantity // MB, line.allowance_drawn // MB, str(line.amount)) == (200, 100, "1.00 EUR")


def test_a_shared_allowance_keeps_its_zones_for_the_other_services() -> None:
    giver = a_plan(
        HOME_DATA, zones=ZONES, allowances=[{"code": "g", "meter": DATA, "quantity": 100 * MB, "shared": True}]
    )
    taker = a_plan(HOME_DATA, zones=ZONES)
    counters = count(part for event in (data(60 * MB), data(60 * MB, "BE")) for part in parts_of(taker, event))
    _, taken = rate_services([(giver, ()), (taker, counters)])
    # Only what was used at home: 60 MB; the 60 MB abroad are charged.
    assert (taken.lines[0].allowance_drawn // MB, str(taken.subtotal)) == (60, "0.60 EUR")


def test_tiers_count_their_total_over_all_zones_of_a_price() -> None:
    tiers = [{"up_to": 100, "rate": "0.10"}, {"rate": "0.05"}]
    plan = a_plan(
        {"code": "calls", "name": "Calls", "model": "graduated", "tiers": tiers, "zones": ["home", "eu"], **MINUTE},
        zones=ZONES,
    )
    events = [UsageEvent(VOICE, 4800), UsageEvent(VOICE, 4800, visited="BE")]
    bill = rate_totals(plan, count(part for event in events for part in parts_of(plan, event)))
    # 160 minutes: 100 at 0.10 and 60 at 0.05.
    assert amounts(bill) == [("usage", "Calls, Home and European Union", "13.00")]


@pytest.mark.parametrize(
    ("prices", "fields", "bad_field"),
    [
        ([HOME_DATA, AWAY | {"zones": ["eu"]}], {}, "prices[1].meter"),
        ([HOME_DATA | {"zones": ["mars"]}], {}, "prices[0].zones[0]"),
        ([HOME_DATA | {"zones": ["eu", "eu"]}], {}, "prices[0].zones[1]"),
        ([MUSIC, MUSIC | {"code": "more"}], {}, "prices[1].meter"),
        ([MUSIC | {"connection_fee": "1"}], {}, "prices[0].connection_fee"),
        ([MUSIC | {"minimum": "1"}], {}, "prices[0].minimum"),
        ([HOME_DATA], {"zones": [{"code": "a", "places": []}]}, "zones[0].places"),
        ([HOME_DATA], {"zones": [{"code": "a", "places": ["be"]}]}, "zones[0].places[0]"),
        ([HOME_DATA], {"zones": [*ZONES, {"code": "a", "places": ["BE"]}]}, "zones[4].places"),
        ([HOME_DATA], {"zones": [*ZONES, ZONES[1] | {"places": ["FR"]}]}, "zones[4].code"),
        (
            [HOME_DATA],
            {"allowances": [{"code": "g", "meter": DATA, "quantity": 1, "zones": ["mars"]}]},
            "allowances[0].zones[0]",
        ),
        (
            [HOME_DATA],
            {"add_ons": [{"code": "g", "meter": DATA, "quantity": 1, "time_bands": ["noon"]}]},
            "add_ons[0].time_bands[0]",
        ),
    ],
)
def test_zones_and_classes_that_cannot_be_used_are_refused_by_field(
    prices: list[Any], fields: dict[str, Any], bad_field: str
) -> None:
    with pytest.raises(InvalidValue) as refused:
        a_plan(*prices, **({"zones": ZONES} | fields))
    assert refused.value.field == bad_field
    assert refused.value.remedy


def test_a_plan_with_zones_and_classes_reads_back_what_it_wrote() -> None:
    assert PlanDefinition.from_dict(PLAN.to_dict()) == PLAN


places = st.sampled_from(
    ["", "NL", "BE", "DE", "US", "FR", "AU", "20408", "20601", "20609", "310410", "90112", "BELTB"]
)
uses = st.builds(
    UsageEvent,
    st.just(DATA),
    st.integers(0, 10**10),
    visited=places,
    traffic_class=st.sampled_from(["", "music", "video", "games"]),
)


@given(uses)
def test_an_event_is_priced_for_its_zone_or_waits(event: UsageEvent) -> None:
    guided = guide(PLAN, event)
    if isinstance(guided, NoPrice):
        assert event.visited in ("FR", "AU")
        return
    [part] = guided
    band = PLAN.bands.by_code[part.price_code, part.band]
    assert band.zone in band.price.zones
    assert not band.price.traffic_classes or event.traffic_class in band.price.traffic_classes


@given(
    st.lists(uses, max_size=25).flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))),
    st.integers(0, 25),
)
def test_order_and_batches_never_change_the_bill(streams: tuple[list[UsageEvent], list[UsageEvent]], cut: int) -> None:
    events, shuffled = streams
    at_once = rate_totals(PLAN, count(part for event in events for part in parts_of(PLAN, event)))
    in_two = [
        counter
        for batch in (shuffled[:cut], shuffled[cut:])
        for counter in count(part for event in batch for part in parts_of(PLAN, event))
    ]
    assert rate_totals(PLAN, in_two) == at_once
