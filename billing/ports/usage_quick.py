"""Taking a few new events in two round trips: the usual is stored at once, everything else is left to the long way."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from billing.ports.usage_columns import EventColumns, OwnedCycle, RecordColumns


class QuickTaking(Protocol):
    """One transaction that has begun an intake: until it ends, no cycle that it saw open is issued."""

    @property
    def owned(self) -> Sequence[OwnedCycle]:
        """The owners of the identifiers, each with its open cycle."""
        ...

    async def commit(self, records: RecordColumns, events: EventColumns, received_at: datetime) -> set[int]:
        """Store events (one part each, on time, keys that differ), count those that are new, and commit.

        Answers the indexes of the records that are new; the others were there before, and nothing was done about them.
        """
        ...


class QuickStore(Protocol):
    """Where quick takings happen; ``begin`` rolls back what was not committed."""

    def begin(
        self, identifiers: Sequence[str], first: datetime, last: datetime
    ) -> AbstractAsyncContextManager[QuickTaking]: ...
