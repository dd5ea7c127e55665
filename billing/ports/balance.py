"""Everything a live balance is computed from, as one look at the database saw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from billing.ports.grants import GrantRow
from billing.ports.limits import LimitAgreement, LimitChange, LimitTerms
from billing.ports.usage_intake import CycleSpan, ServicePlan
from billing.ports.usage_records import CounterRow


@dataclass(frozen=True, slots=True)
class LineName:
    """A service by its number; ``usage_stop`` is what the network confirmed that caps stop."""

    service_id: str
    identifier: str
    usage_stop: str


@dataclass(frozen=True, slots=True)
class BalanceFacts:
    """One account in the cycle of a moment. ``cycle`` is the one that runs, or the nearest; None: it has none at all.

    ``rows`` are its counters with what is pending; ``last_update_at`` is when they last moved.
    ``grants`` are those of the cycle and of the one after it; ``follows_unbilled`` is true while the cycle before it is
    not billed, so that what it leaves is not among them yet, and ``follows_grants`` while grants are in such a cycle.
    """

    cycle: CycleSpan | None
    lines: Sequence[LineName]
    periods: Sequence[ServicePlan]
    rows: Sequence[CounterRow]
    last_update_at: datetime | None
    changes: Sequence[LimitChange]
    agreements: Sequence[LimitAgreement]
    terms: LimitTerms
    grants: Sequence[GrantRow] = ()
    follows_unbilled: bool = False
    follows_grants: bool = False


class BalanceSource(Protocol):
    """Where balances are read when nothing is written with them."""

    async def balance_facts(self, account_id: str, now: datetime) -> BalanceFacts | None:
        """What the balance of this moment is computed from; None for an unknown account."""
        ...
