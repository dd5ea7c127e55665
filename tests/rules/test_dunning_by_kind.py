"""A ladder that restricts kind by kind: international and premium first, then slow data, then everything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.domain.dunning_policy import Bar, DunningPolicy, Wait, Warn, decide
from billing.domain.errors import InvalidValue
from tests.rules.test_dunning_policy import a_case, a_warned_case, on_day

BY_KIND: dict[str, Any] = {
    "code": "gentle",
    "minimum_days_between_bars": 3,
    "steps": [
        {"day": 0, "action": "failed_notice"},
        {"day": 5, "action": "warn"},
        {"day": 12, "action": "bar", "kinds": ["international", "premium"]},
        {"day": 15, "action": "bar", "kinds": ["international", "premium", "data_throttled"], "data_kbps": 64},
        {"day": 20, "action": "bar_outgoing"},
        {"day": 40, "action": "bar_full"},
    ],
}
FIRST, SECOND = "bars:international,premium", "bars:data_throttled@64,international,premium"


def test_a_ladder_may_restrict_kind_by_kind_and_each_bar_goes_further() -> None:
    policy = DunningPolicy.from_dict(BY_KIND)
    case = replace(a_warned_case(5), steps_done=("failed_notice@0", "warn@5"))
    taken = []
    for day in (12, 15, 20, 40):
        now = on_day(day)
        while isinstance(decision := decide(policy, case, now), Wait):
            assert decision.until is not None
            now = decision.until
        assert isinstance(decision, Bar)
        taken.append((decision.step, decision.level))
        case = replace(case, steps_done=(*case.steps_done, decision.step), barring_level=decision.level, barred_at=now)
    assert taken == [("bar@12", FIRST), ("bar@15", SECOND), ("bar_outgoing@20", "outgoing"), ("bar_full@40", "full")]


def test_a_warning_names_the_kinds_that_come_and_bars_keep_the_hours_of_bars() -> None:
    policy = DunningPolicy.from_dict(BY_KIND)
    warning = decide(policy, replace(a_case(), steps_done=("failed_notice@0",)), on_day(6))
    assert isinstance(warning, Warn)
    assert warning.level == FIRST
    late = decide(policy, replace(a_warned_case(5), steps_done=("failed_notice@0", "warn@5")), on_day(12, hour=19))
    assert isinstance(late, Wait)


def test_kinds_that_a_person_restricted_already_are_left_out() -> None:
    policy = DunningPolicy.from_dict(BY_KIND)
    case = replace(
        a_warned_case(5), steps_done=("failed_notice@0", "warn@5"), barring_level="bars:international,premium,roaming"
    )
    assert decide(policy, case, on_day(16)).step == "bar@15"


def test_a_ladder_of_kinds_is_written_and_read_back() -> None:
    policy = DunningPolicy.from_dict(BY_KIND)
    assert DunningPolicy.from_dict(policy.to_dict()) == policy
    assert policy.to_dict()["steps"] == BY_KIND["steps"]


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ({"day": 12, "action": "bar"}, "steps[2].kinds"),
        ({"day": 12, "action": "bar", "kinds": ["emergency_calls"]}, "steps[2].kinds"),
        ({"day": 12, "action": "bar", "kinds": ["data_throttled"]}, "steps[2].data_kbps"),
        ({"day": 12, "action": "bar_full", "kinds": ["data"]}, "steps[2].kinds"),
        ({"day": 6, "action": "bar", "kinds": ["data"]}, "steps[2].day"),
        ({"day": 12, "action": "bar", "kinds": ["incoming_calls"]}, "steps[3].action"),
        ({"day": 12, "action": "bar", "kinds": ["outgoing"]}, "steps[3].action"),
    ],
)
def test_a_step_of_kinds_that_cannot_be_taken_is_refused_by_its_field(step: dict[str, Any], field: str) -> None:
    steps = [BY_KIND["steps"][0], BY_KIND["steps"][1], step, BY_KIND["steps"][4]]
    with pytest.raises(InvalidValue) as refused:
        DunningPolicy.from_dict({"code": "gentle", "steps": steps, "minimum_days_between_bars": 3})
    assert refused.value.field == field
