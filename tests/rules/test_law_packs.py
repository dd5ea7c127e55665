"""Law packs: their default policies keep their rules, and a policy that breaks one is refused by field and rule."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest

from billing.domain.dunning_policy import STANDARD, DunningPolicy
from billing.domain.errors import InvalidValue
from billing.domain.law_checks import CHECKS
from billing.domain.law_pack import KEPT_ALWAYS, LawPack
from billing.services.law_packs import check_law, law_packs

PACKS = law_packs()


def changed(pack: str, **fields: Any) -> DunningPolicy:
    """The pack's own policy with other fields."""
    return DunningPolicy.from_dict(PACKS[pack].default_policy().to_dict() | fields)


def steps_of(pack: str, **days: Any) -> list[dict[str, Any]]:
    """The steps of the pack's policy; ``days`` moves the first step of an action to another day, None leaves it out."""
    steps = deepcopy(PACKS[pack].default_policy().to_dict()["steps"])
    for action, day in days.items():
        found = next(one for one in steps if one["action"] == action)
        if day is None:
            steps.remove(found)
        else:
            found["day"] = day
    return sorted(steps, key=lambda one: one["day"])


def without_terms(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"day": one["day"], "action": one["action"]} for one in steps]


def test_there_is_a_pack_for_each_of_the_four_countries() -> None:
    assert {code: pack.country for code, pack in PACKS.items()} == {"be": "BE", "de": "DE", "es": "ES", "gb": "GB"}


@pytest.mark.parametrize("code", PACKS)
def test_the_default_policy_of_a_pack_keeps_its_rules(code: str) -> None:
    policy = PACKS[code].default_policy()
    check_law(policy)
    assert DunningPolicy.from_dict(policy.to_dict()) == policy


@pytest.mark.parametrize("code", PACKS)
def test_every_rule_says_what_it_asks_and_where_it_stands(code: str) -> None:
    for rule in PACKS[code].rules:
        assert rule.says.endswith(".")
        assert rule.source
    assert "disputed_excluded" in {rule.code for rule in PACKS[code].rules if rule.check == KEPT_ALWAYS}


def test_every_check_is_asked_for_by_some_rule() -> None:
    assert {rule.check for pack in PACKS.values() for rule in pack.rules} == {*CHECKS, KEPT_ALWAYS}


BROKEN = [
    ("be", {"fees": {"reminder_minor": 1001}}, "fees.reminder_minor", "reminder_fee"),
    ("be", {"fees": {"reminder_minor": 500, "free_reminders": 0}}, "fees.free_reminders", "first_reminder_free"),
    ("be", {"fees": {"reconnection_minor": 3001}}, "fees.reconnection_minor", "reconnection_fee"),
    ("be", {"minimum_days_after_warning": 13}, "minimum_days_after_warning", "warned"),
    ("be", {"steps": steps_of("be", bar_outgoing=None)}, "steps[5].action", "limited_service_first"),
    ("de", {"bar_threshold_minor": 9999}, "bar_threshold_minor", "hundred_euro"),
    ("de", {"minimum_days_after_warning": 13}, "minimum_days_after_warning", "two_weeks_warning"),
    ("de", {"warning_channels": ["email", "sms"]}, "warning_channels", "in_writing"),
    ("de", {"minimum_days_between_bars": 6}, "minimum_days_between_bars", "full_later"),
    ("es", {"steps": without_terms(steps_of("es", warn=10, bar_outgoing=29))}, "steps[4].day", "one_month_late"),
    ("es", {"minimum_days_after_warning": 14}, "minimum_days_after_warning", "fifteen_days_notice"),
    (
        "es",
        {"steps": without_terms(steps_of("es", bar_full=90)), "minimum_days_between_bars": 14},
        "steps[5].day",
        "full_after_three_months",
    ),
    ("es", {"barring_hours": {"saturdays": False}}, "barring_hours.saturdays", "working_days"),
    ("gb", {"bar_threshold_minor": 1499}, "bar_threshold_minor", "proportionate"),
    ("gb", {"steps": steps_of("gb", reminder=None)}, "steps[3].action", "supported"),
    ("gb", {"steps": without_terms(steps_of("gb"))}, "steps[4].when.except_segments", "vulnerable"),
]


@pytest.mark.parametrize(("code", "fields", "field", "rule"), BROKEN)
def test_a_policy_that_breaks_a_rule_is_refused_by_field_and_rule(
    code: str, fields: Mapping[str, Any], field: str, rule: str
) -> None:
    policy = changed(code, **fields)
    with pytest.raises(InvalidValue) as refusal:
        check_law(policy)
    assert refusal.value.field == field
    assert f"rule {rule}" in refusal.value.message
    assert refusal.value.value != ""
    assert "leave law_pack out" in refusal.value.remedy


def test_a_ladder_that_bars_before_a_warning_is_refused_whatever_the_law() -> None:
    with pytest.raises(InvalidValue) as refusal:
        changed("be", steps=steps_of("be", warn=None))
    assert refusal.value.field == "steps[4].day"
    assert "without a warning" in refusal.value.message


def test_an_unknown_pack_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidValue, match="be, de, es, gb") as refusal:
        check_law(DunningPolicy.from_dict(STANDARD.to_dict() | {"law_pack": "nl"}))
    assert refusal.value.field == "law_pack"


def test_a_pack_whose_own_policy_breaks_it_is_refused_when_it_is_read() -> None:
    data = {
        "code": "xx",
        "name": "Nowhere",
        "country": "XX",
        "currency": "EUR",
        "rules": [{"code": "r", "check": "least_warning_days", "value": 30, "says": "Thirty days.", "source": "none"}],
        "policy": {"steps": STANDARD.to_dict()["steps"]},
        "as_of": "2025-01-01",
        "counsel": "check with counsel",
        "readings": {"steps": "None."},
    }
    with pytest.raises(InvalidValue) as refusal:
        LawPack.from_dict(data)
    assert refusal.value.field == "minimum_days_after_warning"
