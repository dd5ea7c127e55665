"""Notices with their evidence, and templates."""

from __future__ import annotations

from typing import Protocol


class NoticeRepository(Protocol):
    """Notices with their evidence, and templates."""
