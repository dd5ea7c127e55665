"""Dunning policies, cases, promises and disputes: what is kept, and how services reach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from billing.domain.invoice_lines import line_id


@dataclass(frozen=True)
class PolicyVersion:
    """One published version of a dunning policy; ``definition`` is read by billing.domain.dunning_ladder."""

    policy_code: str
    policy_version: int
    definition: Mapping[str, Any]
    published_at: datetime
    author: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Case:
    """One account's debt being pursued. The policy version is pinned when the case opens.

    ``failures`` are tries that failed since then: ``{"attempt_id", "told"}``; each gets one failed notice. ``reason``
    is that of the last decision, ``next_action_at`` when it wants to look again.
    """

    account_id: str
    case_id: str
    policy_code: str
    policy_version: int
    opened_at: datetime
    invoice_ids: Sequence[str]
    steps_done: Sequence[str]
    failures: Sequence[Mapping[str, Any]]
    last_failure_category: str = ""
    stage: str = "opened"
    reason: str = ""
    next_action_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: str = ""
    rested_days: int = 0


@dataclass(frozen=True)
class Promise:
    """The customer pays ``amount_minor`` (zero: everything open) before ``until``.

    ``invoice_ids`` were overdue when it was made, with ``open_before_minor`` open; ``outcome`` is kept, broken,
    replaced by a newer one, or empty while it runs.
    """

    account_id: str
    promise_id: str
    command_id: str
    until: datetime
    amount_minor: int
    made_at: datetime
    author: str
    reason: str = ""
    pay_by: date | None = None
    case_id: str | None = None
    invoice_ids: Sequence[str] = ()
    open_before_minor: int = 0
    outcome: str = ""
    ended_at: datetime | None = None
    confirmed_at: datetime | None = None

    @property
    def promised_minor(self) -> int:
        """What it comes to: all that was open when it was made, where no amount was named."""
        return self.amount_minor or self.open_before_minor


@dataclass(frozen=True)
class Dispute:
    """An invoice, or ``amount_minor`` of it, that the customer does not accept; ``status`` open, accepted, rejected.

    With ``line_position`` it is about that line, and ``amount_minor`` (gross) is never zero. ``author`` opened it:
    the customer, somebody of staff, or empty where that is not known any more.
    """

    account_id: str
    dispute_id: str
    invoice_id: str
    amount_minor: int
    reason: str
    status: str
    opened_at: datetime
    closed_at: datetime | None = None
    decision: str = ""
    line_position: int | None = None
    line_description: str = ""
    author: str = ""

    @property
    def line_id(self) -> str:
        """The line it is about; empty: the invoice."""
        return "" if self.line_position is None else line_id(self.invoice_id, self.line_position)


@dataclass(frozen=True)
class CaseFilter:
    """Which open cases; what is empty (or zero) does not choose."""

    brand: str = ""
    segment: str = ""
    policy_code: str = ""
    policy_version: int = 0
    stage: str = ""


@dataclass(frozen=True)
class OpenCase:
    """An open case as a list shows it."""

    account_id: str
    brand: str
    number: str
    segment: str
    case_id: str
    policy_code: str
    policy_version: int
    opened_at: datetime
    stage: str
    next_action_at: datetime | None


class DunningRepository(Protocol):
    """Dunning policies, cases, promises and disputes."""

    async def add_policy(self, policy: PolicyVersion) -> None: ...
    async def policy(self, policy_code: str, policy_version: int | None = None) -> PolicyVersion: ...
    async def policies(self) -> Sequence[PolicyVersion]: ...
    async def add_case(self, values: Mapping[str, Any]) -> Case: ...
    async def open_case(self, account_id: str) -> Case | None: ...
    async def case(self, account_id: str, case_id: str) -> Case: ...
    async def cases(self, account_id: str) -> Sequence[Case]: ...
    async def change_case(self, account_id: str, case_id: str, values: Mapping[str, Any]) -> None: ...
    async def add_promise(self, values: Mapping[str, Any]) -> bool: ...
    async def promises(self, account_id: str) -> Sequence[Promise]: ...
    async def change_promise(self, account_id: str, promise_id: str, values: Mapping[str, Any]) -> None: ...
    async def promises_over(self, now: datetime, limit: int = 200) -> Sequence[Promise]:
        """Promises of any account whose time is over and whose outcome is not written down; for upkeep."""
        ...

    async def promises_unconfirmed(self, limit: int = 200) -> Sequence[Promise]:
        """Promises of any account that were not confirmed to the customer yet; for upkeep."""
        ...

    async def open_cases(self, wanted: CaseFilter, limit: int) -> Sequence[OpenCase]:
        """Open cases of any account, oldest first; for an operator who moves many."""
        ...

    async def count_open_cases(self, wanted: CaseFilter) -> int: ...
    async def open_cases_by_version(self, policy_code: str) -> Mapping[int, int]:
        """How many open cases walk by each version of a policy."""
        ...

    async def add_dispute(self, values: Mapping[str, Any]) -> Dispute: ...
    async def dispute(self, account_id: str, dispute_id: str) -> Dispute: ...
    async def disputes(self, account_id: str) -> Sequence[Dispute]: ...
    async def change_dispute(self, account_id: str, dispute_id: str, values: Mapping[str, Any]) -> None: ...
