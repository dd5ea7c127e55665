"""Checking the rules of the books again and again, a part at a time: the rules, and what their checks found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class Rule:
    """A rule of the books in words. ``by_accounts``: it can be checked for some accounts alone."""

    name: str
    holds: str
    means: str
    remedy: str
    by_accounts: bool


@dataclass(frozen=True)
class Slice:
    """Accounts from ``first`` to ``last``, both included; ``is_end``: none comes after them."""

    first: str
    last: str
    is_end: bool


@dataclass(frozen=True)
class Broken:
    """One place where a rule does not hold; ``account_id`` is empty where it is about no single account."""

    account_id: str
    what: str


@dataclass(frozen=True)
class CheckRun:
    """One check of one rule; instants are real time.

    ``scope`` is everything, or accounts: those of a slice and those lately booked on. A pass is a row of such checks
    that looks at every account once; it began at ``pass_began_at``. ``failure`` says why nothing was found out.
    """

    rule: str
    started_at: datetime
    duration_ms: int
    scope: str
    pass_began_at: datetime
    ends_pass: bool
    violations: int
    first_account_id: str | None = None
    last_account_id: str | None = None
    examples: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    failure: str = ""


class BookChecks(Protocol):
    """The rules, each on one consistent view of the database."""

    async def rules(self) -> Sequence[Rule]:
        """Those that can be checked now; rules that need a server that is away are left out."""
        ...

    async def next_slice(self, after: str | None, limit: int) -> Slice | None:
        """The next accounts in order; None where there are none."""
        ...

    async def lately_booked(self, since: datetime, limit: int) -> Sequence[str]:
        """Accounts with ledger entries since a business instant."""
        ...

    async def find(self, rule: str, part: Slice | None = None, accounts: Sequence[str] = ()) -> Sequence[Broken]:
        """Where a rule does not hold: everywhere, or within a slice and among some more accounts."""
        ...


class CheckRunStore(Protocol):
    """What checks found, for some weeks."""

    async def add(self, run: CheckRun) -> None: ...
    async def last(self, rule: str) -> CheckRun | None:
        """The newest that found something out."""
        ...

    async def runs(self, rule: str = "", limit: int = 100) -> Sequence[CheckRun]:
        """The newest first."""
        ...

    async def newest(self) -> Mapping[str, CheckRun]:
        """The newest of every rule."""
        ...

    async def passes(self) -> Mapping[str, datetime]:
        """When every rule had last been checked as a whole."""
        ...

    async def forget(self, before: datetime) -> int: ...
