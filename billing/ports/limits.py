"""Limits that customers and operators set, and the customer's word to go on: what is kept, and how it is reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One change of a limit, in force from cycle ``from_cycle`` on until a later change of the same limit.

    ``service_id`` None means every service, ``meter`` '' every meter; ``roaming`` only data used abroad. ``value`` is
    in minor units or the meter's own units; None takes the limit away. ``asked_by`` is customer or operator.
    """

    account_id: str
    change_id: str
    kind: str
    measure: str
    service_id: str | None
    meter: str
    roaming: bool
    value: int | None
    from_cycle: int
    set_at: datetime
    asked_by: str
    author: str
    reason: str


@dataclass(frozen=True, slots=True)
class LimitAgreement:
    """The customer's word that data abroad may go on beyond its cap, for one service and one cycle."""

    account_id: str
    cycle_number: int
    service_id: str
    agreed_at: datetime
    asked_by: str
    author: str
    reason: str


@dataclass(frozen=True, slots=True)
class LimitTerms:
    """What decides an account's default limits: its kind of customer, and its brand's policy and country."""

    account_id: str
    customer_kind: str
    currency: str
    country: str
    limit_policy: Mapping[str, Any]


class LimitRepository(Protocol):
    """Changes are added, never altered."""

    async def add_change(self, values: Mapping[str, Any]) -> LimitChange: ...
    async def changes(self, account_ids: Sequence[str]) -> Sequence[LimitChange]:
        """All changes of these accounts, oldest first."""
        ...

    async def add_agreement(self, agreement: LimitAgreement) -> bool:
        """Keep it; False when the customer agreed before."""
        ...

    async def agreements(self, account_ids: Sequence[str]) -> Sequence[LimitAgreement]: ...
    async def terms(self, account_ids: Sequence[str]) -> Sequence[LimitTerms]: ...
