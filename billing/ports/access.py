"""API keys, as the access service keeps them: only hashes are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class KeyRecord:
    """A key by its SHA-256; the key itself was shown once and is not kept."""

    key_hash: str
    name: str
    role: str
    revoked_at: datetime | None = None
    created_at: datetime | None = None


class KeyStore(Protocol):
    """Where keys are kept."""

    async def find(self, key_hash: str) -> KeyRecord | None: ...
    async def add(self, key: KeyRecord) -> None: ...
    async def revoke(self, name: str, at: datetime) -> int: ...
    async def all(self) -> Sequence[KeyRecord]: ...
