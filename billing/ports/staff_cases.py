"""Cases for people: what is kept of them, and the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class Cause:
    """Something that needs a person, found now: ``subject`` names it within its kind, ``account_id`` whose it is.

    ``facts`` are plain values (amounts in minor units, ids, counts) beside the sentence in ``explanation``.
    ``severity`` is the kind's own when empty.
    """

    kind: str
    subject: str
    explanation: str
    account_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    severity: str = ""

    @property
    def key(self) -> tuple[str | None, str]:
        """What makes it one case among those of its kind."""
        return self.account_id, self.subject


@dataclass(frozen=True)
class StaffCase:
    """A case as it is kept.

    ``opened_at`` is of the last opening, ``times_opened`` counts them; ``cause_gone_at`` is when the cause was seen to
    be gone, None while it lasts. ``told_at`` is when staff were alerted of this opening. ``history`` are its changes:
    at, state, author, reason. ``assignee`` looks after it (empty: nobody yet). All instants are business time.
    """

    case_id: str
    account_id: str | None
    kind: str
    subject: str
    severity: str
    state: str
    explanation: str
    facts: Mapping[str, Any]
    opened_at: datetime
    last_seen_at: datetime
    times_opened: int = 1
    cause_gone_at: datetime | None = None
    told_at: datetime | None = None
    closed_at: datetime | None = None
    history: Sequence[Mapping[str, Any]] = ()
    assignee: str = ""


CASE_ORDERS = ("severity", "opened", "kind", "assignee")


@dataclass(frozen=True)
class CaseFilter:
    """Which cases to list; ``states`` empty: all. ``before`` is the last case_id of the page before.

    ``order`` is one of ``CASE_ORDERS`` with ``-`` before it for the other way round, or empty for the newest case_id
    first; pages of an order are counted by ``offset``.
    """

    states: tuple[str, ...] = ()
    kind: str = ""
    severity: str = ""
    account_id: str = ""
    before: str = ""
    limit: int = 100
    assignee: str = ""
    order: str = ""
    offset: int = 0


class StaffCaseRepository(Protocol):
    """Cases, each once per account (or nobody's), kind and subject."""

    async def see(self, causes: Sequence[Cause], at: datetime) -> int:
        """Open what is new, open again what came back, and note that the rest lasts; how many were opened."""
        ...

    async def open_once(self, cause: Cause, at: datetime) -> bool:
        """The same for a cause met in the course of work: nothing is written where the case lasts already."""
        ...

    async def close_gone(self, kind: str, still: set[tuple[str | None, str]], at: datetime) -> int:
        """The causes of this kind that are not among ``still`` are gone: close their cases. How many were closed."""
        ...

    async def gone(self, kind: str, account_id: str | None, subject: str, at: datetime) -> bool:
        """This one's cause is gone; False when there is no such lasting case."""
        ...

    async def lasting(self, kind: str, account_id: str | None = None, subject: str = "") -> Sequence[StaffCase]:
        """Cases of this kind whose cause is not known to be gone, closed by a person or not."""
        ...

    async def state_of(self, kind: str, account_id: str) -> str:
        """How the account's newest case of this kind stands; empty when there never was one."""
        ...

    async def get(self, case_id: str) -> StaffCase:
        """Raises NotFound."""
        ...

    async def lock(self, case_id: str) -> StaffCase:
        """The same, locked."""
        ...

    async def change(self, case: StaffCase, values: Mapping[str, Any], note: Mapping[str, Any] | None = None) -> None:
        """Set columns, and append a note to the history."""
        ...

    async def find(self, wanted: CaseFilter) -> Sequence[StaffCase]:
        """The newest case_id first, or in the order that is asked for."""
        ...

    async def number(self, wanted: CaseFilter) -> int:
        """How many there are, whatever the page."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """How many cases are not closed, by severity."""
        ...
