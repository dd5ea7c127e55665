"""API keys at a fast door: each is looked up once in two seconds, so that is how long a revoked one may still work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic

from api.dependencies import admit, has_role
from billing.services.access import Access, Caller, hash_of

REMEMBERED_SECONDS = 2.0
MOST_REMEMBERED = 1000


@dataclass
class KeyMemory:
    """Callers by the hash of their key; a key itself is never kept, and never compared with another.

    Only callers that are known are remembered. Many requests with one key wait for one look-up.
    """

    access: Access
    _known: dict[str, tuple[Caller, float]] = field(default_factory=dict)
    _asked: dict[str, asyncio.Task[Caller | None]] = field(default_factory=dict)

    async def admit(self, key: str, role: str) -> Caller:
        """The caller, when it has at least this role. Raises NotSignedIn and NotAllowed."""
        return admit(await self._caller_of(key) if key else None, key, role)

    def remembers(self, key: str, role: str) -> bool:
        """Whether ``admit`` would let this key in at once, without asking."""
        remembered = self._known.get(hash_of(key))
        return remembered is not None and monotonic() < remembered[1] and has_role(remembered[0], role)

    async def _caller_of(self, key: str) -> Caller | None:
        key_hash = hash_of(key)
        remembered = self._known.get(key_hash)
        if remembered is not None and monotonic() < remembered[1]:
            return remembered[0]
        asked = self._asked.get(key_hash)
        if asked is None:
            asked = self._asked[key_hash] = asyncio.create_task(self._ask(key, key_hash))
        return await asyncio.shield(asked)

    async def _ask(self, key: str, key_hash: str) -> Caller | None:
        try:
            looked_up_at = monotonic()
            caller = await self.access.caller_of(key)
            self._known.pop(key_hash, None)
            if caller is not None:
                if len(self._known) >= MOST_REMEMBERED:
                    self._known.clear()
                self._known[key_hash] = caller, looked_up_at + REMEMBERED_SECONDS
            return caller
        finally:
            del self._asked[key_hash]
