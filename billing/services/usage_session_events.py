"""What a session's parts come to, compared: whether two records tell of one usage. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.services.usage_kept import plain

# Two servers, or a clock that was set: the same usage, told a moment apart.
_SAME_MOMENT = timedelta(seconds=2)


def plain_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event as JSON holds it, and always the same for the same usage."""
    found: dict[str, Any] = plain({name: _written(value) for name, value in event.items()})
    return found


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, Decimal) else value


def is_same_usage(event: Mapping[str, Any], counted: Mapping[str, Any]) -> bool:
    """Whether two events tell of one usage: equal but for a moment between their starts."""
    rest = ({name: value for name, value in each.items() if name != "started_at"} for each in (event, counted))
    one, other = (json.dumps(each, sort_keys=True) for each in rest)
    if one != other:
        return False
    starts = [each.get("started_at") for each in (event, counted)]
    if not all(isinstance(start, str) for start in starts):
        return starts[0] == starts[1]
    first, second = (datetime.fromisoformat(str(start)) for start in starts)
    return abs(first - second) <= _SAME_MOMENT


def is_same_moment(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two copies of a part differ only in a moment of time, kept as microseconds in ``at``."""
    rest = [{name: value for name, value in each.items() if name != "at"} for each in (first, second)]
    first_at, second_at = first.get("at"), second.get("at")
    if rest[0] != rest[1] or not (isinstance(first_at, int) and isinstance(second_at, int)):
        return False
    return abs(first_at - second_at) <= _SAME_MOMENT // timedelta(microseconds=1)


def difference(counted: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """What one has otherwise than the other, in words."""
    names = sorted(name for name in {*counted, *event} if counted.get(name) != event.get(name))
    return ", ".join(f"{name} {counted.get(name, 'none')} to {event.get(name, 'none')}" for name in names)
