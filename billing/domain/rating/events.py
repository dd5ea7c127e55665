"""A usage event as rating sees it: what was used, towards where, and the amount it carries. No personal data is
needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing.domain.errors import InvalidValue
from billing.domain.fields import LARGEST_QUANTITY, has_at_most

_LARGEST_AMOUNT = 10**9
_MOST_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """``quantity`` in the meter's own units (seconds, bytes, messages); ``destination`` in E.164 digits, a + is
    allowed, empty when there is none; ``amount`` carried by the event in the plan's currency, for percentage prices.
    """

    meter: str
    quantity: int
    destination: str = ""
    amount: Decimal | None = None

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


def _is_usable(amount: Decimal) -> bool:
    """Within these bounds the sum of a cycle's shares is exact, so that the order of events cannot matter."""
    return amount.is_finite() and 0 <= amount <= _LARGEST_AMOUNT and has_at_most(_MOST_DECIMALS, amount)
