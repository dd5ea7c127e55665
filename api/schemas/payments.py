"""Payments, payment methods and pay links, as the API shows them. Amounts are integer minor units."""

from __future__ import annotations

from datetime import date, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import Request
from billing.messages.account import CommandResult
from billing.ports.payments import Attempt, MethodStatus, PaymentMethod


class PaymentView(BaseModel):
    """One try at a payment. `status` is derived from what the provider says and what is booked."""

    attempt_id: str = Field(examples=["inv_1042-1"])
    purpose: str = Field(examples=["debit"])
    status: str = Field(examples=["succeeded"])
    expected_minor: int = Field(examples=[4210])
    received_minor: int = Field(examples=[4210])
    currency: str = Field(examples=["EUR"])
    provider: str = Field(examples=["stripe"])
    provider_payment: str = Field(examples=["pi_3Nabc"])
    method_id: str | None = Field(examples=["pm_1001"])
    category: str = Field(examples=["funds"], description="Why it failed; empty when it did not.")
    code: str = Field(examples=["insufficient_funds"])
    debit_on: date | None
    expected_by: datetime | None = Field(description="When a pending outcome is due.")
    created_at: datetime
    settled_at: datetime | None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        return cls(**{name: getattr(attempt, name) for name in cls.model_fields})


class PaymentList(BaseModel):
    """An account's payments, newest first."""

    payments: list[PaymentView]


class PaymentMethodView(BaseModel):
    """A stored way to pay; never more than the last four digits."""

    method_id: str = Field(examples=["pm_1001"])
    kind: str = Field(examples=["sepa_debit"])
    label: str = Field(examples=["37040044"])
    last_four: str = Field(examples=["3000"])
    status: str = Field(examples=["usable"])
    in_use: bool
    expires_on: date | None
    blocked_reason: str
    mandate_reference: str = Field(examples=["MND1042"])
    mandate_status: str | None = Field(examples=["active"])

    @classmethod
    def of(cls, method: PaymentMethod) -> Self:
        values = {name: getattr(method, name) for name in cls.model_fields if name != "in_use"}
        return cls(**values, in_use=method.is_default and method.status is MethodStatus.USABLE)


class PaymentMethodList(BaseModel):
    """The methods of an account, newest first."""

    methods: list[PaymentMethodView]


class NewPaymentMethod(Request):
    """A method the provider already knows by its own id, as its page or its mobile library made it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"provider_method": "pm_card_visa"}]})

    provider_method: str = Field(
        min_length=3, max_length=200, pattern=r"^pm_[A-Za-z0-9_]+$", description="The provider's own id of it."
    )
    accepted_from: str = Field(default="", max_length=45, description="Network address the customer agreed from.")


class SetupRequest(Request):
    """Where the customer goes after the setup page; both default to the account's own page."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"return_url": "https://mijn.vonk.example/paid"}]})

    return_url: str = Field(
        default="", max_length=500, pattern=r"^(https?://\S+)?$", description="Where a finished setup leads."
    )
    cancel_url: str = Field(
        default="", max_length=500, pattern=r"^(https?://\S+)?$", description="Where giving up leads."
    )


class HostedPageView(BaseModel):
    """A page of the provider; give `reference` back to complete the setup."""

    reference: str = Field(examples=["cs_test_a1b2"])
    url: str = Field(examples=["https://checkout.stripe.com/c/pay/cs_test_a1b2"])


class SetupDone(Request):
    """The reference answered when the setup page was opened."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reference": "cs_test_a1b2"}]})

    reference: str = Field(pattern=r"^(cs|seti)_[A-Za-z0-9_]+$", max_length=200, description="As it was answered then.")


class PaylinkView(BaseModel):
    """The account's pay address; it stays the same until revoked."""

    url: str = Field(examples=["https://pay.example.com/pay/WzEwNDIsMV0.abc"])


class PaySessionView(BaseModel):
    """A page to pay on; `url` is empty when there is nothing to pay, and `summary` says why."""

    url: str = Field(examples=["https://checkout.stripe.com/c/pay/cs_test_a1b2"])
    summary: str = Field(examples=[""])

    @classmethod
    def of(cls, result: CommandResult) -> Self:
        return cls(url=result.url, summary=result.summary)
