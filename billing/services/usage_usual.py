"""Nearly every record as it comes: plain texts of ASCII, no price of its own and nothing attached. Pure.

It is told from the others in a few look-ups; ``read_record`` reads those, and says of each what is wrong. A row that is
answered here is the very one that ``read_record`` leads to, which a test holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from billing.domain.fields import LARGEST_QUANTITY
from billing.services.usage_records import CODE, DESTINATION, UsageRecord

# Source, record_id, identifier, meter, quantity, started_at (UTC), destination, visited, traffic class, amount,
# attributes as JSON: a record in the order of ``RecordColumns``.
RecordRow = tuple[str, str, str, str, int, datetime, str, str, str, Decimal | None, str]
STARTED_AT: Final = 5  # its place in a row
_NAMES = 7
_LONGEST_ID, _LONGEST_IDENTIFIER = 200, 100
_MOST_CODES = 10_000


class _Codes:
    """Texts that were found to be codes: sources and meters are few, and each is looked at once."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self._known: set[str] = set()

    def holds(self, text: Any) -> bool:
        """Whether it is a code; False for what is no text."""
        if type(text) is not str:
            return False
        if text in self._known:
            return True
        if not self._pattern.fullmatch(text):
            return False
        if len(self._known) >= _MOST_CODES:
            self._known.clear()
        self._known.add(text)
        return True


_codes = _Codes(CODE)


def usual_row(data: Mapping[str, Any]) -> RecordRow | None:
    """The row of a usual record; None for any other."""
    try:
        source, record_id, identifier, meter = data["source"], data["record_id"], data["identifier"], data["meter"]
        quantity, written, destination = data["quantity"], data["started_at"], data["destination"]
    except KeyError:
        return None
    is_usual = (
        len(data) == _NAMES
        and type(quantity) is int
        and 0 <= quantity <= LARGEST_QUANTITY
        and _codes.holds(source)
        and _codes.holds(meter)
        and _is_plain(record_id, _LONGEST_ID)
        and _is_plain(identifier, _LONGEST_IDENTIFIER)
        and type(destination) is str
        and (not destination or DESTINATION.fullmatch(destination))
    )
    started_at = _instant(written) if is_usual else None
    if started_at is None:
        return None
    return source, record_id, identifier, meter, quantity, started_at, destination, "", "", None, "{}"


def row_of(record: UsageRecord, attributes: str) -> RecordRow:
    """Any checked record as a row; ``attributes`` are its own, written."""
    event = record.event
    return (
        *(record.source, record.record_id, record.identifier, event.meter, event.quantity, record.started_at),
        *(event.destination, event.visited, event.traffic_class, event.amount, attributes),
    )


def _is_plain(text: Any, longest: int) -> bool:
    """Printable ASCII without space around it."""
    return (
        type(text) is str
        and 0 < len(text) <= longest
        and text.isascii()
        and text.isprintable()
        and text[0] != " "
        and text[-1] != " "
    )


def _instant(written: Any) -> datetime | None:
    if type(written) is not str:
        return None
    try:
        at = datetime.fromisoformat(written)
        return None if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
