"""A usage event as rating sees it: what was used, towards where, and the amount it carries. No personal data is
needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.domain.errors import InvalidValue
from billing.domain.fields import LARGEST_QUANTITY, has_at_most

_LARGEST_AMOUNT = 10**9
_MOST_DECIMALS = 6
_FIRST_YEAR, _LAST_YEAR = 1990, 2150


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """``quantity`` in the meter's own units (seconds, bytes, messages); ``destination`` in E.164 digits, a + is
    allowed, empty when there is none; ``amount`` carried by the event in the plan's currency, for percentage prices.

    ``started_at`` is aware, and needed where a price depends on the time. ``visited`` is the country code (two letters)
    or network code where it was used, empty at home; ``traffic_class`` marks special traffic, empty for all other.
    """

    meter: str
    quantity: int
    destination: str = ""
    amount: Decimal | None = None
    started_at: datetime | None = None
    visited: str = ""
    traffic_class: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.quantity <= LARGEST_QUANTITY:
            raise InvalidValue(
                "A used quantity is not negative and not beyond measure.",
                field="quantity",
                value=self.quantity,
                remedy=f"Send a whole number from 0 to {LARGEST_QUANTITY}; never a negative correction.",
            )
        if self.amount is not None and not _is_usable(self.amount):
            raise InvalidValue(
                "A carried amount is not negative and not finer than a millionth.",
                field="amount",
                value=self.amount,
                remedy=f'Write it like "1.50": from 0 to {_LARGEST_AMOUNT}, at most {_MOST_DECIMALS} decimals.',
            )
        if self.started_at is not None and not _is_instant(self.started_at):
            raise InvalidValue(
                "A start is an instant of our time, with its offset.",
                field="started_at",
                value=self.started_at,
                remedy=f"Write it like 2027-02-01T10:00:00+01:00, from {_FIRST_YEAR} to {_LAST_YEAR}.",
            )


def _is_instant(at: datetime) -> bool:
    return at.tzinfo is not None and _FIRST_YEAR <= at.year <= _LAST_YEAR


def _is_usable(amount: Decimal) -> bool:
    """Within these bounds the sum of a cycle's shares is exact, so that the order of events cannot matter."""
    return amount.is_finite() and 0 <= amount <= _LARGEST_AMOUNT and has_at_most(_MOST_DECIMALS, amount)
