"""Operators, one-time links and the audit trail, as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from api.schemas.base import Request, Response

Role = Annotated[
    str,
    Field(
        pattern="^(viewer|agent|finance|admin)$",
        description="Each may do what those before it may: viewer, agent, finance, admin.",
        examples=["agent"],
    ),
]
Reason = Annotated[str, Field(min_length=1, max_length=500, description="Why; kept with your name.")]


class InvitationIn(Request):
    """Somebody who is to sign in."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "sanne@vonk.example", "name": "Sanne de Vries", "role": "agent"}]}
    )

    email: str = Field(min_length=3, max_length=320, description="Where they are written to, and their name here.")
    name: str = Field(min_length=1, max_length=100, description="How they are called.")
    role: Role


class RoleIn(Request):
    """Another role."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"role": "finance", "reason": "Moved to the finance team"}]}
    )

    role: Role
    reason: Reason


class ReasonIn(Request):
    """Why something is done."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Left the company"}]})

    reason: Reason


class UserOut(Response):
    """One operator. ``has_factor`` says whether a second factor is in use; ``subject`` is theirs at the provider."""

    user_id: str = Field(examples=["usr_1001"])
    email: str = Field(examples=["sanne@vonk.example"])
    name: str = Field(examples=["Sanne de Vries"])
    role: str = Field(examples=["agent"])
    status: str = Field(description="invited, active or disabled.", examples=["active"])
    has_factor: bool = Field(examples=[True])
    issuer: str = Field(description="The identity provider they sign in at; empty for a password.", examples=[""])
    subject: str = Field(examples=[""])
    created_at: datetime = Field(examples=["2027-02-01T12:00:00Z"])
    created_by: str = Field(examples=["admin"])
    last_seen_at: datetime | None = Field(description="When they last signed in.", examples=["2027-02-01T12:00:00Z"])


class UsersOut(Response):
    """One page of users."""

    users: list[UserOut]
    next_after: str = Field(description="Send it as ``after`` for further ones; empty at the end.", examples=[""])


class LinkOut(Response):
    """A link that sets a password: answered once, and good for one use."""

    user: UserOut
    link: str = Field(examples=["https://billing.vonk.example/console/link/4n8x..."])


class AuditEventOut(Response):
    """One command, or one refusal."""

    event_id: str = Field(examples=["aud_1001"])
    at: datetime = Field(description="Real time.", examples=["2027-02-01T12:00:00Z"])
    actor: str = Field(
        description="A user's address, a key's name, or what was tried.", examples=["sanne@vonk.example"]
    )
    role: str = Field(examples=["agent"])
    signed_in_by: str = Field(description="key, password, openid or demo; empty for nobody.", examples=["password"])
    address: str = Field(examples=["192.0.2.7"])
    action: str = Field(examples=["hold"])
    place: str = Field(examples=["POST /v1/accounts/{account_id}/hold"])
    subject: str = Field(examples=["acc_1001"])
    reason: str = Field(examples=["Promised by telephone"])
    outcome: str = Field(description="done, or what it was refused for.", examples=["done"])
    status: int = Field(examples=[200])


class AuditOut(Response):
    """One page of the trail."""

    events: list[AuditEventOut]
    next_before: str = Field(
        description="Send it as ``before`` for older ones; empty at the end.", examples=["aud_1001"]
    )
