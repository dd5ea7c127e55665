"""Sessions of the console: opened at sign-in, looked up at every page, rotated when they may do more, ended.

The browser keeps a random word, the server its hash. A session ends by itself after a time without use and after a
whole day at the latest, and at once when its user is disabled or its API key revoked.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.ports.users import ACTIVE, BY_KEY, OPEN, NewSession, Session, SessionStore, User, UserStore
from billing.services.access import Access, Caller, hash_of
from billing.services.access_rules import AccessRules, Whence, real_time

# How exactly it is known when a session was last used.
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class SignedIn:
    """A live session and who it is; ``user`` is None behind an API key."""

    session: Session
    caller: Caller
    user: User | None

    @property
    def is_open(self) -> bool:
        """False while a code is still asked for, or a second factor must be set up."""
        return self.session.stage == OPEN


class ConsoleSessions:
    """Opens, finds and ends sessions."""

    def __init__(
        self,
        sessions: SessionStore,
        users: UserStore,
        access: Access,
        rules: AccessRules,
        now: Callable[[], datetime] = real_time,
    ) -> None:
        self._sessions = sessions
        self._users = users
        self._access = access
        self._rules = rules
        self._now = now

    async def open_for_user(self, user: User, signed_in_by: str, stage: str, whence: Whence) -> str:
        """A new session; its word, which is not kept."""
        return await self._open(user.user_id, "", signed_in_by, stage, whence, self._now() + self._rules.absolute)

    async def open_for_key(self, key: str, whence: Whence) -> str | None:
        """A new session for an API key; None for one that is not known, or where keys may not sign in."""
        if not self._rules.key_sign_in or await self._access.caller_of(key) is None:
            return None
        return await self._open(None, hash_of(key), BY_KEY, OPEN, whence, self._now() + self._rules.absolute)

    async def advance(self, signed_in: SignedIn, stage: str) -> str:
        """The same person in a fresh session that may do more; the word of before is worth nothing any more."""
        was = signed_in.session
        await self._sessions.end(was.session_id, self._now())
        whence = Whence(was.address, was.browser)
        return await self._open(was.user_id, was.key_hash, was.signed_in_by, stage, whence, was.expires_at)

    async def look(self, word: str) -> SignedIn | None:
        """Who is behind a word; None for a word that is not known, over, or of somebody who may not any more."""
        now = self._now()
        found = await self._sessions.find(hash_of(word), now, now - self._rules.idle)
        signed_in = await self._behind(found) if found is not None else None
        if signed_in is not None and now - signed_in.session.seen_at >= SEEN_EVERY:
            await self._sessions.seen(signed_in.session.session_id, now)
        return signed_in

    async def is_running(self, session: Session) -> bool:
        """Whether it is still good: a page that goes on by itself ends with it, and does not keep it in use."""
        now = self._now()
        found = await self._sessions.find(session.word_hash, now, now - self._rules.idle)
        return found is not None and await self._behind(found) is not None

    async def of_user(self, user_id: str) -> Sequence[Session]:
        """The live sessions of a user, the newest first."""
        now = self._now()
        return await self._sessions.of_user(user_id, now, now - self._rules.idle)

    async def end(self, session: Session) -> None:
        await self._sessions.end(session.session_id, self._now())

    async def end_of_user(self, user_id: str, session_id: str) -> bool:
        """End one session of a user; False where the user has no such live session."""
        theirs = [one for one in await self.of_user(user_id) if one.session_id == session_id]
        for one in theirs:
            await self.end(one)
        return bool(theirs)

    async def end_all(self, user_id: str, but: Session | None = None) -> int:
        """End every session of a user, but the one that asks for it."""
        return await self._sessions.end_of_user(user_id, self._now(), but.session_id if but else "")

    async def _behind(self, found: Session) -> SignedIn | None:
        if found.user_id is None:
            caller = await self._access.caller_of_hash(found.key_hash)
            return SignedIn(found, caller, None) if caller is not None else None
        user = await self._users.get(found.user_id)
        if user is None or user.status != ACTIVE:
            return None
        return SignedIn(found, Caller(user.email, user.role, found.signed_in_by, user.user_id), user)

    async def _open(
        self, user_id: str | None, key_hash: str, signed_in_by: str, stage: str, whence: Whence, expires_at: datetime
    ) -> str:
        word = secrets.token_urlsafe(32)
        new = NewSession(
            hash_of(word),
            user_id,
            key_hash,
            signed_in_by,
            stage,
            self._now(),
            expires_at,
            whence.address[:100],
            whence.browser[:200],
        )
        await self._sessions.add(new)
        return word
