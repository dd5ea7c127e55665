"""Numbers as the directory of lines knows them: one spelling, however a source or an operator wrote it."""

from __future__ import annotations


def directory_spelling(identifier: str) -> str:
    """A number of digits with its leading +, whether it was written or not; any other identifier as it is."""
    if identifier.startswith("+"):
        return identifier
    return f"+{identifier}" if identifier.isdigit() else identifier
