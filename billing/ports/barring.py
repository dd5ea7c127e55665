"""Barring orders and their confirmations."""

from __future__ import annotations

from typing import Protocol


class BarringRepository(Protocol):
    """Barring orders and their confirmations."""
