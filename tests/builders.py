"""Test data that reads as business: ``a_brand(currency="GBP")``, ``an_account(cycle_day=31)``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from billing.ports.accounts import Brand, Plan

ACTIVATED_AT = datetime(2027, 1, 15, 9, 30, tzinfo=UTC)


def a_brand(**changes: Any) -> Brand:
    """A Dutch brand that bills in euros; change any field by name."""
    brand = Brand(
        brand="vonk",
        name="Vonk Mobiel",
        currency="EUR",
        zone="Europe/Amsterdam",
        country="NL",
        locale="nl_NL",
        email_sender="facturen@vonk.example",
        sms_sender="Vonk",
        account_url="https://mijn.vonk.example",
        minimum_charge_minor=50,
        cycle_policy={},
        tax_table={"country": "NL", "rates": {"standard": "21", "zero": "0"}},
        notice_channels={},
        dunning_policy_code="default",
    )
    return replace(brand, **changes)


def a_plan(definition: Mapping[str, Any], **changes: Any) -> Plan:
    """A published plan of the Dutch brand with this definition."""
    plan = Plan("vonk-basis", 1, "vonk", "Vonk Basis", definition, ACTIVATED_AT)
    return replace(plan, **changes)


def an_account(**changes: Any) -> dict[str, Any]:
    """The values of a consumer's account, activated on the 15th."""
    values: dict[str, Any] = {
        "brand": "vonk",
        "number": "A100001",
        "status": "active",
        "customer_kind": "consumer",
        "customer_name": "Sanne de Vries",
        "email": "sanne@example.com",
        "mobile": "+31612345678",
        "postal_address": {"street": "Kade 1", "postcode": "1011 AA", "city": "Amsterdam"},
        "country": "NL",
        "locale": "nl_NL",
        "zone": "Europe/Amsterdam",
        "cycle_day": 15,
        "notice_channels": {},
        "discounts": [],
        "activated_at": ACTIVATED_AT,
    }
    return values | changes


def a_service(account_id: str, **changes: Any) -> dict[str, Any]:
    """The values of a mobile line of that account."""
    values: dict[str, Any] = {
        "account_id": account_id,
        "kind": "mobile",
        "identifier": "+31612345678",
        "plan_code": "vonk-basis",
        "plan_version": 1,
        "active_from": ACTIVATED_AT,
    }
    return values | changes
