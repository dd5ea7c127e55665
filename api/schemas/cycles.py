"""A brand's cycle policy as JSON and as query parameters, and the dates that follow from it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.base import Day, Request, Response
from billing.domain.cycle_policy import CyclePolicy

# Queries by what they show. The answers beside them in the API's description are computed by the preview.
EXAMPLES: dict[str, dict[str, Any]] = {
    "direct_debit_on_the_last_day": {"cycle_day": 31, "from": "2027-02-10", "count": 2, "country": "NL"},
    "card_on_short_notice": {
        "cycle_day": 1,
        "zone": "Europe/Brussels",
        "from": "2027-05-05",
        "count": 1,
        "method_kind": "card",
        "billing_delay_days": 2,
        "notice_days": 7,
        "reminder_days": 2,
        "retry_notice_banking_days": 3,
        "debit_hour_local": 10,
        "country": "BE",
    },
    "bacs_debit_in_banking_days": {
        "cycle_day": 15,
        "zone": "Europe/London",
        "from": "2027-03-20",
        "count": 1,
        "method_kind": "bacs_debit",
        "notice_days": 10,
        "notice_in_banking_days": "true",
        "submission_lead_days": 2,
        "bacs_notice_banking_days": 10,
        "scheme_calendar": "GB",
        "country": "GB",
    },
    "no_usable_method_and_quiet_saturdays": {
        "cycle_day": 5,
        "from": "2027-07-10",
        "count": 1,
        "method_kind": "none",
        "country": "NL",
        "notice_hour_local": 10,
        "quiet_starts_hour": 18,
        "quiet_ends_hour": 10,
        "quiet_saturdays": "true",
        "quiet_sundays": "true",
        "quiet_public_holidays": "false",
    },
}


class QuietHoursFields(Request):
    """When customers are not disturbed: local hours from ``starts_hour`` to ``ends_hour``, and whole quiet days."""

    starts_hour: int = Field(default=20, description="First quiet hour, local.", examples=[20])
    ends_hour: int = Field(default=9, description="First hour that is not quiet any more.", examples=[9])
    saturdays: bool = Field(default=False, description="Saturdays are quiet.", examples=[False])
    sundays: bool = Field(default=True, description="Sundays are quiet.", examples=[True])
    public_holidays: bool = Field(
        default=True, description="Public holidays of the country are quiet.", examples=[True]
    )


class PolicyFields(Request):
    """The settings from which every date of a cycle follows. What is left out takes its default."""

    billing_delay_days: int = Field(
        default=1, description="Days between the close of a cycle and its invoice, for late records.", examples=[1]
    )
    notice_days: int = Field(
        default=14, description="Days between the ready notice and the debit (SEPA: 14).", examples=[14]
    )
    notice_in_banking_days: bool = Field(
        default=False, description="Count notice_days in banking days.", examples=[False]
    )
    reminder_days: int = Field(default=3, description="Days between the reminder and the debit.", examples=[3])
    debit_hour_local: int = Field(default=8, description="Local hour of submission and debit.", examples=[8])
    notice_hour_local: int = Field(default=9, description="Local hour of notices.", examples=[9])
    scheme_calendar: str = Field(
        default="TARGET", description="Banking days: TARGET, GB, US or a country such as DE-BY.", examples=["TARGET"]
    )
    submission_lead_days: int = Field(
        default=3, description="Days before the debit at which a direct debit is handed in; cards: none.", examples=[3]
    )
    retry_notice_banking_days: int = Field(
        default=2, description="Banking days between the notice of a retry and its debit.", examples=[2]
    )
    bacs_notice_banking_days: int = Field(
        default=10,
        description="UK banking days between notice and a Bacs debit; fewer than ten only by the service user's terms.",
        examples=[10],
    )
    country: str | None = Field(
        default=None, description="Whose public holidays are quiet; empty: none.", examples=["NL"]
    )


class CyclePolicyIn(PolicyFields):
    """A brand's cycle policy."""

    quiet_hours: QuietHoursFields = Field(default_factory=QuietHoursFields)

    def as_definition(self) -> dict[str, Any]:
        """The JSON that the domain reads: only what was sent."""
        return self.model_dump(exclude_unset=True)


class PreviewQuery(PolicyFields):
    """A policy as query parameters, and what to preview with it."""

    model_config = ConfigDict(strict=False)  # a query is all text

    cycle_day: int = Field(description="The account's cycle day, 1 to 31.", examples=[31])
    zone: str = Field(
        default="Europe/Amsterdam", description="The brand's IANA time zone.", examples=["Europe/Amsterdam"]
    )
    start: Day | None = Field(
        default=None,
        alias="from",
        description="A local date in the first cycle; today when left out.",
        examples=["2027-02-10"],
    )
    count: int = Field(default=3, ge=1, le=36, description="How many cycles.", examples=[3])
    method_kind: str = Field(
        default="sepa_debit", description="card, sepa_debit, bacs_debit or none.", examples=["sepa_debit"]
    )
    quiet_starts_hour: int = Field(default=20, description="First quiet hour, local.", examples=[20])
    quiet_ends_hour: int = Field(default=9, description="First hour that is not quiet any more.", examples=[9])
    quiet_saturdays: bool = Field(default=False, description="Saturdays are quiet.", examples=[False])
    quiet_sundays: bool = Field(default=True, description="Sundays are quiet.", examples=[True])
    quiet_public_holidays: bool = Field(
        default=True, description="Public holidays of the country are quiet.", examples=[True]
    )

    def policy(self) -> CyclePolicy:
        """The policy these parameters describe. Raises InvalidValue naming the parameter."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in PolicyFields.model_fields}
        quiet = {name: getattr(self, f"quiet_{name}") for name in QuietHoursFields.model_fields}
        return CyclePolicy.from_dict(fields | {"quiet_hours": quiet})


class CyclePlanOut(Response):
    """Every date of one cycle. Instants are UTC; invoice_date and debit_on are local dates."""

    cycle_number: int = Field(description="Counted from the first one shown.", examples=[1])
    cycle_day: int = Field(description="The account's cycle day, kept in shorter months.", examples=[31])
    zone: str = Field(description="Where days begin and end.", examples=["Europe/Amsterdam"])
    method_kind: str = Field(description="How the account pays.", examples=["sepa_debit"])
    opens_at: datetime = Field(description="The cycle's first instant.", examples=["2027-01-30T23:00:00Z"])
    closes_at: datetime = Field(description="The first instant after it.", examples=["2027-02-27T23:00:00Z"])
    invoice_date: date = Field(description="The local day on which it closes.", examples=["2027-02-28"])
    issue_at: datetime = Field(description="Issued, after the billing delay.", examples=["2027-03-01T08:00:00Z"])
    ready_notice_at: datetime = Field(
        description="The ready notice, naming amount and debit date.", examples=["2027-03-01T08:00:00Z"]
    )
    reminder_at: datetime = Field(description="Before submission and debit.", examples=["2027-03-11T08:00:00Z"])
    submit_at: datetime = Field(description="Handed to the provider.", examples=["2027-03-12T07:00:00Z"])
    debit_on: date = Field(description="The banking day of the debit: the due date.", examples=["2027-03-15"])
    debit_at: datetime = Field(description="When the money is to be taken.", examples=["2027-03-15T07:00:00Z"])
    next_closes_at: datetime = Field(
        description="The next close, before which all of it is done.", examples=["2027-03-30T22:00:00Z"]
    )


class CyclePreviewOut(Response):
    """The policy as it was understood, defaults filled in, and the plans that follow from it."""

    policy: CyclePolicyIn
    cycles: list[CyclePlanOut]
