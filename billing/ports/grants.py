"""Grants: quantities that services may draw beside their plans, with what became of them cycle by cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class NewGrant:
    """One grant in one cycle. ``quantity`` is what the cycle begins with, in the meter's own units; ``allowance`` holds
    the limits, as a plan writes them.

    ``valid_from`` and ``valid_to`` are instants, half-open (None: from the cycle's begin, to its end); ``last_cycle``
    is the number of the last cycle in which it may be drawn (None: ``valid_to`` decides). What an earlier cycle left
    names that cycle in ``from_cycle``, and the plan and allowance it was left of. ``command_id`` is granted once.
    """

    account_id: str
    cycle_number: int
    service_id: str
    origin: str  # rollover | add_on
    allowance: Mapping[str, Any]
    quantity: int
    command_id: str
    granted_at: datetime
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    last_cycle: int | None = None
    expires_at: datetime | None = None
    rolls_from: str = ""
    from_cycle: int | None = None
    from_plan_code: str = ""
    from_plan_version: int = 0
    author: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GrantRow(NewGrant):
    """A stored grant; ``grant_id`` is the same in every cycle it reaches."""

    grant_id: str = ""


class GrantStore(Protocol):
    """Reads and writes grants within a unit of work."""

    async def add(self, grant: NewGrant) -> GrantRow | None:
        """Store a new grant; None when its command was carried out before."""
        ...

    async def carry(self, grant: GrantRow) -> None:
        """Store a grant that is there already for a further cycle."""
        ...

    async def of_account(self, account_id: str) -> Sequence[GrantRow]:
        """All, in order of cycle and grant."""
        ...

    async def in_cycles(self, cycles: Sequence[tuple[str, int]]) -> Sequence[GrantRow]:
        """Those of these (account_id, cycle_number), in order of grant."""
        ...

    async def follow(self, account_id: str) -> None:
        """Split the number directory of the account's services where what they may draw begins or ends."""
        ...

    async def count_again(self, account_id: str, since: datetime, at: datetime) -> int:
        """Move what was counted of usage that started from ``since`` on to the counters of the directory's present
        stretches; answers how many rows of events moved. Late usage stays where it is.
        """
        ...
