"""Cells of CSV files that people open in a spreadsheet."""

from __future__ import annotations

import re

_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+")


def harmless(cell: object) -> object:
    """A text that a spreadsheet would run as a formula is marked as text (texts come from usage records and agents)."""
    if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") and not _PLAIN_NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
