"""Worked examples of the price preview: every price model, and every option a price may carry.

Only requests are written down here; the answers beside them in the API's description are computed by the preview.
"""

from __future__ import annotations

from typing import Any

_CALLS: dict[str, Any] = {
    "code": "voice",
    "name": "Calls",
    "meter": "voice_seconds",
    "unit_size": 60,
    "unit_name": "minute",
}
_A_MINUTE = _CALLS | {"model": "per_unit", "rate": "0.10"}
_TIERS = [{"up_to": 100, "rate": "0.10"}, {"rate": "0.05"}]
_DATA: dict[str, Any] = {
    "code": "data",
    "name": "Data",
    "model": "package",
    "meter": "data_bytes",
    "unit_size": 1_000_000_000,
    "unit_name": "GB",
    "rate": "2.00",
}
_SHOP: dict[str, Any] = {
    "code": "shop",
    "name": "Paid services",
    "model": "percentage",
    "meter": "shop",
    "percent": "10",
}
_TEXTS: dict[str, Any] = {"code": "sms", "name": "SMS", "model": "per_event", "meter": "messages", "rate": "0.09"}
_MUSIC: dict[str, Any] = {
    "code": "music",
    "name": "Music",
    "model": "zero_rated",
    "meter": "data_bytes",
    "unit_size": 1_000_000,
    "traffic_classes": ["music"],
}
_WORKDAYS = ["mon", "tue", "wed", "thu", "fri"]
_TIME_BANDS: dict[str, Any] = {
    "time_zone": "Europe/Amsterdam",
    "holidays": "NL",
    "bands": [
        {"code": "weekend", "name": "Weekend", "windows": [{"days": ["sat", "sun", "holiday"]}]},
        {"code": "peak", "name": "Peak", "windows": [{"days": _WORKDAYS, "from": "08:00", "to": "19:00"}]},
    ],
}
_BY_TIME = {
    "time_bands": [{"band": "peak", "rate": "0.20", "connection_fee": "0.10"}, {"band": "weekend", "rate": "0.01"}]
}
_ZONES = [
    {"code": "home", "name": "Home", "places": ["NL"]},
    {"code": "eu", "name": "European Union", "places": ["BE", "DE", "206"]},
    {"code": "world", "name": "World", "places": ["US", "310"]},
]
_MINUTES: dict[str, Any] = {"code": "minutes", "name": "100 minutes", "meter": "voice_seconds", "quantity": 6000}
_FEE: dict[str, Any] = {"code": "fee", "name": "Monthly fee", "model": "recurring", "fee": "15.00"}


def _asked(price: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"price": price, "currency": "EUR", **more}


# By the name of the price model.
MODEL_EXAMPLES: dict[str, dict[str, Any]] = {
    "recurring": _asked(_FEE),
    "flat": _asked(
        {"code": "day", "name": "Roaming pass", "model": "flat", "meter": "roaming", "fee": "4.50"}, quantity=3
    ),
    "per_unit": _asked(
        _A_MINUTE
        | {
            "increments": "60/60",
            "connection_fee": "0.05",
            "destinations": [{"name": "Belgium", "prefixes": ["32"], "rate": "0.20"}],
        },
        events=[{"quantity": 75, "destination": "+31201234567"}, {"quantity": 45, "destination": "+3225551234"}],
        allowance=60,
    ),
    "graduated": _asked(_CALLS | {"model": "graduated", "tiers": _TIERS}, quantity=9000),
    "volume": _asked(_CALLS | {"model": "volume", "tiers": _TIERS}, quantity=9000),
    "package": _asked(_DATA, quantity=2_500_000_000),
    "percentage": _asked(_SHOP, events=[{"amount": "12.34"}, {"amount": "0.99"}]),
    "per_event": _asked(_TEXTS, quantity=7),
    "zero_rated": _asked(_MUSIC, events=[{"quantity": 250_000_000, "traffic_class": "music"}]),
}

# By what they show.
OPTION_EXAMPLES: dict[str, dict[str, Any]] = {
    "increments_30_6": _asked(_A_MINUTE | {"increments": "30/6"}, events=[{"quantity": 45}, {"quantity": 10}]),
    "destinations_by_longest_prefix": _asked(
        _CALLS
        | {
            "model": "per_unit",
            "rate": "0.10",
            "prefixes": ["31"],
            "destinations": [
                {"name": "Belgium", "prefixes": ["32"], "rate": "0.20"},
                {"name": "Belgium, mobile", "prefixes": ["3246", "3247"], "rate": "0.30", "connection_fee": "0.15"},
            ],
        },
        events=[
            {"quantity": 60, "destination": "+31201234567"},
            {"quantity": 60, "destination": "+3225551234"},
            {"quantity": 60, "destination": "+32470123456"},
            {"quantity": 60, "destination": "+4915112345678"},
        ],
    ),
    "allowance_used_up": _asked(_DATA, events=[{"quantity": 4_000_000_000}] * 2, allowance=5_000_000_000),
    "no_allowance_drawn": _asked(_A_MINUTE | {"draws_allowances": False, "tax_code": "reduced"}, quantity=600),
    "minimum_per_cycle": _asked(_A_MINUTE | {"minimum": "5.00"}, quantity=600),
    "maximum_per_cycle": _asked(_A_MINUTE | {"maximum": "25.00"}, quantity=36_000),
    "each_event_rounded": _asked(_SHOP | {"round_each_event": True}, events=[{"amount": "0.95"}, {"amount": "0.95"}]),
    "connection_fee_per_event": _asked(
        _TEXTS | {"connection_fee": "0.01"}, events=[{"quantity": 1}, {"quantity": 1}, {"quantity": 0}]
    ),
    "discount_with_dates": _asked(
        _FEE,
        discounts=[
            {
                "code": "spring",
                "name": "Spring offer",
                "percent": "20",
                "valid_from": "2027-03-01",
                "valid_to": "2027-06-01",
            }
        ],
        on="2027-04-30",
    ),
    "two_discounts_on_usage": _asked(
        _A_MINUTE,
        quantity=6000,
        discounts=[
            {"code": "loyal", "name": "Loyal customer", "percent": "5", "order": 1},
            {"code": "talker", "name": "Much called", "amount": "1.50", "minimum_subtotal": "8.00", "order": 2},
        ],
    ),
    "time_bands_with_a_holiday": _asked(
        _A_MINUTE | _BY_TIME | {"increments": "30/6"},
        time_bands=_TIME_BANDS,
        events=[
            {"quantity": 45, "started_at": "2027-02-01T18:59:28+01:00"},
            {"quantity": 60, "started_at": "2027-02-06T12:00:00+01:00"},
            {"quantity": 60, "started_at": "2027-04-27T12:00:00+02:00"},
        ],
        explain_events=True,
    ),
    "roaming_zones": _asked(
        _DATA | {"model": "per_unit", "rate": "3.00", "zones": ["world"], "unit_size": 1_000_000, "unit_name": "MB"},
        zones=_ZONES,
        events=[
            {"quantity": 2_500_000, "visited": "310410"},
            {"quantity": 1_000_000, "visited": "FR"},
            {"quantity": 1_000_000},
        ],
    ),
    "allowance_at_home_and_in_a_zone": _asked(
        _A_MINUTE | {"zones": ["home", "eu"]},
        zones=_ZONES,
        allowances=[_MINUTES | {"zones": ["eu"], "quantity": 600}],
        events=[{"quantity": 600}, {"quantity": 900, "visited": "BE"}],
    ),
    "rollover_with_a_cap": _asked(
        _A_MINUTE,
        allowances=[_MINUTES | {"rollover": {"cycles": 2, "most_cycles": 1}}],
        rolled_over=[{"allowance": "minutes", "quantity": 5400, "lives_on": True}],
        events=[{"quantity": 3000}],
    ),
    "add_on_bought_within_the_cycle": _asked(
        _A_MINUTE,
        allowances=[_MINUTES | {"quantity": 600}],
        add_ons=[
            {
                "allowance": {"code": "hour", "name": "An hour more", "meter": "voice_seconds", "quantity": 3600},
                "valid_from": "2027-02-10T12:00:00+01:00",
            }
        ],
        events=[
            {"quantity": 1200, "started_at": "2027-02-09T09:00:00+01:00"},
            {"quantity": 1800, "started_at": "2027-02-11T09:00:00+01:00"},
        ],
    ),
    "allowance_shared_by_two_services": _asked(
        _A_MINUTE,
        allowances=[_MINUTES | {"shared": True}],
        events=[{"quantity": 4800}],
        others=[{"events": [{"quantity": 3000}]}],
    ),
    "discounts_on_the_invoice": _asked(
        _FEE,
        invoice_discounts=[
            {"code": "two", "name": "Two euro", "amount": "2.00"},
            {"code": "ten", "name": "Ten percent", "percent": "10", "order": 1},
            {"code": "big", "name": "For large bills", "percent": "5", "minimum_subtotal": "50.00"},
        ],
    ),
    "whole_plan": {
        "plan": {
            "code": "basis",
            "name": "Basis",
            "currency": "EUR",
            "prices": [_FEE, _A_MINUTE | {"maximum": "20.00"}, _TEXTS, _MUSIC],
            "allowances": [_MINUTES],
            "line_discounts": [{"price_code": "voice", "code": "loyal", "name": "Loyal customer", "percent": "10"}],
        },
        "events": [
            {"meter": "voice_seconds", "quantity": 12_000},
            {"meter": "messages"},
            {"meter": "data_bytes", "quantity": 5_000_000, "traffic_class": "music"},
            {"meter": "data_bytes", "quantity": 5_000_000},
        ],
    },
}
EXAMPLES = MODEL_EXAMPLES | OPTION_EXAMPLES


def title(name: str) -> str:
    """What an example shows, in words."""
    words = name.replace("_", " ")
    return f"A {words} price" if name in MODEL_EXAMPLES else words.capitalize()
