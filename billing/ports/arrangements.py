"""What is arranged about a debt: payment plans, fees, hand-overs, and which policy a segment has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class PolicyAssignment:
    """The dunning policy of one brand's accounts of a segment; version None: the newest when a case opens."""

    brand: str
    segment: str
    policy_code: str
    policy_version: int | None
    author: str
    reason: str
    assigned_at: datetime


@dataclass(frozen=True)
class StoredPlan:
    """A payment plan; ``instalments`` is read by billing.domain.payment_plan.

    ``total_minor`` was open on ``invoice_ids`` when it was agreed. ``rests_case``: it covered all that was pursued.
    ``paid_by`` is debit or paylink; ``status`` running, kept, broken, cancelled or replaced.
    """

    account_id: str
    plan_id: str
    command_id: str
    invoice_ids: Sequence[str]
    total_minor: int
    currency: str
    paid_by: str
    instalments: Sequence[Mapping[str, Any]]
    status: str
    rests_case: bool
    made_at: datetime
    author: str
    reason: str
    ended_at: datetime | None = None
    end_reason: str = ""


@dataclass(frozen=True)
class Fee:
    """A dunning fee: ``kind`` reminder or reconnection, net minor units; ``adjustment_id`` is its line on an invoice.

    One that was not charged (``adjustment_id`` None) says why in ``note``; one that was waived has a line against it.
    """

    account_id: str
    fee_id: str
    case_id: str
    kind: str
    occasion: str
    amount_minor: int
    currency: str
    tax_code: str
    adjustment_id: str | None
    note: str
    charged_at: datetime
    waived_at: datetime | None = None
    waived_by: str = ""
    waive_reason: str = ""


@dataclass(frozen=True)
class HandOver:
    """A case given to a collection agency; ``amount_minor`` was open on ``invoice_ids`` then."""

    account_id: str
    hand_over_id: str
    command_id: str
    case_id: str
    agency: str
    amount_minor: int
    currency: str
    invoice_ids: Sequence[str]
    handed_over_at: datetime
    author: str
    reason: str
    taken_back_at: datetime | None = None
    taken_back_by: str = ""
    take_back_reason: str = ""


class ArrangementRepository(Protocol):
    """Payment plans, fees, hand-overs, and assignments of policies."""

    async def assign(self, assignment: PolicyAssignment) -> None:
        """Put in the place of what the segment had."""
        ...

    async def assignment(self, brand: str, segment: str) -> PolicyAssignment | None: ...
    async def assignments(self, brand: str) -> Sequence[PolicyAssignment]: ...

    async def add_plan(self, values: Mapping[str, Any]) -> StoredPlan: ...
    async def plan(self, account_id: str, plan_id: str) -> StoredPlan:
        """Raises NotFound."""
        ...

    async def plan_of_command(self, account_id: str, command_id: str) -> StoredPlan | None: ...
    async def running_plan(self, account_id: str) -> StoredPlan | None: ...
    async def plans(self, account_id: str) -> Sequence[StoredPlan]:
        """Oldest first."""
        ...

    async def change_plan(self, account_id: str, plan_id: str, values: Mapping[str, Any]) -> None: ...

    async def add_fee(self, values: Mapping[str, Any]) -> Fee | None:
        """None when the case has a fee of this kind and occasion already."""
        ...

    async def fee(self, account_id: str, fee_id: str) -> Fee:
        """Raises NotFound."""
        ...

    async def fees(self, account_id: str) -> Sequence[Fee]: ...
    async def change_fee(self, account_id: str, fee_id: str, values: Mapping[str, Any]) -> None: ...

    async def add_hand_over(self, values: Mapping[str, Any]) -> HandOver: ...
    async def hand_over(self, account_id: str, hand_over_id: str) -> HandOver:
        """Raises NotFound."""
        ...

    async def hand_overs(self, account_id: str) -> Sequence[HandOver]: ...
    async def change_hand_over(self, account_id: str, hand_over_id: str, values: Mapping[str, Any]) -> None: ...
