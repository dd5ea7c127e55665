"""A provider's day in numbers, beside the same day in the books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class ProviderTotals:
    """One provider, day (its own, in UTC) and currency; amounts in minor units, all positive.

    ``refunded`` is less what failed and came back, ``disputed`` less what was won. ``booked_...`` is what the books
    have of the same movements, found by reference. ``fees`` are in this currency. ``foreign`` is what another system
    took at the same provider. ``only_in_books`` are receipts written down that day that the provider does not know.
    ``differences`` name each movement that is booked otherwise: kind, reference, account_id, provider_minor,
    booked_minor (None: not at all). ``compared_at`` is real time.
    """

    provider: str
    day: date
    currency: str
    compared_at: datetime
    charged_count: int = 0
    charged_minor: int = 0
    refunded_minor: int = 0
    disputed_minor: int = 0
    fees_minor: int = 0
    foreign_minor: int = 0
    booked_charged_minor: int = 0
    booked_refunded_minor: int = 0
    booked_disputed_minor: int = 0
    only_in_books_minor: int = 0
    differences: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    @property
    def agrees(self) -> bool:
        """Whether the books have the day as the provider has it."""
        return not self.differences


class TotalsStore(Protocol):
    """Totals by provider, day and currency."""

    async def put(self, provider: str, day: date, totals: Sequence[ProviderTotals]) -> None:
        """Replace what was known of this day."""
        ...

    async def of_day(self, day: date, provider: str = "") -> Sequence[ProviderTotals]: ...
    async def since(self, first: date, provider: str = "") -> Sequence[ProviderTotals]:
        """From a day on, the newest first."""
        ...

    async def last_compared(self, provider: str, day: date) -> datetime | None:
        """When the day was last compared; None: never."""
        ...
