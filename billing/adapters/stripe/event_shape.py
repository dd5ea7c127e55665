"""What an event has to look like before anything is read from it: what is kept of it must fit into the inbox."""

from __future__ import annotations

import math
from typing import Any

RELATED = ("payment_intent", "charge", "payment_method")
KEPT = ("object", "status", "amount", "currency", "reason")
# The year 5138: later instants are not Stripe's.
LATEST_SECONDS = 10**11


def is_event(body: Any) -> bool:
    """True for an event about an object, whose every part that we read is of its kind."""
    if not isinstance(body, dict) or not isinstance(body.get("data"), dict):
        return False
    subject, created = body["data"].get("object"), body.get("created")
    is_dated = isinstance(created, int) and not isinstance(created, bool) and 0 <= created < LATEST_SECONDS
    return is_dated and _is_word(body.get("id")) and _is_word(body.get("type")) and _is_subject(subject)


def _is_subject(subject: Any) -> bool:
    if not isinstance(subject, dict) or not _is_reference(subject.get("id")):
        return False
    metadata = subject.get("metadata") or {}
    if not isinstance(metadata, dict):
        return False
    names = [metadata.get(name, "") for name in ("account_id", "attempt_id")]
    return (
        all(_is_text(name) for name in names)
        and all(_is_reference(subject.get(name)) for name in RELATED)
        and all(_is_plain(subject.get(name)) for name in KEPT)
    )


def _is_reference(value: Any) -> bool:
    """None, an id, or an object with an id."""
    return value is None or _is_text(value.get("id") if isinstance(value, dict) else value)


def _is_plain(value: Any) -> bool:
    """What is kept as it is: text, a number, yes or no, or nothing."""
    if value is None or isinstance(value, bool | int):
        return True
    return math.isfinite(value) if isinstance(value, float) else _is_text(value)


def _is_word(value: Any) -> bool:
    return bool(value) and _is_text(value)


def _is_text(value: Any) -> bool:
    """Text that a database takes: no U+0000, no half of a character."""
    return isinstance(value, str) and value.isprintable() and len(value) <= 5000
