"""What services may draw beside their plans, at the door."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schemas.actions import ActionIn
from api.schemas.base import Instant, Response, identity_pattern
from billing.ports.grants import GrantRow

AN_HOUR: dict[str, Any] = {"code": "hour", "name": "An hour more", "meter": "voice", "quantity": 3600}


class AddOnIn(ActionIn):
    """A quantity for a service, from now on or from ``valid_from``, for ``cycles`` cycles or until ``valid_to``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"reason": "Bought by telephone", "service_id": "svc_1001", "allowance": AN_HOUR},
            ]
        }
    )

    service_id: str = Field(pattern=identity_pattern("svc"), description="The line it is for.")
    add_on: Annotated[str, Field(max_length=64, description="The code of an add-on that its plan offers.")] = ""
    allowance: dict[str, Any] = Field(
        default_factory=dict, description="Instead of an add-on of the plan: an allowance, as a plan writes it."
    )
    cycles: Annotated[int | None, Field(ge=1, le=120, description="How many cycles it lasts; 1 unless told.")] = None
    valid_from: Annotated[Instant | None, Field(description="For usage that starts from here on; now unless told.")] = (
        None
    )
    valid_to: Annotated[Instant | None, Field(description="Instead of cycles: for usage that starts before.")] = None


class GrantOut(Response):
    """A granted quantity in one cycle: ``quantity`` is what that cycle began with, in the meter's own units."""

    grant_id: str = Field(examples=["grt_1001"])
    service_id: str = Field(examples=["svc_1001"])
    cycle_number: int = Field(examples=[1])
    origin: Literal["rollover", "add_on"]
    code: str = Field(examples=["hour"])
    name: str = Field(examples=["An hour more"])
    meter: str = Field(examples=["voice"])
    quantity: int = Field(examples=[3600])
    shared: bool
    valid_from: datetime | None
    valid_to: datetime | None
    last_cycle: int | None = Field(description="The last cycle in which it may be drawn; null: valid_to decides.")
    expires_at: datetime | None
    granted_at: datetime
    author: str
    reason: str

    @classmethod
    def of(cls, row: GrantRow) -> GrantOut:
        limits = row.allowance
        named = {
            "code": limits["code"],
            "name": limits.get("name", limits["code"]),
            "meter": limits["meter"],
            "shared": bool(limits.get("shared", False)),
        }
        own = {name: getattr(row, name) for name in cls.model_fields if name not in named}
        return cls.model_validate(own | named)
