"""Definitions in words, as text with lines, and compared: what operators read before they publish anything."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console.ladder import ladder_picture
from billing.domain.dunning_ladder import STANDARD, DunningPolicy
from billing.domain.dunning_words import changes_in_words, policy_in_words
from billing.domain.errors import InvalidValue
from billing.domain.rating import PlanDefinition
from billing.domain.rating.plan_words import plan_changes_in_words, plan_in_words
from billing.services.catalogue_files.problems import CatalogueRefused
from billing.services.definition_text import as_text, compare, read_definition
from billing.services.dunning_outlook import Debt, foresee
from billing.services.plan_versions import compare_plans
from billing.services.usage_outlook import in_hours, silence_of
from tests.builders import a_brand
from tests.builders_usage import PLAN

NOW = datetime(2027, 2, 1, 12, tzinfo=UTC)
GENTLE = DunningPolicy.from_dict(
    {
        "code": "gentle",
        "steps": [
            {"day": 0, "action": "failed_notice"},
            {"day": 5, "action": "reminder", "channels": ["email"]},
            {"day": 14, "action": "warn"},
            {"day": 28, "action": "bar_outgoing", "when": {"except_segments": ["vulnerable"]}},
        ],
        "bar_threshold_minor": 2500,
        "fees": {"reminder_minor": 500, "free_reminders": 0},
    }
)


def test_every_step_of_a_policy_is_a_sentence() -> None:
    said = policy_in_words(GENTLE)
    assert said[1] == "Day 5: remind, with a paylink, by email"
    assert said[3] == "Day 28: bar outgoing calls, never for vulnerable"
    assert "Reminder minor: 500" in said


def test_a_step_that_moves_is_the_same_step_and_others_are_new_or_gone() -> None:
    said = changes_in_words(STANDARD, GENTLE)
    assert "Warning: day 10 becomes day 14, 4 days later." in said
    assert "Left out: Day 60: hand the debt over." in said
    assert "Outgoing barred: no terms of its own becomes never for vulnerable." in said
    assert any("1000 becomes 2500" in each for each in said)
    assert changes_in_words(GENTLE, GENTLE) == []


def test_a_ladder_is_drawn_with_names_that_do_not_touch() -> None:
    picture = ladder_picture(STANDARD)
    assert len(picture.rungs) == len(STANDARD.steps)
    for place, one in enumerate(picture.rungs):
        for other in picture.rungs[:place]:
            assert one.top != other.top or abs(one.left - other.left) >= 96
    assert picture.description.startswith("From day 0 to day 60: failed notice on day 0")


def test_a_debt_of_sixty_euros_due_on_the_first_of_march_is_foreseen() -> None:
    outlook = foresee(GENTLE, Debt(6000, date(2027, 3, 1)), a_brand(), 8)
    assert [(one.day, one.step) for one in outlook.days] == [
        (0, "failed_notice@0"),
        (5, "reminder@5"),
        (14, "warn@14"),
        (29, "bar_outgoing@28"),  # the 29th of March is Easter Monday
    ]
    assert outlook.days[1].says == "Remind, with a paylink, by email, for 5.00 EUR"
    assert outlook.days[2].bar_on == date(2027, 3, 30)
    assert outlook.left_out == ()


def test_what_never_happens_to_a_small_debt_or_a_protected_customer_is_said() -> None:
    small = foresee(GENTLE, Debt(2000, date(2027, 3, 1)), a_brand(), 8)
    assert [one.partition(":")[0] for one in small.left_out] == ["Day 14", "Day 28"]
    protected = foresee(GENTLE, Debt(6000, date(2027, 3, 1), "vulnerable"), a_brand(), 8)
    assert "bar_outgoing@28" not in [one.step for one in protected.days]
    with pytest.raises(InvalidValue):
        foresee(GENTLE, Debt(0, date(2027, 3, 1)), a_brand(), 8)


def test_a_plan_says_what_a_customer_pays() -> None:
    words = plan_in_words(PlanDefinition.from_dict(dict(PLAN)))
    assert [said.whole for said in words.fees] == ["Abonnement: 10 EUR per cycle"]
    assert words.included[0].says == "6000 voice per cycle"
    assert "België (32): 0.2 EUR per 60 voice" in words.usage[0].terms


def test_two_plans_are_compared_in_words_and_as_text() -> None:
    prices = [{**PLAN["prices"][0], "fee": "12"}, *PLAN["prices"][2:]]
    compared = compare_plans(PLAN, {**PLAN, "prices": prices, "allowances": []})
    assert "Abonnement: 10 EUR per cycle becomes 12 EUR per cycle." in compared.words
    assert any(each.startswith("No longer: Bellen") for each in compared.words)
    assert any(each.startswith("No longer: Belminuten") for each in compared.words)
    assert {line.kind for line in compared.lines} >= {"added", "removed"}
    plan = PlanDefinition.from_dict(dict(PLAN))
    assert plan_changes_in_words(plan, plan) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\na: 2\n", 2), ("a: [1\n", 1), ("- 1\n", 1), ("a: *b\n", 1), ("a: !!python/name:os.system\n", 1)],
)
def test_a_text_that_cannot_be_read_is_refused_at_its_line(text: str, line: int) -> None:
    with pytest.raises(CatalogueRefused) as refused:
        read_definition(text)
    assert refused.value.problems[0].line >= line


def test_a_refusal_finds_the_line_of_its_field_or_what_is_around_it() -> None:
    written = read_definition("code: x\nsteps:\n- day: 1\n  action: warn\n")
    refused = written.refused(InvalidValue("no", field="steps[0].day", value=1))
    assert refused.problems[0].line == 3
    around = written.refused(InvalidValue("no", field="steps[0].when.segments", value=1))
    assert around.problems[0].line == 3


_TEXTS = st.lists(st.sampled_from(["a: 1", "b: 2", "c: 3", ""]), max_size=12).map("\n".join)


@given(_TEXTS, _TEXTS)
def test_a_comparison_holds_every_line_that_differs_and_no_other(before: str, after: str) -> None:
    lines = compare(before, after)
    old, new = before.splitlines(), after.splitlines()
    assert (lines == []) == (old == new)
    for line in lines:
        if line.kind in ("same", "removed"):
            assert old[line.before - 1] == line.text
        if line.kind in ("same", "added"):
            assert new[line.after - 1] == line.text
    removed = sum(line.kind == "removed" for line in lines)
    added = sum(line.kind == "added" for line in lines)
    assert len(old) - removed == len(new) - added


def test_a_definition_comes_back_from_its_text() -> None:
    written = {name: value for name, value in GENTLE.to_dict().items() if name != "version"}
    assert DunningPolicy.from_dict(read_definition(as_text(written)).definition) == GENTLE


def test_a_source_is_quiet_after_twice_its_usual_interval() -> None:
    daily = [NOW - timedelta(days=number) for number in range(1, 6)]
    assert not silence_of("csv", daily, NOW).is_quiet
    assert silence_of("csv", daily, NOW + timedelta(days=2)).is_quiet
    assert not silence_of("csv", daily[:2], NOW + timedelta(days=99)).is_quiet
    assert not silence_of("csv", [], NOW).is_quiet
    assert [in_hours(timedelta(minutes=each)) for each in (40, 300, 4320)] == ["40 minutes", "5 hours", "3 days"]
