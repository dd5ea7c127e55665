"""Quantities of usage as a customer reads them, in the customer's language."""

from __future__ import annotations

from babel import Locale
from babel.numbers import format_decimal

from billing.domain.rating import Counts, MeterDisplay


def written_usage(quantity: int, display: MeterDisplay, locale: Locale | str) -> str:
    """``1:02:05`` or ``12:30`` for seconds, ``1.5 GB`` or ``700 MiB`` for bytes, else a number."""
    if display.counts is Counts.SECONDS:
        sign, (hours, seconds) = "-" if quantity < 0 else "", divmod(abs(quantity), 3600)
        clock = f"{seconds // 60:02d}:{seconds % 60:02d}"
        return f"{sign}{hours}:{clock}" if hours else f"{sign}{clock}"
    if display.counts is Counts.BYTES:
        number, unit = display.in_bytes(quantity)
        return f"{format_decimal(number, '#,##0.##', locale=locale)} {unit}"
    return str(format_decimal(quantity, locale=locale))
