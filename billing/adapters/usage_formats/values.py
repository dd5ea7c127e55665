"""Field values as sources write them: numbers of people, local clock times, units."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers

from billing.ports.usage_profiles import ClockRule

EPOCH = "epoch"
EPOCH_MILLISECONDS = "epoch-ms"
EPOCH_MICROSECONDS = "epoch-us"
EPOCH_FORMS = (EPOCH, EPOCH_MILLISECONDS, EPOCH_MICROSECONDS)
_EPOCH_PARTS = {EPOCH: 1, EPOCH_MILLISECONDS: 1_000, EPOCH_MICROSECONDS: 1_000_000}
_NUMBER = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{0,12})?|\.\d{1,12})")
_CLOCK = re.compile(r"(?:(\d{1,5}):)?(\d{1,6}):([0-5]\d)")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d*)?")
# Naive on purpose: the caller places the time in the source's zone.
by_pattern = datetime.strptime


class Damaged(Exception):
    """A field that cannot be used, by its name in the source."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


class Rounding(StrEnum):
    """How a quantity that is not whole in the meter's unit becomes whole."""

    REFUSE = "refuse"  # it is damaged
    UP = "up"
    DOWN = "down"
    NEAREST = "nearest"


_ROUNDINGS = {
    Rounding.UP: ROUND_CEILING,
    Rounding.DOWN: ROUND_FLOOR,
    Rounding.NEAREST: ROUND_HALF_UP,
}


@lru_cache(maxsize=100_000)
def international(number: str, country: str) -> str:
    """A dialled number as E.164 with +, read with the source's default country; empty stays empty. One that is
    international already (+ or 00) is taken at its word.

    What is no number at all (a word, a SIP address) is answered as it is, for guiding by identifier.
    """
    dialled = number.strip()
    digits = dialled.replace(" ", "").replace("-", "")
    if not digits or not digits.lstrip("+").isdigit():
        return dialled
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if not country or digits.startswith("+"):
        return digits if digits.startswith("+") else dialled
    try:
        parsed = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return dialled
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def instant(field: str, written: str, zone: str, rule: ClockRule = ClockRule.FIRST, form: str = "") -> datetime:
    """A clock time of the source; without an offset it is local time in ``zone``.

    ``form`` is empty for ISO times, epoch, epoch-ms, epoch-us, or a strptime pattern. ``rule`` says what a time means
    that autumn repeats or spring skips. Either way it is the same on every import.
    """
    if form in _EPOCH_PARTS:
        return _since_epoch(field, written, _EPOCH_PARTS[form])
    at = _clock_time(field, written.strip(), form)
    return at if at.tzinfo else in_zone(field, at, zone, rule)


def in_zone(field: str, at: datetime, zone: str, rule: ClockRule) -> datetime:
    """A naive local time as an aware one."""
    first = at.replace(tzinfo=ZoneInfo(zone), fold=0)
    if rule is ClockRule.FIRST:
        return first
    second = at.replace(tzinfo=ZoneInfo(zone), fold=1)
    if rule is ClockRule.SECOND:
        return second
    if first.utcoffset() != second.utcoffset():
        raise Damaged(field, f"{at} occurs twice or never in {zone}, where the clocks change; add the offset.")
    return first


def _clock_time(field: str, written: str, form: str) -> datetime:
    try:
        return by_pattern(written, form) if form else datetime.fromisoformat(written)
    except ValueError:
        like = f"by the pattern {form}" if form else "like 2026-01-31 23:59:59"
        raise Damaged(field, f"{written[:60]!r} is not a time {like}.") from None


def _since_epoch(field: str, written: str, parts: int) -> datetime:
    count = decimal(field, written)
    try:
        return datetime.fromtimestamp(float(count / parts), UTC)
    except (OverflowError, ValueError, OSError):
        raise Damaged(field, f"{written[:60]!r} is beyond the calendar.") from None


def whole(field: str, written: str) -> int:
    """A non-negative whole number."""
    digits = written.strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise Damaged(field, f"{written[:60]!r} is not a whole number from 0.")
    return int(digits)


def decimal(field: str, written: str, mark: str = ".") -> Decimal:
    """A decimal number with its declared decimal mark; thousands may be grouped by the other one, blanks or '."""
    number = written.strip()
    if _GROUPED.fullmatch(number):
        number = re.sub(f"[{'.' if mark == ',' else ','}' ]", "", number)
    if mark == ",":
        number = "x" if "." in number else number.replace(",", ".")
    try:
        if not number.isascii() or not _NUMBER.fullmatch(number):
            raise InvalidOperation
        return Decimal(number)
    except InvalidOperation:
        raise Damaged(field, f"{written[:60]!r} is not a number with {mark!r} as its decimal mark.") from None


def clock_seconds(field: str, written: str) -> int:
    """A duration written as [hours:]minutes:seconds."""
    found = _CLOCK.fullmatch(written.strip())
    if found is None:
        raise Damaged(field, f"{written[:60]!r} is not a duration like 00:01:05.")
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)


def rounded(field: str, quantity: Decimal, rounding: Rounding) -> int:
    """A quantity in the meter's own units, whole and not negative."""
    if quantity < 0:
        raise Damaged(field, f"{quantity} is negative.")
    if quantity == quantity.to_integral_value():
        return int(quantity)
    if rounding is Rounding.REFUSE:
        raise Damaged(field, f"{quantity} is not whole in the meter's own unit, and the profile declares no rounding.")
    return int(quantity.to_integral_value(_ROUNDINGS[rounding]))
