"""The live balance at the door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.schemas.limits import LimitOut
from api.schemas.usage import AllowanceOut, ChargeLineOut, MoneyOut


class Shown(BaseModel):
    """How to show quantities of a meter: as time, as data, or as they are."""

    counts: Literal["seconds", "bytes", "pieces"] = Field(
        description="What one of the meter's own units is.", examples=["bytes"]
    )
    scale: Literal["decimal", "binary"] = Field(
        description="Of bytes: whether a larger unit is a thousand (MB) or 1024 (MiB) of the smaller one.",
        examples=["decimal"],
    )


class MeterOut(Shown):
    """What was counted on a meter, in its own units, after increments, and what it costs so far.

    ``limits`` are those of this meter of this line.
    """

    meter: str
    events: int
    quantity: int
    charges: MoneyOut
    limits: Sequence[LimitOut]


class AllowanceLeftOut(AllowanceOut, Shown):
    """An included quantity in a live balance."""


class ServiceBalanceOut(BaseModel):
    """One line's balance. ``projected_charges`` is the whole cycle's, if use goes on as it did.

    ``limits`` are those of the line, data abroad included; ``stopped`` is what the network does not let it use any
    more: a meter, * for all that is charged, or roaming_data.
    """

    service_id: str
    identifier: str
    stopped: Sequence[str]
    plan_code: str
    plan_version: int
    limits: Sequence[LimitOut]
    meters: Sequence[MeterOut]
    allowances: Sequence[AllowanceLeftOut]
    usage_charges: MoneyOut
    recurring_charges: MoneyOut
    charges: MoneyOut
    projected_charges: MoneyOut
    lines: Sequence[ChargeLineOut]


class AccountBalanceOut(BaseModel):
    """The open cycle now, net of VAT and before invoice discounts; exact at the last acknowledged record.

    ``limits`` are those of the whole account; those of a line or a meter stand there.
    """

    account_id: str
    cycle_number: int
    opens_at: datetime
    closes_at: datetime
    as_of: datetime
    last_update_at: datetime | None
    charges: MoneyOut
    projected_charges: MoneyOut
    limits: Sequence[LimitOut]
    services: Sequence[ServiceBalanceOut]
