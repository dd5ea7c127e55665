"""Usage events, counters, the file registry and what could not be taken."""

from __future__ import annotations

from typing import Protocol


class UsageRepository(Protocol):
    """Usage events, counters, the file registry and what could not be taken."""
