"""Lines whose usage waits for a number or a price: what is kept of them, without trying any record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

WAITING_ORDERS = ("-records", "number", "since")


@dataclass(frozen=True)
class WaitingFilter:
    """Which lines; ``order`` is one of ``WAITING_ORDERS``, with or without ``-`` before it. ``limit`` None: all."""

    identifier: str = ""
    order: str = WAITING_ORDERS[0]
    offset: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class WaitingLine:
    """A line of which records wait for the same reason: how many, since when, and which field it is about."""

    identifier: str
    field: str
    reason: str
    records: int
    first_kept_at: datetime


@dataclass(frozen=True)
class WaitingTotals:
    """``rows`` of the list, ``records`` behind them."""

    rows: int
    records: int


class UsageWaiting(Protocol):
    """Reads what waits; locks and changes nothing."""

    async def waiting_lines(self, wanted: WaitingFilter) -> Sequence[WaitingLine]: ...
    async def waiting_totals(self, wanted: WaitingFilter) -> WaitingTotals: ...
