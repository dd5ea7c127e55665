"""Brands, plans, accounts, services, cycles and the timeline: what is kept, and how services reach it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from billing.ports.numbers import NumberDirectory


@dataclass(frozen=True)
class Brand:
    """A commercial name of the operator.

    ``cycle_policy``, ``tax_table``, ``notice_channels``, ``limit_policy``, ``barring_policy`` and ``bad_debt_relief``
    are plain data.
    """

    brand: str
    name: str
    currency: str
    zone: str
    country: str
    locale: str
    email_sender: str
    sms_sender: str
    account_url: str
    minimum_charge_minor: int
    cycle_policy: Mapping[str, Any]
    tax_table: Mapping[str, Any]
    notice_channels: Mapping[str, Any]
    dunning_policy_code: str
    limit_policy: Mapping[str, Any] = field(default_factory=dict)
    barring_policy: Mapping[str, Any] = field(default_factory=dict)
    bad_debt_relief: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LetterheadVersion:
    """Who a brand is on its documents from ``published_at`` on; ``definition`` is read by billing.domain.letterhead."""

    brand: str
    version: int
    definition: Mapping[str, Any]
    published_at: datetime
    author: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """One published version of a plan; ``definition`` is read by billing.domain.rating.

    New lines that name no version get the newest that is sold: from ``sold_from`` on, or since it was published.
    """

    plan_code: str
    plan_version: int
    brand: str
    name: str
    definition: Mapping[str, Any]
    published_at: datetime
    author: str = ""
    reason: str = ""
    sold_from: datetime | None = None


@dataclass(frozen=True)
class BrandPolicyVersion:
    """One version of a part of a brand, such as its ``cycle_policy``; the newest is in force."""

    brand: str
    part: str
    version: int
    definition: Mapping[str, Any]
    changed_at: datetime
    author: str
    reason: str


@dataclass(frozen=True)
class Account:
    """Who pays. Personal data stays in its own fields; ``discounts`` and ``notice_channels`` are plain data.

    ``whatsapp_heard_at`` is when the customer last wrote to us there, in real time. ``quiet_notices`` are kinds of
    notices that the customer does not want.
    """

    account_id: str
    brand: str
    number: str
    status: str
    customer_kind: str
    customer_name: str
    company: str
    vat_number: str
    email: str
    mobile: str
    postal_address: Mapping[str, Any]
    country: str
    locale: str
    zone: str
    cycle_day: int
    notice_channels: Mapping[str, Any]
    discounts: Sequence[Mapping[str, Any]]
    segment: str
    dunning_policy_code: str | None
    dunning_policy_version: int | None
    paused: bool
    hold_until: datetime | None
    activated_at: datetime
    closed_at: datetime | None = None
    whatsapp_opted_in_at: datetime | None = None
    whatsapp_opted_out_at: datetime | None = None
    whatsapp_heard_at: datetime | None = None
    quiet_notices: Sequence[str] = ()

    @property
    def takes_whatsapp(self) -> bool:
        """Whether the customer wants notices by WhatsApp: their newest word counts."""
        opted_in, opted_out = self.whatsapp_opted_in_at, self.whatsapp_opted_out_at
        return opted_in is not None and (opted_out is None or opted_out < opted_in)


@dataclass(frozen=True)
class Service:
    """A subscribed line; active in [active_from, active_to).

    ``plan_code`` and ``plan_version`` are by the last change that was decided, which may lie ahead. ``barring_level``
    is what the network confirmed, ``usage_stop`` the same of what caps stop (billing.domain.barring).
    """

    account_id: str
    service_id: str
    kind: str
    identifier: str
    plan_code: str
    plan_version: int
    barring_level: str
    active_from: datetime
    active_to: datetime | None = None
    usage_stop: str = "stop:"


@dataclass(frozen=True)
class Cycle:
    """A bill cycle with its stored plan; ``status`` is open or issued.

    ``billed_periods`` are the plans of the account's services by which it was billed, as JSON, where they were changed
    since; None: as they are now.
    """

    account_id: str
    cycle_number: int
    cycle_day: int
    opens_at: datetime
    closes_at: datetime
    debit_on: date
    plan: Mapping[str, Any]
    status: str
    invoice_id: str | None = None
    billed_periods: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class TimelineEntry:
    """What happened on an account and why: ``reason`` holds rule, version and inputs."""

    account_id: str
    at: datetime
    kind: str
    summary: str
    reason: Mapping[str, Any] = field(default_factory=dict)
    actor: str = "evenflow"


class AccountRepository(NumberDirectory, Protocol):
    """Accounts, their services and their cycles."""

    async def add_brand(self, brand: Brand) -> None: ...
    async def brand(self, brand: str) -> Brand: ...
    async def brands(self) -> Sequence[Brand]: ...
    async def change_brand(self, brand: str, values: Mapping[str, Any]) -> None: ...
    async def add_brand_policy(self, version: BrandPolicyVersion) -> None: ...
    async def brand_policies(self, brand: str, part: str) -> Sequence[BrandPolicyVersion]:
        """All versions of a part of a brand, oldest first."""
        ...

    async def add_letterhead(self, letterhead: LetterheadVersion) -> None: ...
    async def letterheads(self, brand: str) -> Sequence[LetterheadVersion]:
        """All versions of a brand, oldest first."""
        ...

    async def lock_catalogue(self) -> None:
        """Until the end of the transaction nobody else publishes a plan."""
        ...

    async def add_plan(self, plan: Plan) -> None: ...
    async def plan(self, plan_code: str, plan_version: int | None = None, sold_at: datetime | None = None) -> Plan:
        """A version; without one the newest, or the newest that is sold at an instant. Raises NotFound."""
        ...

    async def lines_by_version(self, plan_code: str) -> Mapping[int, int]:
        """How many lines that are not ended have each version of a plan."""
        ...

    async def lines_by_plan(self) -> Mapping[str, int]:
        """How many lines that are not ended have each plan."""
        ...

    async def plans(self, brand: str | None = None) -> Sequence[Plan]: ...
    async def add(self, values: Mapping[str, Any]) -> Account: ...
    async def get(self, account_id: str) -> Account: ...
    async def lock(self, account_id: str) -> Account: ...
    async def lock_all(self, account_ids: Collection[str]) -> Mapping[str, Account]:
        """Several, always in the order of their numbers, so that two who lock some do not wait for each other."""
        ...

    async def with_whatsapp(self, mobile: str) -> Sequence[Account]:
        """Accounts of this mobile number that ever opted in, also those that opted out again."""
        ...

    async def with_contact(self, channel: str, contact: str) -> Sequence[Account]:
        """Accounts of this email address (any case) or mobile number (E.164), newest first; erased ones have none."""
        ...

    async def by_number(self, brand: str, number: str) -> Account | None: ...
    async def change(self, account_id: str, values: Mapping[str, Any]) -> None: ...
    async def add_service(self, values: Mapping[str, Any]) -> Service: ...
    async def services(self, account_id: str) -> Sequence[Service]: ...
    async def change_service(self, account_id: str, service_id: str, values: Mapping[str, Any]) -> None: ...
    async def add_cycle(self, cycle: Cycle) -> None: ...
    async def cycle(self, account_id: str, cycle_number: int) -> Cycle: ...
    async def lock_cycle(self, account_id: str, cycle_number: int) -> Cycle: ...
    async def open_cycle(self, account_id: str) -> Cycle | None: ...
    async def cycles(self, account_id: str) -> Sequence[Cycle]: ...
    async def changed_cycles(self, account_id: str) -> Sequence[int]:
        """Numbers of issued cycles whose plans were changed since they were billed, in order."""
        ...

    async def change_cycle(self, account_id: str, cycle_number: int, values: Mapping[str, Any]) -> None: ...


class Timeline(Protocol):
    """Append-only: what happened and why."""

    async def add(self, entry: TimelineEntry) -> None: ...
    async def add_once(self, entry: TimelineEntry, about: Collection[str]) -> bool:
        """Add it unless its account was told of it: the same kind, and a reason with the same values of ``about``.

        Whoever calls it may be repeated after the commit; two at once are told apart by the account's lock.
        """
        ...

    async def add_all(self, entries: Sequence[TimelineEntry]) -> None: ...
    async def of(self, account_id: str, limit: int = 500) -> Sequence[TimelineEntry]: ...
