"""The end of an account: what is asked for when its last amount is settled, and the result of its last run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class EndAccountRequest:
    """The last amount of a closing account is settled: mark it closed."""

    account_id: str


@dataclass(frozen=True)
class AccountClosed:
    """The result of an account's last run."""

    account_id: str
    closed_at: datetime | None = None
