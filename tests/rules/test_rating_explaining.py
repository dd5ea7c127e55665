"""One record tells its own story: price, prefix, zone, class, increments, parts, rounding, and what may cover it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from billing.domain.rating import PRICE_MODELS, UsageEvent, count, explain_event
from tests.rules.rating_builders import A_RICH_PLAN, VOICE, a_plan, parts_of
from tests.rules.test_rating_time_bands import BANDS, BY_TIME

DOCUMENT = (Path(__file__).parents[2] / "docs" / "rating.md").read_text()


def test_a_call_that_is_split_tells_its_parts() -> None:
    plan = a_plan(BY_TIME | {"increments": "30/6"}, time_bands=BANDS)
    started_at = datetime(2027, 2, 1, 18, 59, 28, tzinfo=ZoneInfo("Europe/Amsterdam"))
    assert explain_event(plan, UsageEvent(VOICE, 45, "31201234567", started_at=started_at)) == (
        "plan mobile, version 1",
        "price Calls (calls), per unit",
        "no prefix matches 31201234567: the base rate",
        "45 seconds at increments 30/6 = 48 seconds billable",
        "part 1: 36 seconds in the time band Peak at 0.12 EUR per minute with connection fee 0.1 EUR = 0.172 EUR"
        " before allowances",
        "part 2: 12 seconds outside the time bands at 0.06 EUR per minute = 0.012 EUR before allowances",
        "rounded once, on its invoice line",
    )


def test_it_names_the_prefix_and_what_allowances_cover_of_its_line() -> None:
    event = UsageEvent(VOICE, 3600, "32470000000")
    counted = count(parts_of(A_RICH_PLAN, event) * 2)
    story = explain_event(A_RICH_PLAN, event, counted)
    assert "prefix 3247 (Belgium mobile) is the longest that matches 32470000000" in story
    # 7,200 s: 3,000 from the allowance for mobile numbers, 2,000 from that for all.
    assert story[-1] == "in its cycle: calls, Belgium mobile: 2 events, 7200 seconds, of which allowances cover 5000"
    assert explain_event(A_RICH_PLAN, event)[-1] == "allowances that may cover it: mobile, all"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (UsageEvent(VOICE, 10, "329012345"), "10 seconds at 1.337 EUR per event = 1.34 EUR"),
        (UsageEvent("messages", 3), "3 messages at up to 100: 0.05 EUR, then 0.0333 EUR per message, by the total"),
        (UsageEvent("shop", 1), "no price: Plan mobile has no price for the meter shop."),
    ],
)
def test_every_kind_of_price_says_how_it_applies(event: UsageEvent, line: str) -> None:
    assert any(step.startswith(line) for step in explain_event(A_RICH_PLAN, event)), explain_event(A_RICH_PLAN, event)


@pytest.mark.parametrize("model", PRICE_MODELS)
def test_the_page_on_rating_shows_every_model_with_an_amount(model: str) -> None:
    rows = [row for row in DOCUMENT.splitlines() if row.startswith(f"| `{model}` ")]
    assert len(rows) == 1
    assert rows[0].rstrip("| ").rsplit(" ", 1)[1].replace(".", "").isdigit()


def test_the_page_on_rating_names_every_option_of_a_price_and_an_allowance() -> None:
    options = {
        *("increments", "connection_fee", "prefixes", "destinations", "time_bands", "zones", "traffic_classes"),
        *("minimum", "maximum", "draws_allowances", "round_each_event", "tax_code", "shared", "rollover", "add_ons"),
    }
    assert {option for option in options if f"`{option}`" not in DOCUMENT} == set()
