"""A usage event as rating sees it: what was used, towards where, and the amount it carries. No personal data is
needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing.domain.errors import InvalidValue
from billing.domain.fields import LARGEST_QUANTITY


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
        if self.amount is not None and not self.amount.is_finite():
            raise InvalidValue(
                "An amount is a number.", field="amount", value=self.amount, remedy='Write it like "1.50".'
            )
