"""Records that were sent again with another start, and so are stored twice. Identities are bare integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from billing.ports.usage_corrections import EventKey


@dataclass(frozen=True, slots=True)
class SentAgain:
    """A record of one account that is stored ``copies`` times, with as many starts.

    ``keys`` are those of its copies by start; of a record with more copies than were asked for the first only.
    """

    copies: int
    keys: Sequence[EventKey]

    @property
    def record(self) -> tuple[UUID, int]:
        """Hash of source and record_id, and the account."""
        return self.keys[0][1], self.keys[0][2]


class UsageResentStore(Protocol):
    """How copies are found."""

    async def sent_again(
        self, since: datetime, most_copies: int, limit: int, after: tuple[UUID, int] | None = None
    ) -> Sequence[SentAgain]:
        """Up to ``limit`` records of which one account has several starts from ``since`` on, in the order of
        ``record``; those after one. Reads all events since then, and locks nothing."""
        ...
