"""Accounts at the door: who pays, with which lines, and where the process stands."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schemas.base import Instant, Request, Response
from billing.services.accounts import NewAccount
from billing.services.subscribing import NewService

A_LINE: dict[str, Any] = {"kind": "mobile", "identifier": "+31612345678", "plan_code": "vonk-basis"}
AN_ACCOUNT: dict[str, Any] = {
    "brand": "vonk",
    "number": "A100001",
    "customer_name": "Sanne de Vries",
    "customer_kind": "consumer",
    "email": "sanne@example.com",
    "mobile": "+31612345678",
    "postal_address": {"street": "Kade 1", "postcode": "1011 AA", "city": "Amsterdam"},
    "country": "NL",
    "locale": "nl_NL",
    "cycle_day": 31,
    "notice_channels": {"reminder": ["sms", "email"]},
    "discounts": [{"code": "loyal", "name": "Loyal customer", "percent": "5"}],
    "segment": "standard",
    "services": [A_LINE],
}


AddressText = Annotated[str, Field(max_length=100)]


class ServiceIn(Request):
    """A line to subscribe."""

    model_config = ConfigDict(json_schema_extra={"examples": [A_LINE]})

    kind: str = Field(description="mobile, fixed, internet or tv.")
    identifier: str = Field(min_length=1, max_length=64, description="E.164 for mobile and fixed; any id otherwise.")
    plan_code: str = Field(description="A published plan of the brand.")
    plan_version: int | None = Field(default=None, ge=1, le=10**6, description="The newest when left out.")
    active_from: Instant | None = Field(
        default=None,
        description="When the line began or is to begin; now when left out, or with its account. Usage that waited"
        " for the number since then is guided to it.",
    )

    def as_service(self) -> NewService:
        return NewService(self.kind, self.identifier, self.plan_code, self.plan_version, self.active_from)


class AccountIn(Request):
    """An account to open. Opening the same number for the same customer again repeats safely."""

    model_config = ConfigDict(json_schema_extra={"examples": [AN_ACCOUNT]})

    brand: str = Field(description="Code of the brand that sells to them.")
    number: str = Field(
        min_length=1, max_length=40, pattern=r"^[A-Za-z0-9._-]+$", description="Unique within the brand."
    )
    customer_name: str = Field(min_length=1, max_length=200, description="As it stands on the invoice.")
    customer_kind: str = Field(default="consumer", description="consumer or business.")
    company: str = Field(default="", max_length=200, description="Of a business customer.")
    vat_number: str = Field(default="", max_length=40, description="Of a business customer.")
    email: str = Field(
        default="", max_length=254, pattern=r"^([^@\s]+@[^@\s]+)?$", description="Where invoices and notices go."
    )
    mobile: str = Field(default="", max_length=32, description="E.164, where text messages go.")
    postal_address: dict[AddressText, AddressText] = Field(
        default_factory=dict, max_length=10, description="Its lines by name."
    )
    country: str = Field(default="", pattern="^([A-Z]{2})?$", description="The brand's when empty.")
    locale: str = Field(default="", max_length=10, description="The brand's when empty.")
    cycle_day: int | None = Field(default=None, description="1 to 31; the activation day when left out.")
    activated_at: Instant | None = Field(default=None, description="When billing began; now when left out.")
    notice_channels: dict[str, Any] = Field(default_factory=dict, description="email, sms or both, by kind of notice.")
    discounts: list[dict[str, Any]] = Field(default_factory=list, max_length=50, description="On the invoice.")
    segment: str = Field(default="standard", max_length=64, description="For conditions of dunning policies.")
    services: list[ServiceIn] = Field(default_factory=list, max_length=500, description="The lines to subscribe.")

    def as_account(self) -> NewAccount:
        """The use case's request."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        lines = tuple(line.as_service() for line in self.services)
        return NewAccount(**values | {"services": lines, "discounts": tuple(self.discounts)})


class AccountOut(Response):
    """An account as it is kept."""

    account_id: str = Field(examples=["acc_1001"])
    brand: str = Field(examples=["vonk"])
    number: str = Field(examples=["A100001"])
    status: Literal["active", "closing", "closed"]
    customer_kind: str
    customer_name: str
    company: str
    vat_number: str
    email: str
    mobile: str
    postal_address: dict[str, Any]
    country: str
    locale: str
    zone: str
    cycle_day: int
    notice_channels: dict[str, Any]
    discounts: list[dict[str, Any]]
    segment: str
    dunning_policy_code: str | None
    dunning_policy_version: int | None
    paused: bool
    hold_until: datetime | None
    activated_at: datetime
    closed_at: datetime | None


class CollectionOut(Response):
    """Getting one announced amount paid, as the running process sees it."""

    invoice_id: str
    invoice_ids: list[str]
    amount_minor: int
    currency: str
    stage: str
    debits: bool
    debit_on: date | None
    attempt_id: str


class ProcessOut(Response):
    """What the account's workflow answers when looked at: where it stands and what comes next."""

    workflow_id: str = Field(examples=["account/vonk/A100001"])
    cycle_number: int
    collection_state: str
    next_action: str
    next_action_at: datetime | None
    paused: bool
    hold_until: datetime | None
    dunning_running: bool
    collections: list[CollectionOut]


class ServiceOut(Response):
    """A subscribed line; ``barring_level`` is what the network confirmed, ``usage_stop`` what caps stop (stop:data)."""

    service_id: str
    kind: str
    identifier: str
    plan_code: str
    plan_version: int
    barring_level: str
    usage_stop: str
    active_from: datetime
    active_to: datetime | None


class AccountView(AccountOut):
    """An account with its lines and its process; no process once it is closed."""

    services: list[ServiceOut]
    process: ProcessOut | None


class AccountSummaryOut(Response):
    """One account in a list; amounts in minor units."""

    account_id: str
    brand: str
    number: str
    customer_name: str
    status: str
    cycle_day: int
    segment: str
    paused: bool
    hold_until: datetime | None
    activated_at: datetime
    currency: str
    services: int
    barred_services: int
    open_minor: int
    overdue_minor: int
    dunning_stage: str


class AccountPageOut(Response):
    """One page; send ``next_after`` as ``after`` for the following one."""

    accounts: list[AccountSummaryOut]
    next_after: str | None


class TimelineEntryOut(Response):
    """What happened and why: rule, version and inputs."""

    at: datetime
    kind: str
    summary: str
    reason: dict[str, Any]
    actor: str
