"""Restrictions of services at the door: what holds a line and why, and what a change would tell the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from api.schemas.actions import Bar, KindName, PersonCause, Unbar
from api.schemas.base import Response
from billing.services.service_restrictions import Change


class MeaningOut(Response):
    """A level and what the network is told of each part of a service: allowed, barred or, of data, throttled."""

    level: str = Field(examples=["bars:international,premium"])
    restrictions: Mapping[str, Literal["allowed", "barred", "throttled"]]
    data_rate_kbps: int | None


class HeldOut(Response):
    """One kind that a cause holds: who set it, why and by which order; ``lifted_at`` None: it holds.

    ``author`` is a person, or the part of the system whose rule it was; ``case_id`` the case of dunning's, else empty.
    """

    restriction_id: str
    kind: KindName
    cause: PersonCause | Literal["dunning", "limit"]
    data_kbps: int | None
    author: str
    reason: str
    order_id: str
    case_id: str
    since: datetime
    lifted_at: datetime | None
    lifted_by: str
    lift_reason: str


class ServiceRestrictionsOut(Response):
    """What the network confirmed of a line, what it should be told, and every cause of that.

    ``in_step`` false: an order is on its way, or the network does not follow. ``stopped`` is what caps stop, by meter.
    ``lifted`` are restrictions of the past, newest first.
    """

    account_id: str
    service_id: str
    identifier: str
    confirmed: MeaningOut
    wanted: MeaningOut
    in_step: bool
    stopped: Sequence[str]
    held: Sequence[HeldOut]
    lifted: Sequence[HeldOut]


class PreviewBarIn(Bar):
    """The same as bar-service, without a reason: nothing is done."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"service_id": "svc_1001", "kinds": ["data_throttled"], "data_kbps": 512}]}
    )

    def as_change(self) -> Change:
        """What would be added."""
        return Change(lifts=False, **self.model_dump())


class PreviewUnbarIn(Unbar):
    """The same as unbar-service, without a reason: nothing is done."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"service_id": "svc_1001", "causes": ["dunning"]}]})

    def as_change(self) -> Change:
        """What would be lifted."""
        return Change(lifts=True, **self.model_dump())


class PreviewedRestrictionOut(Response):
    """A line before and after the change; ``changes`` false: the network has that already."""

    service_id: str
    identifier: str
    now: MeaningOut
    then: MeaningOut
    changes: bool
