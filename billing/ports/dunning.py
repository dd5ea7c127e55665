"""Dunning policies, cases, promises and disputes."""

from __future__ import annotations

from typing import Protocol


class DunningRepository(Protocol):
    """Dunning policies, cases, promises and disputes."""
