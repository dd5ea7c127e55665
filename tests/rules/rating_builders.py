"""Builders and strategies for rating tests, which read as business."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from billing.domain.rating import (
    Guided,
    NoPrice,
    PlanDefinition,
    PriceDefinition,
    RatedUsage,
    UsageEvent,
    guide,
    preview_price,
)

VOICE = "voice_seconds"
MINUTE = {"meter": VOICE, "unit_size": 60}


def a_price(**fields: Any) -> PriceDefinition:
    """A price from its JSON fields; calls at 0.12 per minute unless told otherwise."""
    usual: dict[str, Any] = {"code": "calls", "model": "per_unit", **MINUTE}
    if not fields.get("model") and "destinations" not in fields:
        usual["rate"] = "0.12"
    if fields.get("model") == "recurring":
        usual = {"code": "fee"}
    return PriceDefinition.from_dict(usual | fields)


def a_plan(*prices: dict[str, Any], **fields: Any) -> PlanDefinition:
    """A plan in euro from the JSON fields of its prices."""
    return PlanDefinition.from_dict(
        {"code": "mobile", "name": "Mobile", "currency": "EUR", "prices": list(prices)} | fields
    )


def amount_for(price: PriceDefinition, quantity: int) -> Decimal:
    """What one event of this quantity costs, as a decimal of euro."""
    return preview_price(price, "EUR", quantity=quantity).amount.decimal


def amounts(rated: RatedUsage) -> list[tuple[str, str, str]]:
    """Kind, description and amount of every line."""
    return [(line.kind.value, line.description, str(line.amount.decimal)) for line in rated.lines]


def calls(*quantities: int, to: str = "32470000000") -> list[UsageEvent]:
    """Answered calls of so many seconds."""
    return [UsageEvent(VOICE, quantity, to) for quantity in quantities]


def parts_of(plan: PlanDefinition, event: UsageEvent) -> tuple[Guided, ...]:
    """The guided parts of an event; none when it has no price."""
    guided = guide(plan, event)
    return () if isinstance(guided, NoPrice) else guided


def usage_events() -> st.SearchStrategy[UsageEvent]:
    """Calls and messages towards destinations that cut through every band of ``A_RICH_PLAN``."""
    return st.builds(
        UsageEvent,
        meter=st.sampled_from([VOICE, "messages", "content"]),
        quantity=st.integers(0, 10_000),
        destination=st.sampled_from(["", "32470000000", "3221234567", "33612345678", "44207000000", "329001234"]),
        amount=st.decimals(0, 50, places=4),
    )


A_RICH_PLAN = a_plan(
    {"code": "fee", "model": "recurring", "fee": "15.00"},
    {
        "code": "calls",
        "model": "per_unit",
        "rate": "0.11",
        "increments": "30/6",
        "connection_fee": "0.05",
        "destinations": [
            {"name": "France", "prefixes": ["33", "262"], "rate": "0.23", "connection_fee": "0.10"},
            {"name": "Belgium mobile", "prefixes": ["324"], "rate": "0.07"},
        ],
        **MINUTE,
    },
    {
        "code": "premium",
        "model": "per_event",
        "rate": "1.337",
        "prefixes": ["3290"],
        "round_each_event": True,
        **MINUTE,
    },
    {
        "code": "texts",
        "model": "graduated",
        "meter": "messages",
        "tiers": [{"up_to": 100, "rate": "0.05"}, {"rate": "0.0333"}],
        "maximum": "30",
    },
    {"code": "content", "model": "percentage", "meter": "content", "percent": "12.5"},
    allowances=[
        {"code": "mobile", "meter": VOICE, "quantity": 3000, "prefixes": ["3247"]},
        {"code": "all", "meter": VOICE, "quantity": 2000},
        {"code": "texts", "meter": "messages", "quantity": 500},
    ],
    line_discounts=[{"price_code": "calls", "code": "loyal", "name": "Loyal customer", "percent": "10"}],
)
