"""Mandates with the evidence of the customer's agreement, as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from api.schemas.base import Response


class MandateOut(Response):
    """A permission to debit a bank account; also of a method that was removed."""

    method_id: str = Field(examples=["pm_1001"])
    provider: str = Field(examples=["stripe"])
    reference: str = Field(examples=["MND1042"])
    creditor_id: str = Field(examples=["NL00ZZZ000000000000"], description="Who collects, as the scheme knows them.")
    status: str = Field(examples=["active"])
    ended_by: str = Field(examples=[""], description="The bank's reason, where it ended.")
    accepted_at: datetime
    confirmed_at: datetime | None = Field(description="When the customer was told reference, creditor and period.")


class AcceptanceOut(Response):
    """What a customer agreed to before leaving a method, and from where."""

    acceptance_id: str = Field(examples=["man_1001"])
    kind: str = Field(examples=["sepa_debit"])
    text_version: int = Field(examples=[1])
    language: str = Field(examples=["nl"])
    text_shown: str = Field(description="Every word as it was shown.")
    accepted_at: datetime
    recorded_at: datetime = Field(description="In real time.")
    ip_address: str = Field(examples=["203.0.113.7"])
    user_agent: str = Field(examples=["Mozilla/5.0"])
    setup_reference: str = Field(examples=["cs_test_a1b2"], description="The provider's page they were sent to.")
    method_id: str | None = Field(examples=["pm_1001"], description="What was stored by it, once it was.")
    mandate_reference: str = Field(examples=["MND1042"])


class MandatesOut(Response):
    """An account's mandates and its customer's agreements, newest first."""

    mandates: Sequence[MandateOut]
    acceptances: Sequence[AcceptanceOut]


class MandateTextOut(Response):
    """One version of a text in one language, with its placeholders."""

    kind: str = Field(examples=["sepa_debit"])
    version: int = Field(examples=[1])
    language: str = Field(examples=["nl"])
    text: str


class MethodsLinkOut(Response):
    """The address where the customer manages payment methods; revoked together with the pay addresses."""

    url: str = Field(examples=["https://pay.example.com/methods/WzEwNDIsMV0.abc"])
