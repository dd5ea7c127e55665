"""Bulk actions as they are kept, and the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

BULK_ORDERS = ("-date", "accounts", "author")


@dataclass(frozen=True)
class BulkAction:
    """One action: ``definition`` is read by billing.domain.bulk_actions, ``chosen_by`` by billing.domain.work_list.

    ``totals`` is what was previewed. ``undoes`` names the action whose changes this one puts back. ``history`` are its
    states: at, state, author, reason. Instants are business time.
    """

    bulk_id: str
    kind: str
    state: str
    definition: Mapping[str, Any]
    chosen_by: Mapping[str, Any]
    totals: Mapping[str, Any]
    accounts: int
    author: str
    previewed_at: datetime
    undoes: str | None = None
    reason: str = ""
    confirmed_at: datetime | None = None
    finished_at: datetime | None = None
    history: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class BulkAccount:
    """One chosen account: ``foreseen`` at the preview, ``status`` and ``detail`` of what became of it since.

    ``before`` and ``after`` are how it stood (billing.domain.bulk_actions.Standing); None where nothing was tried.
    """

    account_id: str
    bulk_id: str
    brand: str
    number: str
    currency: str
    overdue_minor: int
    status: str
    foreseen: str = ""
    detail: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class BulkChoice:
    """An account as a preview takes it down."""

    account_id: str
    brand: str
    number: str
    currency: str
    overdue_minor: int
    foreseen: str = ""


class BulkActionRepository(Protocol):
    """Actions and their accounts."""

    async def add(self, values: Mapping[str, Any]) -> BulkAction: ...
    async def choose(self, bulk_id: str, chosen: Sequence[BulkChoice]) -> None: ...
    async def get(self, bulk_id: str) -> BulkAction:
        """Raises NotFound."""
        ...

    async def lock(self, bulk_id: str) -> BulkAction:
        """The same, locked."""
        ...

    async def change(self, bulk_id: str, values: Mapping[str, Any], note: Mapping[str, Any] | None = None) -> None:
        """Set columns, and append a note to the history."""
        ...

    async def all(
        self, before: str, limit: int, state: str = "", order: str = BULK_ORDERS[0], offset: int = 0
    ) -> Sequence[BulkAction]:
        """In an order of ``BULK_ORDERS``, with or without ``-``; ``before`` is the last one of the page before, the
        newest first."""
        ...

    async def undone_by(self, bulk_id: str) -> BulkAction | None:
        """The confirmed action that puts this one back, if there is one."""
        ...

    async def unfinished(self) -> Sequence[BulkAction]:
        """Confirmed and not ended."""
        ...

    async def forget_previews(self, before: datetime) -> int:
        """Previews that nobody confirmed; how many there were."""
        ...

    async def waiting(self, bulk_id: str, limit: int) -> Sequence[str]:
        """The next accounts whose turn it is."""
        ...

    async def accounts(
        self, bulk_id: str, status: str = "", after: str = "", limit: int = 100, foreseen: bool = False
    ) -> Sequence[BulkAccount]:
        """By account_id; of one status, or those that the preview foresaw as not done."""
        ...

    async def of(self, bulk_id: str, account_ids: Sequence[str]) -> Sequence[BulkAccount]: ...
    async def note(self, bulk_id: str, account_id: str, values: Mapping[str, Any]) -> None: ...
    async def counts(self, bulk_id: str) -> Mapping[str, int]:
        """Accounts by status."""
        ...

    async def leave(self, bulk_id: str, at: datetime) -> int:
        """What waits still is left for good."""
        ...
