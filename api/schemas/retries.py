"""Retry policies and what they decide, as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from api.schemas.base import Instant, Request, Response

A_RETRY_POLICY: dict[str, Any] = {
    "rules": [
        {"instruments": ["card"], "categories": ["funds"], "most_retries": 4, "days_between": 2, "on_payday": True},
        {"instruments": ["card"], "categories": ["technical"], "most_retries": 3, "within_days": 14},
        {"instruments": ["sepa_debit"], "categories": ["funds"], "most_retries": 2, "on_payday": True},
        {"instruments": ["bacs_debit"], "categories": ["funds"], "most_retries": 1, "days_between": 5},
    ],
    "paydays": {"days_of_month": [25], "last_banking_day": True, "window_days": 5},
}
Definition = Annotated[
    dict[str, Any],
    Field(description="Rules, of which the first that covers a failure holds, and paydays.", examples=[A_RETRY_POLICY]),
]
BrandCode = Annotated[str, Field(max_length=31, description="The brand; empty: every brand without one of its own.")]


class PublishRetryPolicyIn(Request):
    """The next version of a brand's policy; the same definition again answers the version that is there."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"brand": "", "definition": A_RETRY_POLICY, "reason": "wages come on the 25th here"}]
        }
    )

    brand: BrandCode = ""
    definition: Definition
    reason: Annotated[str, Field(min_length=1, max_length=500, description="Why, for whoever asks later.")]


class RetryPolicyOut(Response):
    """One published version; it never changes. Retries are decided by the newest one."""

    brand: str
    policy_version: int
    definition: Mapping[str, Any]
    published_at: datetime
    author: str
    reason: str


class PreviewRetriesIn(Request):
    """A failure, and the policy to preview: the one in force when no definition is given."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "brand": "vonk",
                    "definition": A_RETRY_POLICY,
                    "scheme": "visa",
                    "category": "funds",
                    "code": "51",
                    "failed_at": "2027-06-08T07:00:00Z",
                }
            ]
        }
    )

    brand: Annotated[str, Field(min_length=1, max_length=31, description="Its calendar, zone and notice for retries.")]
    definition: Annotated[dict[str, Any] | None, Field(description="A policy not yet published.")] = None
    scheme: Annotated[str, Field(max_length=20, description="visa, mastercard, card, sepa or bacs.")]
    category: Annotated[str, Field(max_length=30, description="Why it failed, as payments show it.")]
    code: Annotated[str, Field(max_length=40, description="The scheme's own code, such as 51, AM04 or ARUDD-0.")] = ""
    failed_at: Annotated[Instant, Field(description="When the first debit failed.")]


class PreviewedRetryOut(Response):
    """One retry of a debt that fails every time alike."""

    number: int
    notify_at: datetime
    submit_at: datetime
    debit_on: date
    rule: str
    reason: str


class RetryPreviewOut(Response):
    """Every retry there would be, and why there is no further one."""

    retries: Sequence[PreviewedRetryOut]
    ends_because: str


class NextRetryOut(Response):
    """What would be decided now about a further debit of what is open; nothing is announced or made by looking."""

    possible: bool
    explanation: str
    invoice_ids: Sequence[str]
    amount_minor: int
    currency: str
    notify_at: datetime | None
    submit_at: datetime | None
    debit_on: date | None
    rule: str
    policy_version: int
    inputs: Mapping[str, str]
