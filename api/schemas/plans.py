"""Plans at the door: a definition is the domain's own JSON, shown here with every price model."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.base import Instant, Request, Response

_MINUTES: dict[str, Any] = {"meter": "voice_seconds", "unit_size": 60, "unit_name": "minute"}
_TIERS = [{"up_to": 100, "rate": "0.10"}, {"rate": "0.08"}]

# One price of each model, with the options a model may carry.
EVERY_PRICE_MODEL: dict[str, dict[str, Any]] = {
    "recurring": {"code": "fee", "name": "Monthly fee", "model": "recurring", "fee": "15.00"},
    "flat": {"code": "day-pass", "name": "Roaming pass", "model": "flat", "meter": "roaming_days", "fee": "4.50"},
    "per_unit": {
        "code": "calls",
        "name": "Calls",
        "model": "per_unit",
        **_MINUTES,
        "rate": "0.12",
        "increments": "30/6",
        "connection_fee": "0.05",
        "prefixes": ["31"],
        "destinations": [{"name": "Belgium", "prefixes": ["32"], "rate": "0.20", "connection_fee": "0.10"}],
        "minimum": "0",
        "maximum": "50",
    },
    "graduated": {"code": "texts", "name": "Texts", "model": "graduated", "meter": "messages", "tiers": _TIERS},
    "volume": {"code": "pictures", "name": "Pictures", "model": "volume", "meter": "pictures", "tiers": _TIERS},
    "package": {
        "code": "data",
        "name": "Data",
        "model": "package",
        "meter": "data_bytes",
        "unit_size": 500_000_000,
        "unit_name": "500 MB",
        "rate": "2.00",
    },
    "percentage": {
        "code": "shop",
        "name": "Paid services",
        "model": "percentage",
        "meter": "shop",
        "percent": "10",
        "round_each_event": True,
    },
    "per_event": {"code": "service", "name": "Service calls", "model": "per_event", "meter": "service", "rate": "0.60"},
    "zero_rated": {
        "code": "music",
        "name": "Music",
        "model": "zero_rated",
        "meter": "data_bytes",
        "unit_size": 1_000_000,
        "traffic_classes": ["music"],
    },
}
A_PLAN: dict[str, Any] = {
    "code": "vonk-basis",
    "name": "Vonk Basis",
    "currency": "EUR",
    "prices": list(EVERY_PRICE_MODEL.values()),
    "allowances": [
        {"code": "minutes", "name": "100 minutes", "meter": "voice_seconds", "quantity": 6000, "prefixes": ["31"]},
        {"code": "texts", "name": "50 texts", "meter": "messages", "quantity": 50, "shared": True},
    ],
    "meters": [{"meter": "data_bytes", "counts": "bytes", "scale": "decimal"}],
    "line_discounts": [
        {
            "price_code": "fee",
            "code": "spring",
            "name": "Spring offer",
            "percent": "20",
            "valid_from": "2027-03-01",
            "valid_to": "2027-06-01",
        }
    ],
}


class PlanIn(Request):
    """A plan to publish. The definition's fields are checked one by one; a refusal names the dotted field."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"brand": "vonk", "definition": A_PLAN}]})

    brand: str = Field(description="The brand that sells it.")
    definition: dict[str, Any] = Field(
        description="Rates and fees are decimals as text, in whole units of the currency; quantities are whole numbers"
        " of the meter's own units (seconds, bytes, messages)."
    )
    sold_from: Instant | None = Field(
        default=None, description="New lines get this version from then on; left out: at once."
    )
    reason: str = Field(default="", max_length=500, description="Why; it stays with the version.")


class PlanOut(Response):
    """One published version of a plan."""

    plan_code: str = Field(examples=["vonk-basis"])
    plan_version: int = Field(examples=[1])
    brand: str = Field(examples=["vonk"])
    name: str = Field(examples=["Vonk Basis"])
    definition: dict[str, Any] = Field(examples=[A_PLAN])
    published_at: datetime
    author: str = Field(examples=["sanne"])
    reason: str = Field(examples=["Prices of 2027"])
    sold_from: datetime | None = Field(examples=["2027-03-01T00:00:00Z"])
