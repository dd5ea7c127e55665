"""The audit trail: what was commanded, by whom, and what became of it. Written once, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class NewEvent:
    """``action`` is what in words, ``place`` method and route, ``outcome`` done or what it was refused for."""

    actor: str
    role: str
    signed_in_by: str
    address: str
    action: str
    place: str
    subject: str
    reason: str
    outcome: str
    status: int


@dataclass(frozen=True)
class AuditEvent(NewEvent):
    """As it is kept; ``at`` is real time."""

    event_id: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class AuditFilter:
    """Empty fields do not narrow. ``refused`` shows refusals only; ``before`` is an event to go on from.

    With ``oldest_first`` it goes on after that event.
    """

    actor: str = ""
    subject: str = ""
    action: str = ""
    refused: bool = False
    since: datetime | None = None
    until: datetime | None = None
    before: str = ""
    limit: int = 100
    oldest_first: bool = False


class AuditStore(Protocol):
    """Where the trail is kept."""

    async def add(self, event: NewEvent) -> None: ...
    async def find(self, wanted: AuditFilter) -> Sequence[AuditEvent]:
        """Newest first."""
        ...
