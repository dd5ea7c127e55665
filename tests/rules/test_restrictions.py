"""Restrictions by kind: their names, their union, and what no set of them may ever close."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.http_network.network import order_body
from billing.domain.barring import NEVER_RESTRICTED, restrictions
from billing.domain.errors import InvalidValue
from billing.domain.restrictions import (
    MOST_KBPS,
    NOTHING,
    BarKind,
    Restrictions,
    goes_beyond,
    in_all,
    is_level,
    named,
    union,
    unusable_bar,
    unusable_lifting,
)

RATES = st.integers(16, MOST_KBPS)
SETS = st.builds(Restrictions, st.frozensets(st.sampled_from(BarKind)), RATES)
EVERY_SET = [
    Restrictions(frozenset(kinds), 512) for size in range(len(BarKind) + 1) for kinds in combinations(BarKind, size)
]


@pytest.mark.parametrize("part", NEVER_RESTRICTED)
def test_no_payload_closes_emergency_calls_incoming_messages_or_the_pay_page(part: str) -> None:
    """Every set there is, as it is sent to the network."""
    assert NEVER_RESTRICTED == ("emergency_calls", "incoming_sms", "pay_page")
    assert len(EVERY_SET) == 2 ** len(BarKind)
    payloads = [order_body(one.level, "any reason", "acc_1/o/svc_1") for one in EVERY_SET]
    assert {payload["restrictions"][part] for payload in payloads} == {"allowed"}


@given(SETS)
def test_a_payload_names_every_part_and_gives_the_rate_only_where_data_is_throttled(one: Restrictions) -> None:
    payload = order_body(one.level, "not paid", "acc_1/o/svc_1")
    assert payload["restrictions"].keys() == restrictions("none").keys()
    throttled = payload["restrictions"]["data"] == "throttled"
    assert throttled == ("data_rate_kbps" in payload) == (one.data_kbps is not None)


@given(SETS)
def test_a_level_is_read_back_as_the_set_it_names(one: Restrictions) -> None:
    assert Restrictions.parse(one.level) == one
    assert is_level(one.level)


@given(SETS, SETS)
def test_a_union_restricts_what_either_does_in_any_order(one: Restrictions, other: Restrictions) -> None:
    both = one | other
    assert both == other | one
    assert [both.covers(each) for each in (one, other)] == [True, True]
    assert union([one.level, other.level]) == both.level


@given(SETS, SETS)
def test_what_both_restrict_is_restricted_by_each(one: Restrictions, other: Restrictions) -> None:
    common = one & other
    assert [each.covers(common) for each in (one, other)] == [True, True]
    assert in_all([one.level, other.level]) == common.level


@pytest.mark.parametrize(
    ("names", "level"),
    [
        ((), "none"),
        (("outgoing",), "outgoing"),
        (("full",), "full"),
        (("outgoing", "incoming_calls"), "full"),
        (("premium", "international"), "bars:international,premium"),
        (("outgoing_calls",), "bars:international,outgoing_calls"),
        (("data_throttled",), "bars:data_throttled@512"),
        (("data_throttled", "data"), "bars:data"),
    ],
)
def test_sets_have_one_name_each(names: tuple[str, ...], level: str) -> None:
    assert named(names, 512 if "data_throttled" in names else None).level == level


def test_of_two_rates_the_slower_holds_and_barred_data_is_not_throttled() -> None:
    assert union(["bars:data_throttled@512", "bars:data_throttled@64"]) == "bars:data_throttled@64"
    assert union(["bars:data_throttled@512", "outgoing"]) == "outgoing"
    assert in_all(["bars:data_throttled@512", "outgoing"]) == "bars:data_throttled@512"
    assert in_all([]) == NOTHING.level == "none"


def test_a_level_goes_beyond_another_when_it_restricts_anything_more() -> None:
    assert goes_beyond("bars:premium", "none")
    assert goes_beyond("bars:incoming_calls", "outgoing")
    assert goes_beyond("bars:data_throttled@64", "bars:data_throttled@512")
    assert not goes_beyond("bars:data_throttled@64", "outgoing")
    assert not goes_beyond("bars:international,premium", "outgoing")


@pytest.mark.parametrize(
    "level",
    [
        "",
        "half",
        "bars:",
        "bars:emergency_calls",
        "bars:premium@5",
        "bars:data_throttled",
        "bars:data_throttled@",
        "stop:",
    ],
)
def test_what_is_no_level_is_refused_with_those_there_are(level: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Restrictions.parse(level)
    assert refused.value.field in ("level", "data_kbps")
    assert not is_level(level)


@pytest.mark.parametrize(
    ("names", "rate", "cause", "field"),
    [
        (("emergency_calls",), None, "", "kinds[0]"),
        (("data_throttled",), None, "", "data_kbps"),
        (("data_throttled",), 1, "", "data_kbps"),
        (("premium",), 512, "", "data_kbps"),
        (("premium",), None, "dunning", "cause"),
        (("premium",), None, "limit", "cause"),
    ],
)
def test_what_a_person_cannot_restrict_is_refused_by_its_field(
    names: tuple[str, ...], rate: int | None, cause: str, field: str
) -> None:
    refusal = unusable_bar(names, rate, cause)
    assert refusal is not None
    assert (refusal.field, bool(refusal.remedy)) == (field, True)


def test_a_person_lifts_what_persons_and_dunning_hold_and_not_what_a_cap_stops() -> None:
    assert unusable_lifting(("roaming",), ("court", "dunning")) is None
    refusal = unusable_lifting((), ("fraud", "limit"))
    assert refusal is not None
    assert (refusal.field, refusal.value) == ("causes[1]", "limit")
