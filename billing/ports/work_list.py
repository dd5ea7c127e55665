"""The work list of collections: accounts with overdue money, chosen, sorted and counted. Read models; nothing is
decided or booked by them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from billing.domain.work_list import WorkFilter


@dataclass(frozen=True)
class AccountFacts:
    """What a clerk weighs of an account: how it stands with its case, its customer and its services.

    ``policy_*``, ``stage``, ``steps_done`` and ``next_action_at`` are those of the open case (empty without one);
    ``next_step`` is the first rung of its ladder after those done. ``failure_*`` are of the last try that failed.
    ``method`` is the kind of the method in use (``none`` without a usable one). ``promise_until``: of a running
    promise. ``disputed_minor`` is open in disputes, ``in_flight`` that money is under way, ``handed_over`` that an
    agency or a person has the debt. ``fees`` are dunning fees that can be waived. ``reachable``: by email or SMS.
    """

    account_id: str
    brand: str
    number: str
    customer_name: str
    segment: str
    status: str
    zone: str
    cycle_day: int
    paused: bool
    hold_until: datetime | None
    case_id: str | None
    policy_code: str
    policy_version: int
    stage: str
    steps_done: Sequence[str]
    next_step: str
    next_action_at: datetime | None
    failure_category: str
    failure_code: str
    failed_at: datetime | None
    method: str
    method_label: str
    promise_until: datetime | None
    promised_on: date | None
    plan_id: str | None
    disputed_minor: int
    in_flight: bool
    handed_over: bool
    services: int
    barred_services: int
    fees: int
    reachable: bool


@dataclass(frozen=True)
class WorkItem:
    """One account of the work list. ``overdue_minor`` is open on ``unpaid_invoices`` past their due date.

    ``days_overdue`` counts local days since ``oldest_due_on``.
    """

    account: AccountFacts
    currency: str
    overdue_minor: int
    unpaid_invoices: int
    oldest_due_on: date
    days_overdue: int


@dataclass(frozen=True)
class WorkPage:
    """One page; ``next_after`` continues it with the same filter and sort, None on the last page."""

    items: Sequence[WorkItem]
    next_after: str | None = None


@dataclass(frozen=True)
class WorkTotal:
    """All that a filter chooses, in one currency."""

    currency: str
    accounts: int
    invoices: int
    overdue_minor: int


@dataclass(frozen=True)
class DueToday:
    """How many of a kind fall on the accounts' local today, and the minor units of one currency."""

    currency: str
    accounts: int
    amount_minor: int


@dataclass(frozen=True)
class DayNumbers:
    """What today brings: promises to be kept, instalments due, holds that end."""

    promises: Sequence[DueToday] = ()
    instalments: Sequence[DueToday] = ()
    holds: Sequence[DueToday] = ()


@dataclass(frozen=True)
class WorkChoices:
    """What can be chosen in the filter, as it is on file now. ``policies`` are codes with their versions."""

    brands: Sequence[str] = ()
    segments: Sequence[str] = ()
    policies: Mapping[str, Sequence[int]] = field(default_factory=dict)
    steps: Sequence[str] = ()


class WorkList(Protocol):
    """Each method is a fixed number of statements for a page, whatever the number of accounts."""

    async def page(self, wanted: WorkFilter, now: datetime, sort: str, after: str, limit: int) -> WorkPage:
        """Raises InvalidValue for an ``after`` that was not answered for this sort."""
        ...

    async def totals(self, wanted: WorkFilter, now: datetime) -> Sequence[WorkTotal]: ...

    def everything(self, wanted: WorkFilter, now: datetime) -> AsyncIterator[WorkItem]:
        """All that is chosen, by account_id; read piece by piece."""
        ...

    async def still_matching(self, wanted: WorkFilter, now: datetime, account_ids: Sequence[str]) -> set[str]:
        """Which of these accounts the filter chooses now."""
        ...

    async def facts(self, account_ids: Sequence[str], now: datetime) -> Mapping[str, AccountFacts]:
        """How these accounts stand, overdue or not."""
        ...

    async def day_numbers(self, now: datetime) -> DayNumbers: ...
    async def choices(self) -> WorkChoices: ...
