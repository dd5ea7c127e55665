"""Stored records and what became of them, as the API answers them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from api.schemas.base import Response
from api.schemas.usage_kept import UsageIssueOut

Stored = Literal["rated", "late", "billed"]
Corrected = Literal["cancelled", "moved", "rerated", "resent"]
Kept = Literal["rejected", "recycled", "conflict", "partial"]


class FoundEventOut(Response):
    """One stored row. A record that time bands split is several rows, by ``part``; its raw quantity is on part 0.

    ``late`` came after its cycle was issued. ``billable_quantity`` is after increments.
    """

    started_at: datetime
    source: str
    record_id: str
    part: int
    account_id: str
    service_id: str
    cycle_number: int
    late: bool
    identifier: str
    meter: str
    quantity: int
    destination: str
    visited: str
    traffic_class: str
    amount: Decimal | None
    attributes: dict[str, Any]
    plan_code: str
    plan_version: int
    price_code: str
    band: str
    events: int
    billable_quantity: int
    counted_amount: Decimal
    received_at: datetime
    file_id: str | None


class FoundEventsOut(Response):
    """A page of stored rows by start, with the span that was searched."""

    first: datetime = Field(description="The first start that was looked at.")
    last: datetime = Field(description="The end, itself not included.")
    events: Sequence[FoundEventOut]
    next: str = Field(description="Send it as `after` for the next page; empty at the end.")


class FoundCorrectionOut(Response):
    """A row that was taken back or guided anew: ``event`` is the row as it was, ``became`` what it is now."""

    kind: Corrected
    reason: str
    author: str
    at: datetime
    account_id: str
    started_at: datetime
    part: int
    cycle_number: int
    event: dict[str, Any]
    became: str
    file_id: str | None


class ExplainedEventOut(Response):
    """A record as it is stored and counted now: its rows, and in ``steps`` how it was rated, for a clerk."""

    state: Stored
    invoice_number: str = Field(description="Of the invoice that bills it; empty while none does.")
    parts: Sequence[FoundEventOut]
    steps: Sequence[str]


class ExplainedRecordOut(Response):
    """Everything known of one record: as it is stored, what was taken back of it, and what is or was kept.

    ``state`` is that of its stored event; without one, how it ended.
    """

    source: str
    record_id: str
    state: Stored | Corrected | Kept | Literal["dismissed"]
    events: Sequence[ExplainedEventOut]
    corrections: Sequence[FoundCorrectionOut]
    kept: Sequence[UsageIssueOut]
