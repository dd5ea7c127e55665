"""Usage at the door: records in, results out, files, kept records and live balances."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import Instant, Request

Outcome = Literal["accepted", "duplicate", "conflict", "recycled", "rejected", "late", "partial"]

A_CALL: dict[str, Any] = {
    "source": "switch-1",
    "record_id": "20270201-0001",
    "identifier": "+31612345678",
    "meter": "voice_seconds",
    "quantity": 75,
    "started_at": "2027-02-01T10:00:00+01:00",
    "destination": "+31201234567",
}
A_SESSION: dict[str, Any] = {
    "source": "pgw-2",
    "record_id": "s-77",
    "identifier": "+31612345678",
    "meter": "data_bytes",
    "quantity": 7340032,
    "started_at": "2027-02-01T10:05:00+01:00",
    "attributes": {"apn": "internet"},
}


class UsageEventIn(BaseModel):
    """One usage record. Values are checked record by record, so that a bad one is answered and kept, not lost."""

    model_config = ConfigDict(json_schema_extra={"examples": [A_CALL, A_SESSION]}, extra="allow")

    source: Annotated[Any, Field(description="Who counted it: a code that never changes for this source.")] = None
    record_id: Annotated[Any, Field(description="The record's natural key within the source.")] = None
    identifier: Annotated[Any, Field(description="The number (E.164 with +) or other id of the line.")] = None
    meter: Annotated[Any, Field(description="What was used: voice, data, sms, or any meter a plan prices.")] = None
    quantity: Annotated[
        Any, Field(description="A whole number in the meter's own units: seconds, bytes, messages.")
    ] = None
    started_at: Annotated[Any, Field(description="ISO 8601 with offset; at most 90 days ago, at most a day ahead.")] = (
        None
    )
    destination: Annotated[Any, Field(description="E.164 number that was called; empty when there is none.")] = None
    visited: Annotated[
        Any, Field(description="Country code (BE) or network code (20601, BELTB) where it was used; empty at home.")
    ] = None
    traffic_class: Annotated[Any, Field(description="A code of special traffic that a plan prices; usually empty.")] = (
        None
    )
    amount: Annotated[Any, Field(description="An amount the record carries, as text, for percentage prices.")] = None
    attributes: Annotated[Any, Field(description="Anything else worth keeping on the itemised bill.")] = None


class RecordResultOut(BaseModel):
    """What became of one record. ``rejected``, ``recycled`` and ``conflict`` name the field and the reason."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "place": 0,
                    "outcome": "accepted",
                    "record_id": "20270201-0001",
                    "account_id": "acc_1001",
                    "service_id": "svc_1001",
                    "cycle_number": 1,
                    "price_code": "voice",
                    "band": "",
                    "billable_quantity": 120,
                }
            ]
        }
    )

    place: int
    outcome: Outcome
    record_id: str = ""
    field: str = ""
    value: str = ""
    reason: str = ""
    account_id: str | None = None
    service_id: str | None = None
    cycle_number: int | None = None
    price_code: str | None = None
    band: str | None = None
    billable_quantity: int | None = None


class BatchResultOut(BaseModel):
    """Counts by outcome, and one result per record in the order sent. All of it is committed."""

    counts: dict[str, int]
    results: Sequence[RecordResultOut]


class LineProblemOut(BaseModel):
    """A line of a stream that was not counted; the record is kept under ``/v1/usage/issues``."""

    line: int
    outcome: Outcome
    record_id: str
    field: str
    value: str
    reason: str


class StreamProgressOut(BaseModel):
    """One line of a stream's answer: everything up to ``acknowledged_line`` is committed and counted.

    ``counts`` are of the whole stream so far, ``problems`` are new since the line before (at most 100). The last line
    has ``done`` true; or ``done`` false and the ``problem`` that ended the stream.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "done": True,
                    "acknowledged_line": 2,
                    "records": 2,
                    "counts": {"accepted": 2},
                    "problems": [],
                    "problems_left_out": 0,
                }
            ]
        }
    )

    done: bool
    acknowledged_line: int
    records: int
    counts: dict[str, int]
    problems: Sequence[LineProblemOut]
    problems_left_out: int
    problem: dict[str, Any] | None = None


class ArchivedDayOut(BaseModel):
    """The records that started on one UTC day, in a compressed CSV file of the archive directory."""

    model_config = ConfigDict(from_attributes=True)

    day: date
    file_name: str
    events: int
    size_bytes: int
    sha256: str
    made_at: datetime
    dropped_at: datetime | None = Field(description="When the day left the database; null while it is in both.")
    supplement: int = Field(
        description="0: the day's first file; else the number of one with records counted after it was dropped.",
        examples=[0],
    )


class ReguideIn(Request):
    """Guide waiting records again: those of one identifier, or all. With ``since`` what is counted too."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"identifier": "+31612345678"},
                {},
                {"identifier": "+31612345678", "since": "2027-02-01T00:00:00+01:00", "reason": "Ported, entered late."},
            ]
        }
    )

    identifier: Annotated[str, Field(max_length=100, description="Of one line; empty: all that wait.")] = ""
    since: Annotated[
        Instant | None, Field(description="Guide what is counted of the line from here on again; needs a reason.")
    ] = None
    reason: Annotated[str, Field(max_length=500, description="Why what is counted has to be guided again.")] = ""


class ReguideOut(BaseModel):
    """How many that waited were tried, and how many of them are counted now; how many that were counted are counted
    elsewhere, wait now, or were there already where they belong."""

    model_config = ConfigDict(from_attributes=True)

    tried: int
    resolved: int
    moved: int = 0
    recycled: int = 0
    repeats: int = 0


class MoneyOut(BaseModel):
    """An amount in the currency's smallest unit."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [{"amount_minor": 4210, "currency": "EUR"}]}
    )

    amount_minor: int
    currency: str


class AllowanceOut(BaseModel):
    """An included quantity: used and left, in the meter's own units.

    ``origin`` says whether the plan includes it, an earlier cycle left it, or it was bought. ``expires_at`` is when
    what is left ends.
    """

    model_config = ConfigDict(from_attributes=True)

    code: str
    name: str
    meter: str
    included: int
    used: int
    left: int
    origin: Literal["plan", "rollover", "add_on"]
    expires_at: datetime | None = None


class ChargeLineOut(BaseModel):
    """One charge so far, as the invoice will show it, with every step of its computation."""

    model_config = ConfigDict(from_attributes=True)

    kind: str
    price_code: str
    band: str
    description: str
    quantity: int
    allowance_drawn: int
    chargeable_quantity: int
    unit: str
    unit_price: str
    exact_amount: Decimal
    amount: MoneyOut
    explanation: Sequence[str]
