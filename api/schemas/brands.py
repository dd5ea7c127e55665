"""Brands at the door."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.base import Request, Response
from api.schemas.cycles import CyclePolicyIn
from billing.ports.accounts import Brand

A_BRAND: dict[str, Any] = {
    "brand": "vonk",
    "name": "Vonk Mobiel",
    "currency": "EUR",
    "zone": "Europe/Amsterdam",
    "country": "NL",
    "locale": "nl_NL",
    "email_sender": "facturen@vonk.example",
    "sms_sender": "Vonk",
    "account_url": "https://mijn.vonk.example",
    "minimum_charge_minor": 50,
    "cycle_policy": {
        "billing_delay_days": 1,
        "notice_days": 14,
        "notice_in_banking_days": False,
        "reminder_days": 3,
        "debit_hour_local": 8,
        "notice_hour_local": 9,
        "scheme_calendar": "TARGET",
        "submission_lead_days": 3,
        "retry_notice_banking_days": 2,
        "bacs_notice_banking_days": 10,
        "country": "NL",
        "quiet_hours": {
            "starts_hour": 20,
            "ends_hour": 9,
            "saturdays": False,
            "sundays": True,
            "public_holidays": True,
        },
    },
    "tax_table": {"country": "NL", "rates": {"standard": "21", "reduced": "9", "zero": "0"}},
    "notice_channels": {"ready": ["email"], "reminder": ["sms"], "failed": ["sms", "email"]},
    "dunning_policy_code": "default",
    "limit_policy": {
        "roaming_data": {
            "enabled": True,
            "cap_minor": 5000,
            "reminder_minor": 10000,
            "meters": ["data", "data_bytes"],
            "area": "eea",
            "customer_kinds": ["consumer"],
        }
    },
    "bad_debt_relief": {},
    "barring_policy": {
        "restricting_hours": {
            "starts_hour": 17,
            "ends_hour": 9,
            "saturdays": True,
            "sundays": True,
            "public_holidays": True,
        },
        "reconnection_fee": {
            "amount_minor": 1000,
            "maximum_minor": 3000,
            "tax_code": "standard",
            "free_per_year": 1,
            "waived_segments": ["vulnerable"],
        },
    },
}


class BrandIn(Request):
    """A commercial name of the operator, with everything that follows from it."""

    model_config = ConfigDict(json_schema_extra={"examples": [A_BRAND]})

    brand: str = Field(description="Its code: lower case, part of workflow ids.", max_length=31)
    name: str = Field(min_length=1, max_length=200, description="As customers read it.")
    currency: str = Field(pattern="^[A-Z]{3}$", description="ISO 4217.")
    zone: str = Field(max_length=64, description="IANA time zone in which days begin and end.")
    country: str = Field(pattern="^[A-Z]{2}$", description="ISO 3166: public holidays and national numbers.")
    locale: str = Field(pattern="^[a-z]{2}(_[A-Z]{2})?$", description="Language of notices, unless a customer chose.")
    email_sender: str = Field(max_length=200, pattern=r"^[^@\s]+@[^@\s]+$", description="From address of notices.")
    sms_sender: str = Field(
        pattern=r"^(\+?[0-9]{3,15}|[A-Za-z0-9 ]{1,11})$", description="Number or at most 11 letters."
    )
    account_url: str = Field(
        default="",
        max_length=200,
        pattern=r"^(https?://\S+)?$",
        description="Where customers see their account; our own self-service when left out.",
    )
    minimum_charge_minor: int = Field(
        default=50, ge=0, le=10_000, description="Smaller totals are carried over: what the provider would refuse."
    )
    cycle_policy: CyclePolicyIn = Field(
        default_factory=CyclePolicyIn, description="From which all dates of a cycle follow; preview it first."
    )
    tax_table: dict[str, Any] = Field(description="Country and VAT rates by tax code, as text percentages.")
    notice_channels: dict[str, Any] = Field(
        default_factory=dict, description="Channels per kind of notice; what is left out takes the usual channel."
    )
    dunning_policy_code: str = Field(
        default="default", max_length=64, description="The policy of new accounts; its newest version is pinned."
    )
    limit_policy: dict[str, Any] = Field(
        default_factory=dict,
        description="Limits that hold by themselves: the cap on data abroad; what is left out is usual.",
    )
    barring_policy: dict[str, Any] = Field(
        default_factory=dict,
        description="Quiet hours for restricting because of a debt, and the reconnection fee; empty: neither.",
    )

    bad_debt_relief: dict[str, Any] = Field(
        default_factory=dict,
        description='The rule by which VAT of what is given up is taken back, as {"rule": "nl"}; empty: not at all.',
    )

    def as_brand(self) -> Brand:
        """The record to keep."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return Brand(**values | {"cycle_policy": self.cycle_policy.as_definition()})


class BrandOut(Response):
    """A brand as it is kept."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [A_BRAND]})

    brand: str
    name: str
    currency: str
    zone: str
    country: str
    locale: str
    email_sender: str
    sms_sender: str
    account_url: str
    minimum_charge_minor: int
    cycle_policy: dict[str, Any]
    tax_table: dict[str, Any]
    notice_channels: dict[str, Any]
    dunning_policy_code: str
    limit_policy: dict[str, Any]
    barring_policy: dict[str, Any]
    bad_debt_relief: dict[str, Any]
