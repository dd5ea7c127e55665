"""Telling staff: alerts, where they go, and the store that lets each leave at most once per address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from billing.ports.messenger import Accepted, SendOutcome
from billing.ports.staff_cases import StaffCase


@dataclass(frozen=True)
class Alert:
    """One message to staff. ``alert`` is its name, the same however often it is tried; ``cases`` are plain values."""

    alert: str
    subject: str
    text: str
    cases: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


@dataclass(frozen=True)
class StoredAlert:
    """An alert to one address: waiting | sending | sent | unknown | refused | nothing (there was nothing to tell)."""

    alert: str
    address: str
    status: str
    message: Mapping[str, Any]
    created_at: datetime
    claimed_at: datetime | None = None
    finished_at: datetime | None = None
    reference: str = ""
    explanation: str = ""


class AlertChannel(Protocol):
    """One address of staff."""

    @property
    def address(self) -> str: ...

    async def send(self, alert: Alert) -> SendOutcome:
        """Hand one alert over. Raises VendorBusy or VendorRefusesUs when nothing was taken."""
        ...

    async def find(self, alert: Alert, since: datetime) -> Accepted | None:
        """The alert in the vendor's log; None when it is not there, or there is no log."""
        ...


class AlertStore(Protocol):
    """Alerts, and the cases they are about."""

    async def add(self, alert: Alert, addresses: Sequence[str], status: str, at: datetime) -> bool:
        """Store it to be sent; False when an alert of this name is there already."""
        ...

    async def claim(self, at: datetime, limit: int = 50) -> Sequence[StoredAlert]:
        """Those that wait, marked as being sent; nobody else gets them."""
        ...

    async def left_behind(self, claimed_before: datetime) -> Sequence[StoredAlert]:
        """Those whose sender died or got no answer."""
        ...

    async def change(self, alert: StoredAlert, values: Mapping[str, Any]) -> None: ...
    async def untold(self, severities: Sequence[str], limit: int = 200) -> Sequence[StaffCase]:
        """Open cases of which staff were not alerted, locked; those that another process has are left out."""
        ...
