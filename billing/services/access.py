"""Who may use the API: machine keys with a role, stored as hashes.

A key is 256 random bits, so a plain SHA-256 is as good as a slow hash: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.errors import InvalidValue
from billing.ports.access import KeyRecord, KeyStore

ROLES = ("viewer", "agent", "finance", "admin")
_PREFIX = "evk_"


@dataclass(frozen=True)
class Caller:
    """Who calls, and what it may do; the name is the author of what it changes.

    ``signed_in_by`` is key, password, openid or demo; ``user_id`` is empty for a machine.
    """

    name: str
    role: str
    signed_in_by: str = "key"
    user_id: str = ""


class Access:
    """Creates, checks and revokes keys. ``admin_key`` is the installation's own, from its secrets."""

    def __init__(self, keys: KeyStore, admin_key: str = "") -> None:
        self._keys = keys
        self._admin_hash = hash_of(admin_key) if admin_key else ""

    async def caller_of(self, key: str) -> Caller | None:
        """The caller behind a key; None for an unknown or revoked one."""
        return await self.caller_of_hash(hash_of(key))

    async def caller_of_hash(self, key_hash: str) -> Caller | None:
        """The caller behind the stored form of a key, which a session keeps in its place."""
        if self._admin_hash and secrets.compare_digest(key_hash, self._admin_hash):
            return Caller("admin", "admin")
        known = await self._keys.find(key_hash)
        if known is None or known.revoked_at is not None:
            return None
        return Caller(known.name, known.role)

    async def create(self, name: str, role: str) -> str:
        """Make a key and answer it; it cannot be shown again. Raises InvalidValue for a role there is not."""
        checked_role(role)
        key = _PREFIX + secrets.token_urlsafe(32)
        await self._keys.add(KeyRecord(hash_of(key), name, role))
        return key

    async def all(self) -> Sequence[KeyRecord]:
        """Every key there was, by name; the installation's own is not among them."""
        return await self._keys.all()

    async def revoke(self, name: str, now: datetime) -> int:
        """Revoke every key of this name; answers how many there were."""
        return await self._keys.revoke(name, now)


def checked_role(role: str) -> str:
    """Raises InvalidValue for a role there is not."""
    if role not in ROLES:
        raise InvalidValue("There is no such role.", field="role", value=role, remedy=f"Use one of {', '.join(ROLES)}.")
    return role


def hash_of(key: str) -> str:
    """The stored form of a key."""
    return hashlib.sha256(key.encode()).hexdigest()
