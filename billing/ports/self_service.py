"""What lets customers in, as services reach it: codes, sessions, changes of contact data, counts of tries.

Secrets come here as hashes. Instants are real time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class SignIn:
    """Somebody asked for a code. ``account_ids`` are those of the contact; empty: it is nobody's."""

    request_hash: str
    code_hash: str
    link_hash: str
    account_ids: Sequence[str]
    asked_at: datetime
    ends_at: datetime
    tries: int = 0
    used_at: datetime | None = None


@dataclass(frozen=True)
class CustomerSession:
    """A browser of a customer. ``account_ids`` may be switched to: they have the contact that was proved."""

    account_id: str
    session_hash: str
    account_ids: Sequence[str]
    begun_at: datetime
    seen_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None
    user_agent: str = ""


@dataclass(frozen=True)
class ContactChange:
    """A new address that waits for its code; ``channel`` is email or sms."""

    account_id: str
    change_id: str
    channel: str
    contact: str
    code_hash: str
    asked_at: datetime
    ends_at: datetime
    tries: int = 0
    used_at: datetime | None = None


class SelfServiceRepository(Protocol):
    """Codes, sessions and counts."""

    async def count_try(self, scope: str, subject_hash: str, window_from: datetime) -> int:
        """Count one more within a window; how many there are now, this one included."""
        ...

    async def add_sign_in(self, sign_in: SignIn) -> None: ...
    async def name_accounts(self, request_hash: str, account_ids: Sequence[str]) -> None: ...
    async def try_sign_in(self, request_hash: str, now: datetime, most_tries: int) -> SignIn | None:
        """Count a try and lock the row; None when it is used, over, unknown or was tried too often."""
        ...

    async def sign_in_by_link(self, link_hash: str, now: datetime) -> SignIn | None:
        """Locked; None when it is used, over or unknown."""
        ...

    async def use_sign_in(self, request_hash: str, now: datetime) -> None: ...

    async def add_session(self, session: CustomerSession) -> None: ...
    async def session(self, account_id: str, session_hash: str) -> CustomerSession | None: ...
    async def see_session(self, account_id: str, session_hash: str, now: datetime) -> None: ...
    async def end_session(self, account_id: str, session_hash: str, now: datetime) -> None: ...
    async def end_sessions(self, account_id: str, now: datetime) -> int:
        """Of every browser that looks at an account or may switch to it; how many there were."""
        ...

    async def end_other_sessions(self, account_id: str, session_hash: str, now: datetime) -> None:
        """Of every browser that looks at an account or may switch to it, but this one."""
        ...

    async def sessions(self, account_id: str, now: datetime) -> Sequence[CustomerSession]:
        """Those that look at an account or may switch to it and are not over, newest first."""
        ...

    async def add_change(self, change: ContactChange) -> None: ...
    async def try_change(
        self, account_id: str, change_id: str, now: datetime, most_tries: int
    ) -> ContactChange | None: ...
    async def change(self, account_id: str, change_id: str) -> ContactChange | None: ...
    async def use_change(self, account_id: str, change_id: str, now: datetime) -> None: ...

    async def forget_before(self, instant: datetime) -> int:
        """Remove what was over by then; how many rows."""
        ...
