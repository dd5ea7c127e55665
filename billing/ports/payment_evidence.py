"""What customers agreed to when they left a method: kept as evidence, never changed but for what was stored by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from billing.messages.payments import MethodKind


@dataclass(frozen=True)
class NewAcceptance:
    """A customer agrees to a text. ``accepted_at`` is business time, ``recorded_at`` real time."""

    account_id: str
    kind: MethodKind
    text_version: int
    language: str
    text_shown: str
    accepted_at: datetime
    recorded_at: datetime
    ip_address: str
    user_agent: str


@dataclass(frozen=True)
class Acceptance:
    """An agreement as it is kept; ``method_id`` and ``mandate_reference`` say what was stored by it, once it was."""

    account_id: str
    acceptance_id: str
    kind: str
    text_version: int
    language: str
    text_shown: str
    accepted_at: datetime
    recorded_at: datetime
    ip_address: str
    user_agent: str
    setup_reference: str = ""
    method_id: str | None = None
    mandate_reference: str = ""


class EvidenceRepository(Protocol):
    """Agreements of customers."""

    async def add(self, acceptance: NewAcceptance) -> str:
        """Its identity."""
        ...

    async def opened(self, account_id: str, acceptance_id: str, setup_reference: str) -> None:
        """The provider's page that the customer was sent to."""
        ...

    async def fulfilled(self, account_id: str, acceptance_id: str, method_id: str, mandate_reference: str) -> None:
        """What was stored by it; the first that is heard of it counts."""
        ...

    async def all(self, account_id: str) -> Sequence[Acceptance]:
        """Newest first."""
        ...
