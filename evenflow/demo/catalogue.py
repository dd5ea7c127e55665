"""What the two brands of the demonstration sell, under which rules."""

from __future__ import annotations

from typing import Any

GIGABYTE = 1_000_000_000
_VOICE = {"meter": "voice", "unit_size": 60, "unit_name": "minute"}
_QUIET = {"starts_hour": 20, "ends_hour": 9, "saturdays": False, "sundays": True, "public_holidays": True}

BRANDS: tuple[dict[str, Any], ...] = (
    {
        "brand": "vonk",
        "name": "Vonk Mobiel",
        "currency": "EUR",
        "zone": "Europe/Amsterdam",
        "country": "NL",
        "locale": "nl_NL",
        "email_sender": "facturen@vonk.example",
        "sms_sender": "Vonk",
        "cycle_policy": {"scheme_calendar": "TARGET", "country": "NL", "quiet_hours": _QUIET},
        "tax_table": {"country": "NL", "rates": {"standard": "21", "reduced": "9", "zero": "0"}},
    },
    {
        "brand": "brio",
        "name": "Brio Mobile",
        "currency": "GBP",
        "zone": "Europe/London",
        "country": "GB",
        "locale": "en_GB",
        "email_sender": "bills@brio.example",
        "sms_sender": "Brio",
        "cycle_policy": {"scheme_calendar": "GB", "country": "GB", "quiet_hours": _QUIET},
        "tax_table": {"country": "GB", "rates": {"standard": "20", "zero": "0"}},
    },
)

# Whose bank account the first brand's own debits are credited to. Files are made long before the cut-off, so that one
# is made on every day of a demonstration whose days last seconds.
CREDITORS: dict[str, dict[str, Any]] = {
    "vonk": {
        "name": "Vonk Mobiel",
        "iban": "NL39RABO0300065264",
        "creditor_id": "NL69ZZZ123456780000",
        "lead_banking_days": 2,
        "cut_off_hour_local": 22,
        "make_hours_before": 12,
        "reason": "The demonstration begins",
    }
}

# The usual ladder, under the code that both brands name.
DUNNING_POLICY: dict[str, Any] = {
    "code": "default",
    "steps": [
        {"day": 0, "action": "failed_notice"},
        {"day": 3, "action": "retry"},
        {"day": 3, "action": "reminder"},
        {"day": 10, "action": "warn"},
        {"day": 17, "action": "bar_outgoing"},
        {"day": 31, "action": "bar_full"},
        {"day": 60, "action": "hand_over"},
    ],
    "bar_threshold_minor": 1000,
}


def _fee(amount: str, name: str = "Monthly fee") -> dict[str, Any]:
    return {"code": "fee", "name": name, "model": "recurring", "fee": amount}


def _calls(rate: str, home: str, abroad: tuple[dict[str, Any], ...], increments: str = "60/60") -> dict[str, Any]:
    """Calls by the minute: ``home`` is the national prefix that the allowance covers, ``abroad`` has its own rates."""
    return {
        "code": "calls",
        "name": "Calls",
        "model": "per_unit",
        **_VOICE,
        "increments": increments,
        "destinations": [{"name": "home", "prefixes": [home], "rate": rate}, *abroad],
    }


def _minutes(quantity: int, home: str) -> dict[str, Any]:
    name = f"{quantity} minutes"
    return {"code": "minutes", "name": name, "meter": "voice", "quantity": quantity * 60, "prefixes": [home]}


def _texts(quantity: int, *, shared: bool = False) -> dict[str, Any]:
    return {"code": "texts", "name": f"{quantity} texts", "meter": "sms", "quantity": quantity, "shared": shared}


def _gigabytes(quantity: int) -> dict[str, Any]:
    return {"code": "data", "name": f"{quantity} GB", "meter": "data", "quantity": quantity * GIGABYTE}


def _data_package(rate: str, unit_bytes: int, unit_name: str) -> dict[str, Any]:
    return {
        "code": "data",
        "name": "Data",
        "model": "package",
        "meter": "data",
        "unit_size": unit_bytes,
        "unit_name": unit_name,
        "rate": rate,
    }


def _plan(code: str, name: str, currency: str, prices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"code": code, "name": name, "currency": currency, "prices": prices, **more}


_FROM_NL: tuple[dict[str, Any], ...] = (
    {"name": "Netherlands service numbers", "prefixes": ["31900"], "rate": "0.45", "connection_fee": "0.15"},
    {"name": "Belgium", "prefixes": ["32"], "rate": "0.19"},
    {"name": "European Union", "prefixes": ["33", "34", "49"], "rate": "0.23"},
    {"name": "World", "prefixes": ["1", "2", "4", "9"], "rate": "0.75", "connection_fee": "0.20"},
)
_FROM_GB: tuple[dict[str, Any], ...] = (
    {"name": "UK premium numbers", "prefixes": ["449"], "rate": "0.65", "connection_fee": "0.20"},
    {"name": "Europe", "prefixes": ["3", "49"], "rate": "0.25"},
    {"name": "World", "prefixes": ["1", "2", "9"], "rate": "0.80", "connection_fee": "0.20"},
)


def _texts_price(rate: str) -> dict[str, Any]:
    return {"code": "texts", "name": "Texts", "model": "per_unit", "meter": "sms", "unit_name": "text", "rate": rate}


def _graduated_texts(currency_rates: tuple[str, str]) -> dict[str, Any]:
    first, further = currency_rates
    tiers = [{"up_to": 100, "rate": first}, {"rate": further}]
    return {"code": "texts", "name": "Texts", "model": "graduated", "meter": "sms", "unit_name": "text", "tiers": tiers}


PLANS: dict[str, tuple[dict[str, Any], ...]] = {
    "vonk": (
        _plan(
            "vonk-basis",
            "Vonk Basis",
            "EUR",
            [_fee("9.50"), _calls("0.12", "31", _FROM_NL), _texts_price("0.09"), _data_package("1.50", GIGABYTE, "GB")],
            allowances=[_minutes(100, "31"), _texts(50)],
        ),
        _plan(
            "vonk-plus",
            "Vonk Plus",
            "EUR",
            [
                _fee("17.50"),
                _calls("0.10", "31", _FROM_NL, "30/6"),
                _graduated_texts(("0.08", "0.05")),
                _data_package("1.00", 500_000_000, "500 MB"),
            ],
            allowances=[_minutes(300, "31"), _gigabytes(5)],
        ),
        _plan("vonk-thuis", "Vonk Thuis 200 Mbit/s", "EUR", [_fee("32.50"), _data_package("0.00", GIGABYTE, "GB")]),
        _plan(
            "vonk-zakelijk",
            "Vonk Zakelijk",
            "EUR",
            [
                _fee("24.00"),
                _calls("0.06", "31", _FROM_NL, "1/1"),
                _texts_price("0.06"),
                _data_package("0.90", GIGABYTE, "GB"),
            ],
            allowances=[_minutes(1000, "31"), _gigabytes(10)],
        ),
    ),
    "brio": (
        _plan(
            "brio-light",
            "Brio Light",
            "GBP",
            [_fee("8.00"), _calls("0.10", "44", _FROM_GB), _texts_price("0.08"), _data_package("1.75", GIGABYTE, "GB")],
            allowances=[_minutes(100, "44"), _texts(100)],
        ),
        _plan(
            "brio-more",
            "Brio More",
            "GBP",
            [
                _fee("15.00"),
                _calls("0.09", "44", _FROM_GB, "30/6"),
                _graduated_texts(("0.07", "0.04")),
                _data_package("1.25", 500_000_000, "500 MB"),
            ],
            allowances=[_minutes(500, "44"), _gigabytes(8)],
        ),
        _plan(
            "brio-business",
            "Brio Business",
            "GBP",
            [
                _fee("22.00"),
                _calls("0.05", "44", _FROM_GB, "1/1"),
                _texts_price("0.05"),
                _data_package("0.95", GIGABYTE, "GB"),
            ],
            allowances=[_minutes(1500, "44"), _gigabytes(15)],
        ),
    ),
}
