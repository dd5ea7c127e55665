"""Why something happened, in one line: the reason that the timeline keeps, without what its summary says already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evenflow.demo.facts import Event

LONGEST_CHARACTERS = 200


def why(event: Event) -> str:
    """The rule, its version and its inputs, and the author where it was a person."""
    parts = [_shown(name, value) for name, value in event.reason.items() if value not in (None, "", [], {}, 0, False)]
    if event.actor not in ("", "evenflow"):
        parts.append(f"by {event.actor}")
    text = "; ".join(part for part in parts if part)
    return text if len(text) <= LONGEST_CHARACTERS else f"{text[: LONGEST_CHARACTERS - 1]}…"


def _shown(name: str, value: Any) -> str:
    words = name.replace("_", " ")
    if isinstance(value, Mapping):
        inner = ", ".join(_shown(each, one) for each, one in value.items() if one not in (None, "", [], {}))
        return f"{words}: {inner}" if inner else ""
    if isinstance(value, list):
        return f"{words} {', '.join(str(one) for one in value[:4])}"
    return str(value) if words in ("why", "rule", "explanation") else f"{words} {value}"
