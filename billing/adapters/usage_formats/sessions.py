"""What formats share whose records are parts of a session."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from billing.ports.usage_profiles import SessionPart

_LONGEST_KEY = 180


def session_key(*names: str) -> str:
    """One name for a session: its parts joined, and shortened to a digest where that is too long for a record_id."""
    joined = "/".join(name.strip() for name in names)
    if len(joined) <= _LONGEST_KEY:
        return joined
    digest = hashlib.blake2b(joined.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
    return f"{joined[: _LONGEST_KEY - 40]}#{digest}"


def of_kind(parts: Iterable[SessionPart], *kinds: str) -> list[SessionPart]:
    """The parts of these kinds in an order that does not depend on how they came, even where two claim one place."""
    return sorted((part for part in parts if part.kind in kinds), key=_place)


def _place(part: SessionPart) -> tuple[int, str, str]:
    return part.order, part.kind, json.dumps(dict(part.fields), sort_keys=True, default=str)


def first(parts: Sequence[SessionPart]) -> SessionPart | None:
    """The first one, or None."""
    return parts[0] if parts else None


def instant_of(microseconds: Any) -> datetime:
    """An instant kept as a number of microseconds since 1970."""
    seconds, rest = divmod(int(microseconds), 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def microseconds_of(at: datetime) -> int:
    """An instant as a number of microseconds since 1970, to be kept in a part."""
    since = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
