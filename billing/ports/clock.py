"""Telling the time is input: services ask this port, the domain is told."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from billing.domain.clock import ClockSegment


class BusinessClock(Protocol):
    """Business time, as billing.domain.clock defines it."""

    def now(self) -> datetime: ...
    def segment(self) -> ClockSegment: ...
