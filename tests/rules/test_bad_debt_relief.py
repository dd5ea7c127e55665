"""VAT of bad debts: when a country lets it be taken back, and how much of what was given up it is."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.bad_debt_relief import ReliefRule, vat_of_part
from billing.domain.errors import InvalidValue
from billing.services.bad_debt_rules import check_relief, relief_of, relief_rules

DUE = date(2027, 3, 1)


@pytest.mark.parametrize(
    ("given_up", "vat", "gross", "taken_back"),
    [(2420, 420, 2420, 420), (1210, 420, 2420, 210), (1, 420, 2420, 0), (3, 420, 2420, 1), (500, 0, 500, 0)],
)
def test_the_vat_of_a_part_is_its_share(given_up: int, vat: int, gross: int, taken_back: int) -> None:
    assert vat_of_part(given_up, vat, gross) == taken_back


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.data())
def test_it_is_never_more_than_the_vat_and_grows_with_the_part(net: int, vat: int, data: st.DataObject) -> None:
    gross = net + vat
    part = data.draw(st.integers(0, gross))
    assert 0 <= vat_of_part(part, vat, gross) <= min(vat, part)
    assert vat_of_part(part, vat, gross) <= vat_of_part(gross, vat, gross) == vat


@pytest.mark.parametrize(("code", "days"), [("nl", 365), ("be", 0), ("de", 0), ("es", 365), ("gb", 183)])
def test_a_claim_must_be_old_enough(code: str, days: int) -> None:
    rule = relief_rules()[code]
    assert rule.why_not(100_000, DUE, DUE + timedelta(days=days)) == ""
    assert (rule.why_not(100_000, DUE, DUE - timedelta(days=1)) == "") == (days == 0)
    if days:
        assert f"of {days} days" in rule.why_not(100_000, DUE, DUE + timedelta(days=days - 1))


def test_a_small_claim_stays_where_the_rule_says_so() -> None:
    assert "less than 5000" in relief_rules()["es"].why_not(4999, DUE, DUE + timedelta(days=400))


@pytest.mark.parametrize("rule", sorted(relief_rules()))
def test_every_rule_says_what_it_is_its_article_and_as_of_when(rule: str) -> None:
    found = relief_rules()[rule]
    assert found.says.endswith(".")
    assert any(word in found.source for word in ("article", "§", "section"))
    assert found.as_of <= date(2026, 1, 1)


@pytest.mark.parametrize(
    ("definition", "country", "field"),
    [
        ({"rule": "xx"}, "NL", "bad_debt_relief.rule"),
        ({"rule": "be"}, "NL", "bad_debt_relief.rule"),
        ({"rule": "nl", "rate": 1}, "NL", "bad_debt_relief.rate"),
    ],
)
def test_an_unusable_rule_is_refused_by_name(definition: dict[str, object], country: str, field: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        check_relief(definition, country)
    assert refusal.value.field == field


def test_no_rule_is_no_relief() -> None:
    assert relief_of({}) is None


def test_a_rule_without_a_day_is_refused() -> None:
    with pytest.raises(InvalidValue) as refusal:
        ReliefRule.from_dict(
            {"code": "x", "country": "NL", "says": "a", "source": "b", "as_of": "lately", "counsel": "c"}
        )
    assert refusal.value.field == "as_of"
