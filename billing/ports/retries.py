"""Retry policies and the memory of instruments: what is kept, and how services reach it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class RetryPolicyVersion:
    """One published version of a brand's retry policy (empty brand: of all brands without one of their own).

    ``definition`` is read by billing.domain.retry_policy.
    """

    brand: str
    policy_version: int
    definition: Mapping[str, Any]
    published_at: datetime
    author: str
    reason: str


@dataclass(frozen=True)
class InstrumentTry:
    """One debit of a card or bank account. ``category`` and ``code`` are empty where it was not declined.

    Not ``is_settled``: its outcome is not known, and it may yet be declined.
    """

    provider: str
    fingerprint: str
    attempt_id: str
    account_id: str
    tried_at: datetime
    category: str = ""
    code: str = ""
    is_settled: bool = False


class RetryRepository(Protocol):
    """Retry policies and what instruments suffered."""

    async def add_policy(self, policy: RetryPolicyVersion) -> None:
        """Raises Conflict when somebody else published this version just now."""
        ...

    async def policy(self, brand: str) -> RetryPolicyVersion | None:
        """The newest version of exactly this brand; None where it has none."""
        ...

    async def policies(self) -> Sequence[RetryPolicyVersion]:
        """Every version, by brand, oldest first."""
        ...

    async def lock_instrument(self, provider: str, fingerprint: str) -> None:
        """Until the end of the transaction nobody else tries this card or bank account."""
        ...

    async def add_try(self, one: InstrumentTry) -> None: ...
    async def change_try(self, provider: str, fingerprint: str, attempt_id: str, values: Mapping[str, Any]) -> None: ...
    async def forget_tries(self, before: datetime, kept_codes: Collection[str], limit: int) -> int:
        """Drop settled tries before an instant, but hard stops and those with one of the codes; how many."""
        ...

    async def tries(self, provider: str, fingerprint: str) -> Sequence[InstrumentTry]:
        """All tries of an instrument by any account, oldest first."""
        ...
