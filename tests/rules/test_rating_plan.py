"""A plan is read, checked as a whole, and written back unchanged."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.rating import PlanDefinition
from tests.rules.rating_builders import A_RICH_PLAN, MINUTE, VOICE, a_plan

CALLS = {"code": "calls", "model": "per_unit", "rate": "0.12", **MINUTE}
MESSAGES = {"code": "texts", "model": "per_unit", "rate": "0.05", "meter": "messages"}


def test_a_plan_reads_back_what_it_wrote_through_json() -> None:
    assert PlanDefinition.from_dict(json.loads(json.dumps(A_RICH_PLAN.to_dict()))) == A_RICH_PLAN


def test_null_in_a_stored_plan_counts_as_absent() -> None:
    assert a_plan(CALLS | {"minimum": None, "prefixes": None}) == a_plan(CALLS)


@pytest.mark.parametrize(
    ("prices", "fields", "bad_field"),
    [
        ([], {}, "prices"),
        ([CALLS], {"currency": "euro"}, "currency"),
        ([CALLS], {"version": 0}, "version"),
        ([CALLS], {"colour": "blue"}, "colour"),
        ([CALLS, 7], {}, "prices[1]"),
        ([CALLS, CALLS | {"prefixes": ["32"]}], {}, "prices[1].code"),
        ([CALLS, MESSAGES, CALLS | {"code": "more"}], {}, "prices[2].meter"),
        (
            [CALLS | {"prefixes": ["32", "33"]}, CALLS | {"code": "more", "prefixes": ["33"]}],
            {},
            "prices[1].prefixes[0]",
        ),
        (
            [CALLS | {"destinations": [{"prefixes": ["32", "33", "32"], "rate": "1"}]}],
            {},
            "prices[0].destinations[0].prefixes[2]",
        ),
        ([CALLS | {"model": "graduated", "rate": None, "tiers": [{"rate": "free"}]}], {}, "prices[0].tiers[0].rate"),
        ([CALLS], {"allowances": [{"code": "data", "meter": "data_bytes", "quantity": 5}]}, "allowances[0].meter"),
        ([CALLS], {"allowances": [{"code": "none", "meter": VOICE, "quantity": 0}]}, "allowances[0].quantity"),
        (
            [CALLS],
            {"allowances": [{"code": "family", "meter": VOICE, "quantity": 5, "shared": True, "prefixes": ["32"]}]},
            "allowances[0].prefixes",
        ),
        (
            [CALLS | {"round_each_event": True}, MESSAGES],
            {"allowances": [{"code": "minutes", "meter": VOICE, "quantity": 5}]},
            "prices[0].round_each_event",
        ),
        (
            [CALLS],
            {"line_discounts": [{"price_code": "texts", "code": "d", "percent": "5"}]},
            "line_discounts[0].price_code",
        ),
        (
            [CALLS],
            {"line_discounts": [{"price_code": "calls", "code": "d", "amount": "5", "currency": "USD"}]},
            "line_discounts[0].currency",
        ),
        (
            [CALLS],
            {"line_discounts": [{"price_code": "calls", "code": c, "name": "Gift", "percent": "5"} for c in "ab"]},
            "line_discounts[1].name",
        ),
        ([CALLS], {"line_discounts": [{"price_code": "calls", "code": "d"}]}, "line_discounts[0].percent"),
    ],
)
def test_a_bad_plan_is_refused_by_dotted_field(prices: list[Any], fields: dict[str, Any], bad_field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        a_plan(*prices, **fields)
    assert refused.value.field == bad_field
    assert refused.value.remedy


def test_a_plan_within_a_request_names_fields_from_the_requests_root() -> None:
    with pytest.raises(InvalidValue) as refused:
        PlanDefinition.from_dict({"code": "m", "name": "M", "currency": "EUR", "prices": [{}]}, "plan")
    assert refused.value.field == "plan.prices[0].model"


@pytest.mark.parametrize("data", [None, [], "plan", 7])
def test_what_is_not_an_object_is_refused(data: object) -> None:
    with pytest.raises(InvalidValue):
        PlanDefinition.from_dict(data)


def test_a_plan_built_by_hand_can_be_validated() -> None:
    A_RICH_PLAN.validate()
    twice = replace(A_RICH_PLAN, prices=A_RICH_PLAN.prices * 2)
    with pytest.raises(InvalidValue, match="used twice"):
        twice.validate()


any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["1e-99999999", "0.1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_whatever_stands_in_a_field_is_read_or_refused_by_a_name_within_the_plan(data: st.DataObject) -> None:
    damaged = A_RICH_PLAN.to_dict()
    holder: Any = damaged
    while True:
        place = data.draw(st.sampled_from(list(range(len(holder)) if isinstance(holder, list) else holder)))
        if not holder[place] or not isinstance(holder[place], dict | list) or data.draw(st.booleans()):
            break
        holder = holder[place]
    holder[place] = data.draw(any_json)
    refused = refusal_of(damaged)
    assert refused is None or (refused.field.split("[")[0].split(".")[0] in damaged and refused.remedy)


def refusal_of(data: dict[str, object]) -> InvalidValue | None:
    """Why a plan cannot be read; None when it can, and then it also stands by itself."""
    try:
        PlanDefinition.from_dict(data).validate()
    except InvalidValue as refused:
        return refused
    return None
