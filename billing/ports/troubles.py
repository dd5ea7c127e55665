"""Looks over all accounts for what needs a person; each answers the causes there are now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from billing.ports.staff_cases import Cause

# More causes of one kind than this are not told one by one: then something is wrong at large.
MOST_CAUSES = 500


class Troubles(Protocol):
    """Reads only; each is one indexed statement, however many accounts there are. At most ``MOST_CAUSES`` each."""

    async def refused_by_providers(self) -> Sequence[Cause]:
        """Debits that a provider refuses for our own key, account or request; one cause per provider."""
        ...

    async def parked_webhooks(self, since: datetime) -> Sequence[Cause]:
        """Objects of a provider that are none of ours, told since a real instant; one cause per object."""
        ...

    async def unconfirmed_orders(self, placed_before: datetime) -> Sequence[Cause]:
        """Orders that the network has not confirmed, placed before a business instant."""
        ...

    async def held_files(self) -> Sequence[Cause]:
        """Usage files that are held for a person."""
        ...

    async def stuck_streams(self) -> Sequence[Cause]:
        """Partitions of the usage stream that stand still."""
        ...

    async def silent_webhooks(self, now: datetime, expected_within_seconds: int) -> Sequence[Cause]:
        """Providers of which only the list brought news lately, at a real instant; one cause per provider."""
        ...
