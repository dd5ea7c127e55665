"""What lists and overviews show: read models over many accounts at once, never used to decide or to book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Generic, Protocol, TypeVar

from billing.ports.accounts import TimelineEntry

Line = TypeVar("Line")


@dataclass(frozen=True)
class AccountFilter:
    """Which accounts. Empty fields do not narrow.

    ``text`` is how the number begins, a part of a line's identifier, or words of the name. ``after`` is the account_id
    a page ended with, where accounts are in their own order; ``offset`` is how many to pass over in another one.
    ``closed_on`` is the local day on which a cycle closed: its cycle day, or the last of a shorter month.
    ``sort`` is name, number, cycle_day, open or overdue; ``limit`` is the size of a page.
    """

    brand: str = ""
    status: str = ""
    cycle_day: int | None = None
    text: str = ""
    in_dunning: bool = False
    after: str = ""
    limit: int = 50
    offset: int = 0
    sort: str = ""
    descending: bool = False
    segment: str = ""
    dunning_stage: str = ""  # with in_dunning
    is_barred: bool = False
    is_paused: bool = False  # or on hold
    is_overdue: bool = False
    account_id: str = ""
    closed_on: date | None = None


@dataclass(frozen=True)
class AccountSummary:
    """One account in a list. Amounts are minor units of ``currency``; ``dunning_stage`` is empty without a case."""

    account_id: str
    brand: str
    number: str
    customer_name: str
    status: str
    cycle_day: int
    segment: str
    paused: bool
    hold_until: datetime | None
    activated_at: datetime
    currency: str
    services: int
    barred_services: int
    open_minor: int
    overdue_minor: int
    dunning_stage: str = ""


@dataclass(frozen=True)
class AccountPage:
    """One page of accounts; ``next_after`` continues it and is None on the last page."""

    accounts: Sequence[AccountSummary]
    next_after: str | None = None


@dataclass(frozen=True)
class DayLoad:
    """What one cycle day carries in one currency: accounts, and the net revenue expected of them per cycle."""

    cycle_day: int
    currency: str
    accounts: int
    expected_revenue_minor: int


@dataclass(frozen=True)
class CurrencyTotals:
    """Open and overdue invoices of one currency: how many, and the minor units."""

    currency: str
    open_invoices: int
    open_minor: int
    overdue_invoices: int
    overdue_minor: int


@dataclass(frozen=True)
class Overview:
    """The installation in numbers. Maps count by status of accounts, level of services and stage of open cases."""

    accounts: Mapping[str, int] = field(default_factory=dict)
    paused_accounts: int = 0
    totals: Sequence[CurrencyTotals] = ()
    barred_services: Mapping[str, int] = field(default_factory=dict)
    dunning_stages: Mapping[str, int] = field(default_factory=dict)
    invoices_issued_today: int = 0
    debits_due_today: int = 0


@dataclass(frozen=True)
class InvoiceLine:
    """A document of an account in a list; ``open_minor`` is what the ledger says is still owed on it."""

    invoice_id: str
    kind: str
    number: str
    invoice_date: date
    due_on: date
    currency: str
    total_minor: int
    open_minor: int


@dataclass(frozen=True)
class PaymentLine:
    """An attempt at a payment in a list."""

    attempt_id: str
    purpose: str
    status: str
    category: str
    code: str
    expected_minor: int
    received_minor: int
    currency: str
    method_label: str
    debit_on: date | None
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True)
class EvidenceLine:
    """One thing that happened to a notice, in the vendor's words."""

    at: datetime
    event: str
    vendor: str


@dataclass(frozen=True)
class NoticeLine:
    """A notice in a list, with its evidence in order."""

    notice_id: str
    kind: str
    channel: str
    status: str
    recipient: str
    amount_minor: int
    currency: str
    named_on: date | None
    created_at: datetime
    accepted_at: datetime | None
    delivered_at: datetime | None
    failure: str
    evidence: Sequence[EvidenceLine] = ()


@dataclass(frozen=True)
class DunningLine:
    """A dunning case of an account, the newest first in a list."""

    case_id: str
    policy_code: str
    policy_version: int
    stage: str
    opened_at: datetime
    next_action_at: datetime | None
    closed_at: datetime | None
    outcome: str


@dataclass(frozen=True)
class PartFilter:
    """Which rows of a part of an account; empty fields do not narrow, ``limit`` None is all.

    Documents have kinds, and are ``open`` or ``settled``; payments have purposes and outcomes; notices kinds and
    states. ``order`` is a name of the part's own, with ``-`` before it for the other way round.
    """

    kind: str = ""
    state: str = ""
    order: str = "-date"
    offset: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class PartPage(Generic[Line]):
    """One page of a part of an account, and how many rows there are."""

    rows: Sequence[Line]
    total: int


@dataclass(frozen=True)
class TimelinePage:
    """Entries of an account, the newest first; ``kinds`` are how many there are of each, whatever is shown."""

    entries: Sequence[TimelineEntry] = ()
    kinds: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All entries of the account."""
        return sum(self.kinds.values())


class Queries(Protocol):
    """Read models; each method is a fixed number of statements, whatever the number of rows."""

    async def accounts(self, wanted: AccountFilter, now: datetime) -> AccountPage: ...
    async def count_accounts(self, wanted: AccountFilter, now: datetime) -> int: ...
    async def day_loads(self) -> Sequence[DayLoad]: ...
    async def overview(self, now: datetime) -> Overview: ...
    async def documents(self, account_id: str, wanted: PartFilter) -> PartPage[InvoiceLine]: ...
    async def payments(self, account_id: str, wanted: PartFilter) -> PartPage[PaymentLine]: ...
    async def notices(self, account_id: str, wanted: PartFilter) -> PartPage[NoticeLine]: ...
    async def dunning_cases(self, account_id: str) -> Sequence[DunningLine]: ...
    async def timeline(self, account_id: str, kind: str, offset: int, limit: int) -> TimelinePage: ...
    async def is_ready(self) -> bool: ...
