"""Operators as people, as the services of access keep them. Instants here are real time, not business time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

INVITED, ACTIVE, DISABLED = "invited", "active", "disabled"
STATUSES = (INVITED, ACTIVE, DISABLED)
INVITATION, RESET = "invitation", "reset"
# How far a session has come: a code is still asked for, a second factor must be set up, or everything is done.
CODE, ENROLMENT, OPEN = "code", "enrolment", "open"
BY_PASSWORD, BY_OPENID, BY_KEY = "password", "openid", "key"


@dataclass(frozen=True)
class User:
    """One person. ``password_hash`` is empty for who signs in elsewhere, or has not set a password yet."""

    user_id: str
    email: str
    name: str
    role: str
    status: str
    created_at: datetime
    created_by: str
    password_hash: str = ""
    password_set_at: datetime | None = None
    factor_sealed: bytes | None = None
    factor_confirmed_at: datetime | None = None
    factor_last_step: int = 0
    issuer: str = ""
    subject: str = ""
    last_seen_at: datetime | None = None

    @property
    def has_factor(self) -> bool:
        """Whether a second factor is in use."""
        return self.factor_confirmed_at is not None


@dataclass(frozen=True)
class NewUser:
    """A person to add; ``status`` invited until a password is set."""

    email: str
    name: str
    role: str
    status: str
    created_at: datetime
    created_by: str
    issuer: str = ""
    subject: str = ""


@dataclass(frozen=True)
class Link:
    """A one-time link by the hash of its word."""

    link_hash: str
    user_id: str
    purpose: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True)
class NewSession:
    """A browser that signs in; exactly one of ``user_id`` and ``key_hash`` is given."""

    word_hash: str
    user_id: str | None
    key_hash: str
    signed_in_by: str
    stage: str
    started_at: datetime
    expires_at: datetime
    address: str
    browser: str


@dataclass(frozen=True)
class Session:
    """A browser that signed in, as it is kept."""

    session_id: str
    word_hash: str
    user_id: str | None
    key_hash: str
    signed_in_by: str
    stage: str
    started_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    browser: str


USER_ORDERS = ("email", "name", "role", "status", "seen")


@dataclass(frozen=True)
class UserFilter:
    """``text`` is searched in name and address; empty fields do not narrow. ``after`` is an email, in their order.

    ``order`` is one of ``USER_ORDERS``, with or without ``-`` before it; its pages are counted by ``offset``.
    """

    text: str = ""
    role: str = ""
    status: str = ""
    after: str = ""
    limit: int = 50
    order: str = USER_ORDERS[0]
    offset: int = 0


class UserStore(Protocol):
    """Users, their links and recovery codes; each call is one transaction."""

    async def add(self, user: NewUser) -> User | None:
        """None where the email is taken."""
        ...

    async def get(self, user_id: str) -> User | None: ...
    async def by_email(self, email: str) -> User | None: ...
    async def by_subject(self, issuer: str, subject: str) -> User | None: ...
    async def find(self, wanted: UserFilter) -> Sequence[User]: ...
    async def change(self, user_id: str, values: Mapping[str, object]) -> None: ...
    async def change_keeping_an_admin(self, user_id: str, values: Mapping[str, object]) -> bool:
        """False, and nothing changed, where no other active administrator would be left."""
        ...

    async def take_step(self, user_id: str, step: int) -> bool:
        """Use a time step of the second factor; False for one that was used, or is older than one that was."""
        ...

    async def replace_codes(self, user_id: str, code_hashes: Sequence[str]) -> None: ...
    async def take_code(self, user_id: str, code_hash: str, now: datetime) -> bool:
        """Use a recovery code; False for one that is not there or was used."""
        ...

    async def codes_left(self, user_id: str) -> int: ...
    async def add_link(self, link: Link) -> None:
        """A new link ends the user's earlier ones."""
        ...

    async def link(self, link_hash: str) -> Link | None: ...
    async def use_link(self, link_hash: str, now: datetime, values: Mapping[str, object]) -> str | None:
        """Use a link that is neither used nor over, and change its user; the user's id, or None."""
        ...


class SessionStore(Protocol):
    """Sessions; each call is one transaction."""

    async def add(self, session: NewSession) -> Session: ...
    async def find(self, word_hash: str, now: datetime, idle_since: datetime) -> Session | None:
        """A session that is not ended, not over, and was seen since then."""
        ...

    async def seen(self, session_id: str, now: datetime) -> None: ...
    async def end(self, session_id: str, now: datetime) -> None: ...
    async def of_user(self, user_id: str, now: datetime, idle_since: datetime) -> Sequence[Session]: ...
    async def end_of_user(self, user_id: str, now: datetime, but: str = "") -> int:
        """End every session of a user but one; how many there were."""
        ...


class PasswordHashing(Protocol):
    """Passwords as hashes that take time to try."""

    def hash(self, password: str) -> str: ...
    def matches(self, password_hash: str, password: str) -> bool:
        """Takes as long for an empty hash as for one that does not match."""
        ...

    def is_outdated(self, password_hash: str) -> bool: ...
    def weakness(self, password: str, about: Sequence[str]) -> str:
        """Why a password is easily guessed, knowing words about its owner; empty for a good one."""
        ...


class SecondFactor(Protocol):
    """One-time codes of an authenticator app (RFC 6238)."""

    def new_secret(self) -> str: ...
    def step_of(self, secret: str, code: str, now: datetime) -> int | None:
        """The time step that this code belongs to, near now; None for a wrong code."""
        ...

    def address(self, secret: str, email: str) -> str:
        """What the QR code says (``otpauth://``)."""
        ...

    def picture(self, address: str) -> str:
        """The QR code as a data address of an SVG image."""
        ...


class Sealing(Protocol):
    """Encryption at rest."""

    def seal(self, content: bytes, context: str) -> bytes: ...
    def open(self, sealed: bytes, context: str) -> bytes: ...


class Tries(Protocol):
    """Counts tries, for all processes together."""

    async def is_over(self, limit: str, *who: str) -> bool:
        """Whether there were as many as the limit allows, such as ``5 per 15 minutes``."""
        ...

    async def count(self, limit: str, *who: str) -> bool:
        """One more; False where that is over the limit."""
        ...

    async def forget(self, limit: str, *who: str) -> None: ...
