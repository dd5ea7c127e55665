"""What a service may draw beside its plan: in which order, from when on, and what is left for the next cycle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.rating import (
    Allowance,
    Counter,
    Grant,
    Origin,
    PlanDefinition,
    RatedUsage,
    ServiceGrants,
    count,
    left_of,
    rate_services,
    roll_over,
    since,
)
from tests.rules.rating_builders import MINUTE, VOICE, a_plan, calls, parts_of

HOME: dict[str, Any] = {"code": "home", "name": "Calls", "model": "per_unit", "rate": "0.06", **MINUTE}
ABROAD: dict[str, Any] = {"code": "abroad", "model": "per_unit", "rate": "0.60", "prefixes": ["33"], **MINUTE}
BASE: dict[str, Any] = {"code": "base", "name": "100 minutes", "meter": VOICE, "quantity": 6000}
NOON = datetime(2027, 2, 10, 12, tzinfo=UTC)
A_WEEK = timedelta(days=7)


def a_grant(code: str, quantity: int, **fields: Any) -> Grant:
    limits = {name: fields.pop(name) for name in ("prefixes", "shared", "zones") if name in fields}
    allowance = Allowance.from_dict({"code": code, "meter": VOICE, "quantity": quantity} | limits)
    return Grant(code, allowance, quantity, fields.pop("origin", Origin.ADD_ON), **fields)


def counted(
    plan: PlanDefinition, *quantities: int, to: str = "31201234567", at: datetime | None = None
) -> list[Counter]:
    """Counters of calls; ``at`` is the boundary from which on they started."""
    parts = [part for event in calls(*quantities, to=to) for part in parts_of(plan, event)]
    return [
        Counter(each.price_code, since(each.band, at), each.events, each.quantity, each.amount) for each in count(parts)
    ]


def rated(plan: PlanDefinition, counters: Sequence[Counter], *grants: Grant, **carried: int) -> RatedUsage:
    """One service's bill."""
    taken = {(0, code): quantity for code, quantity in carried.items()}
    [usage] = rate_services([(plan, counters)], grants=[ServiceGrants((0,), grants, taken)])
    return usage


def used(usage: RatedUsage) -> dict[str, int]:
    """How much was drawn, by allowance."""
    return {state.code: state.used for state in usage.allowances}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (6000, {"base": 6000, "rolled": 0, "soon": 0, "late": 0, "open": 0}),
        (6600, {"base": 6000, "rolled": 0, "soon": 600, "late": 0, "open": 0}),
        (7800, {"base": 6000, "rolled": 600, "soon": 600, "late": 600, "open": 0}),
        (9999, {"base": 6000, "rolled": 600, "soon": 600, "late": 600, "open": 600}),
    ],
)
def test_the_plan_comes_first_and_then_what_expires_soonest(seconds: int, expected: dict[str, int]) -> None:
    plan = a_plan(HOME, allowances=[BASE])
    grants = [
        a_grant("open", 600),
        a_grant("late", 600, expires_at=NOON + A_WEEK),
        a_grant("rolled", 600, origin=Origin.ROLLOVER, expires_at=NOON + A_WEEK),
        a_grant("soon", 600, expires_at=NOON),
    ]
    assert used(rated(plan, counted(plan, seconds), *grants)) == expected


def test_an_add_on_covers_only_usage_from_its_purchase_on() -> None:
    plan = a_plan(HOME)
    before, after = counted(plan, 3600), counted(plan, 1800, at=NOON)
    usage = rated(plan, [*before, *after], a_grant("extra", 3600, valid_from=NOON))
    # The 60 minutes before it cost 3.60; the 30 minutes after it are covered. It is one line for the customer.
    [line] = usage.lines
    assert (line.quantity, line.allowance_drawn, str(line.amount)) == (5400, 1800, "3.60 EUR")
    assert line.explanation[1:3] == ("less 1800 seconds from the allowance extra", "leaves 3600 seconds to charge")


def test_an_add_on_covers_nothing_after_its_end() -> None:
    plan = a_plan(HOME)
    begin, end = counted(plan, 600, at=NOON), counted(plan, 1200, at=NOON + A_WEEK)
    pass_of_a_week = a_grant("week", 3600, valid_from=NOON, valid_to=NOON + A_WEEK)
    assert used(rated(plan, [*begin, *end], pass_of_a_week)) == {"week": 600}


def test_a_grant_of_the_whole_cycle_covers_both_sides_of_another_ones_boundary() -> None:
    plan = a_plan(HOME)
    counters = [*counted(plan, 600), *counted(plan, 600, at=NOON)]
    assert used(rated(plan, counters, a_grant("all", 3600))) == {"all": 1200}


def test_a_grant_for_some_prefixes_covers_only_what_the_plan_tells_apart() -> None:
    offered = {"code": "france", "meter": VOICE, "quantity": 600, "prefixes": ["331"]}
    knows, does_not = a_plan(HOME, ABROAD, add_ons=[offered]), a_plan(HOME, ABROAD)
    grant = a_grant("france", 600, prefixes=["331"])
    assert used(rated(knows, counted(knows, 300, to="33123"), grant)) == {"france": 300}
    assert used(rated(knows, counted(knows, 300, to="33623"), grant)) == {"france": 0}
    assert used(rated(does_not, counted(does_not, 300, to="33123"), grant)) == {"france": 0}


def test_an_offered_add_on_that_nobody_bought_covers_nothing() -> None:
    plan = a_plan(HOME, add_ons=[BASE | {"code": "offer"}])
    usage = rated(plan, counted(plan, 600))
    assert usage.allowances == ()
    assert str(usage.subtotal) == "0.60 EUR"


def test_a_shared_grant_serves_the_other_services_with_what_its_own_leaves() -> None:
    plan = a_plan(HOME)
    grant = a_grant("family", 3600, shared=True, valid_from=NOON)
    owner, early, late = counted(plan, 3000, at=NOON), counted(plan, 600), counted(plan, 600, at=NOON)
    grants = [ServiceGrants((0,), [grant])]
    own, before, after = rate_services([(plan, owner), (plan, early), (plan, late)], grants=grants)
    drawn = [usage.lines[0].allowance_drawn for usage in (own, before, after)]
    assert drawn == [3000, 0, 600]
    assert used(own) == {"family": 3600}


def test_a_grant_serves_both_plans_of_a_service_that_changed_its_plan() -> None:
    old, new = a_plan(HOME), a_plan(HOME | {"code": "calls"}, code="new")
    services = [(old, counted(old, 600)), (new, counted(new, 900))]
    first, second = rate_services(services, grants=[ServiceGrants((0, 1), [a_grant("extra", 1200)])])
    assert [first.lines[0].allowance_drawn, second.lines[0].allowance_drawn] == [600, 600]
    assert used(second) == {"extra": 1200}


def test_what_was_carried_into_the_next_cycle_is_not_there_for_late_usage() -> None:
    plan = a_plan(HOME, allowances=[BASE])
    # 100 minutes, 40 used, 60 rolled over: of 10 late minutes nothing is covered.
    usage = rated(plan, counted(plan, 2400, 600), base=3600)
    assert [(state.included, state.used, state.left) for state in usage.allowances] == [(2400, 2400, 0)]
    assert str(usage.subtotal) == "0.60 EUR"


ROLLS: dict[str, Any] = BASE | {"rollover": {"cycles": 2, "most_cycles": 1}}


@pytest.mark.parametrize(
    ("rollover", "seconds", "earlier", "expected"),
    [
        ({"cycles": 1}, 2400, 0, 3600),
        ({"cycles": 1}, 6000, 0, 0),
        ({"cycles": 1}, 9000, 0, 0),
        ({"cycles": 1}, 0, 0, 6000),
        ({"cycles": 1, "most_quantity": 1000}, 2400, 0, 1000),
        ({"cycles": 3, "most_cycles": 1}, 2400, 3000, 3000),
        ({"cycles": 3, "most_cycles": 1}, 2400, 6000, 0),
        ({"cycles": 3, "most_cycles": 2, "most_quantity": 7000}, 2400, 6000, 1000),
        (None, 2400, 0, 0),
    ],
)
def test_what_is_left_rolls_over_up_to_its_cap(
    rollover: dict[str, int] | None, seconds: int, earlier: int, expected: int
) -> None:
    plan = a_plan(HOME, allowances=[BASE | {"rollover": rollover}])
    grants = [a_grant("earlier", earlier, origin=Origin.ROLLOVER, rolls_from="base", lives_on=True)] if earlier else []
    usage = rated(plan, counted(plan, seconds), *grants)
    assert sum(each.quantity for each in roll_over(plan, usage.allowances, grants)) == expected


def test_what_expires_with_the_cycle_takes_no_room_under_the_cap() -> None:
    plan = a_plan(HOME, allowances=[ROLLS])
    ending = a_grant("earlier", 6000, origin=Origin.ROLLOVER, rolls_from="base", lives_on=False)
    [rolled] = roll_over(plan, rated(plan, counted(plan, 600), ending).allowances, [ending])
    assert (rolled.quantity, rolled.cycles, rolled.allowance.rollover) == (5400, 2, None)
    assert rolled.explanation == "100 minutes: 5400 rolls over for 2 cycles"


@given(
    st.lists(st.lists(st.integers(0, 9000), max_size=4), min_size=1, max_size=8),
    st.integers(1, 4),
    st.one_of(st.none(), st.integers(1, 20_000)),
    st.one_of(st.none(), st.integers(1, 3)),
)
def test_over_many_cycles_nothing_is_drawn_twice_and_the_cap_holds(
    cycles: list[list[int]], lasts: int, most_quantity: int | None, most_cycles: int | None
) -> None:
    rollover = {"cycles": lasts, "most_quantity": most_quantity, "most_cycles": most_cycles}
    plan = a_plan(HOME, allowances=[BASE | {"rollover": rollover}])
    cap = min([most_quantity or 10**9, (most_cycles or 10**6) * 6000])
    living: list[tuple[int, Grant]] = []  # (last cycle, grant)
    granted = drawn = charged = 0
    for number, quantities in enumerate(cycles):
        grants = [_of_cycle(grant, last > number) for last, grant in living]
        assert sum(grant.quantity for grant in grants) <= cap
        usage = rated(plan, counted(plan, *quantities), *grants)
        granted += 6000
        drawn += sum(used(usage).values())
        charged += sum(line.chargeable_quantity for line in usage.lines)
        assert drawn + charged == sum(map(sum, cycles[: number + 1]))
        assert drawn <= granted
        new = roll_over(plan, usage.allowances, grants)
        living = [
            (last, _with(grant, left_of(grant, usage.allowances)))
            for (last, _), grant in zip(living, grants, strict=True)
            if last > number
        ]
        living += [
            (number + each.cycles, a_grant(f"r{number}", each.quantity, origin=Origin.ROLLOVER, rolls_from="base"))
            for each in new
        ]
        living = [(last, grant) for last, grant in living if grant.quantity]


def _of_cycle(grant: Grant, lives_on: bool) -> Grant:
    return Grant(grant.code, grant.allowance, grant.quantity, grant.origin, rolls_from="base", lives_on=lives_on)


def _with(grant: Grant, quantity: int) -> Grant:
    return Grant(grant.code, grant.allowance, quantity, grant.origin, rolls_from=grant.rolls_from)


@given(st.lists(st.tuples(st.integers(0, 4000), st.booleans()), max_size=12), st.integers(1, 9000), st.data())
def test_grants_draw_from_totals_whatever_the_order(
    uses: list[tuple[int, bool]], quantity: int, data: st.DataObject
) -> None:
    plan = a_plan(HOME, allowances=[BASE])
    grants = [a_grant("extra", quantity, valid_from=NOON), a_grant("all", 900)]

    def bill(of: list[tuple[int, bool]]) -> RatedUsage:
        counters = [each for used, later in of for each in counted(plan, used, at=NOON if later else None)]
        return rated(plan, counters, *data.draw(st.permutations(grants)))

    usage = bill(data.draw(st.permutations(uses)))
    assert usage == bill(uses)
    assert used(usage)["extra"] <= min(quantity, sum(used for used, later in uses if later))


@pytest.mark.parametrize(
    ("fields", "bad_field"),
    [
        ({"rollover": {"cycles": 0}}, "allowances[0].rollover.cycles"),
        ({"rollover": {"most_quantity": 0}}, "allowances[0].rollover.most_quantity"),
        ({"rollover": {"months": 1}}, "allowances[0].rollover.months"),
        ({"rollover": True}, "allowances[0].rollover"),
        ({"zones": [""]}, "allowances[0].zones[0]"),
        ({"shared": True, "time_bands": ["x"]}, "allowances[0].time_bands"),
    ],
)
def test_allowances_that_cannot_be_kept_are_refused_by_field(fields: dict[str, Any], bad_field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        a_plan(HOME, allowances=[BASE | fields])
    assert refused.value.field == bad_field


def test_a_plan_with_rollover_and_add_ons_reads_back_what_it_wrote() -> None:
    plan = a_plan(HOME, allowances=[ROLLS], add_ons=[BASE | {"code": "more", "prefixes": ["32"]}])
    assert PlanDefinition.from_dict(plan.to_dict()) == plan
    with pytest.raises(InvalidValue, match="used twice"):
        a_plan(HOME, allowances=[BASE], add_ons=[BASE])
