"""Field values as sources write them: numbers of people, local clock times, units."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers


class Damaged(Exception):
    """A field that cannot be used, by its name in the source."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


@lru_cache(maxsize=100_000)
def international(number: str, country: str) -> str:
    """A dialled number as E.164 with +, read with the source's default country; empty stays empty.

    What is no number at all (a word, a SIP address) is answered as it is, for guiding by identifier.
    """
    dialled = number.strip()
    if not dialled or not dialled.replace(" ", "").replace("-", "").lstrip("+").isdigit():
        return dialled
    if dialled.startswith("00"):
        dialled = f"+{dialled[2:]}"
    if not country and not dialled.startswith("+"):
        return dialled
    try:
        parsed = phonenumbers.parse(dialled, country or None)
    except phonenumbers.NumberParseException:
        return dialled
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def instant(field: str, written: str, zone: str) -> datetime:
    """A clock time of the source; without an offset it is local time in ``zone``.

    In the hour that occurs twice in autumn the first one is meant; a time that spring skipped is read with the offset
    before the change. Both are within an hour of the truth, and the same on every import.
    """
    try:
        at = datetime.fromisoformat(written.strip())
    except ValueError:
        raise Damaged(field, f"{written!r} is not a time like 2026-01-31 23:59:59.") from None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))


def whole(field: str, written: str) -> int:
    """A non-negative whole number."""
    digits = written.strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise Damaged(field, f"{written!r} is not a whole number from 0.")
    return int(digits)
