"""Money: integer minor units and an ISO 4217 currency. Never a float, never mixed, never rounded silently."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from billing.domain.errors import InvalidValue

# ISO 4217: digits after the decimal point where it is not two.
_MINOR_DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3, "JOD": 3}


class CurrencyMismatch(InvalidValue):
    """Two amounts of different currencies were put together."""


def minor_digits(currency: str) -> int:
    """Digits after the decimal point of a currency (ISO 4217)."""
    return _MINOR_DIGITS.get(currency, 2)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount: ``amount_minor`` in the currency's smallest unit (cents), and the ISO 4217 ``currency``."""

    amount_minor: int
    currency: str

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(0, currency)

    @classmethod
    def from_decimal(cls, amount: Decimal, currency: str) -> Money:
        """Round a decimal amount of whole units half up to the minor unit: 1.005 EUR is 1.01 EUR."""
        scaled = amount.scaleb(minor_digits(currency))
        return cls(int(scaled.to_integral_value(ROUND_HALF_UP)), currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in whole units: 4210 minor EUR is Decimal('42.10')."""
        return Decimal(self.amount_minor).scaleb(-minor_digits(self.currency))

    @property
    def is_zero(self) -> bool:
        return self.amount_minor == 0

    def __add__(self, other: Money) -> Money:
        return Money(self.amount_minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount_minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount_minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount_minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount_minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount_minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.amount_minor >= self._same(other)

    def __str__(self) -> str:
        return f"{self.decimal:.{minor_digits(self.currency)}f} {self.currency}"

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(
                f"{other.currency} cannot be combined with {self.currency}.",
                field="currency",
                value=other.currency,
                remedy="Convert explicitly, or book the amounts on separate accounts.",
            )
        return other.amount_minor

    def allocate(self, weights: Sequence[int]) -> list[Money]:
        """Split by non-negative weights so that the parts add up to the whole (largest remainder, first wins)."""
        total_weight = sum(weights)
        if total_weight <= 0 or min(weights) < 0:
            raise InvalidValue(
                "An amount can only be split by non-negative weights with a positive sum.",
                field="weights",
                value=list(weights),
                remedy="Give at least one positive weight.",
            )
        shares = [self.amount_minor * weight // total_weight for weight in weights]
        left_over = self.amount_minor - sum(shares)
        by_remainder = sorted(
            range(len(weights)), key=lambda place: -(self.amount_minor * weights[place] % total_weight)
        )
        for place in by_remainder[:left_over]:
            shares[place] += 1
        return [Money(share, self.currency) for share in shares]


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum of amounts of one currency; zero of ``currency`` when there are none."""
    result = Money.zero(currency)
    for amount in amounts:
        result = result + amount
    return result
