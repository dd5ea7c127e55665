"""Discounts: percent or fixed, with dates and a condition, applied one after the other and never below zero.

An invoice's discounts come off the net subtotal of all lines, before VAT. The order is ``order``, then the order in
which they were given; a percentage is taken from what the earlier ones left. The condition looks at the subtotal
before any discount.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields, plain
from billing.domain.money import Money

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Discount:
    """Exactly one of ``percent`` (0 to 100) and ``amount`` (whole units of ``currency``).

    Valid on the local dates from ``valid_from`` up to but without ``valid_to``; None is open. ``minimum_subtotal`` is
    in whole units of ``currency`` too. An empty ``currency`` means that of the invoice.
    """

    code: str
    name: str
    percent: Decimal | None = None
    amount: Decimal | None = None
    currency: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    minimum_subtotal: Decimal | None = None
    order: int = 0

    @classmethod
    def from_dict(cls, data: object, path: str = "") -> Discount:
        """Read the JSON form. Raises InvalidValue with the dotted field under ``path``."""
        fields = Fields(data, path)
        discount = cls.read(fields)
        fields.finish()
        return discount

    @classmethod
    def read(cls, fields: Fields) -> Discount:
        """Read the discount's own fields from an object that may hold more."""
        discount = cls(
            code=fields.code("code"),
            name=fields.text("name", fields.code("code")),
            percent=fields.optional_amount("percent", most=_HUNDRED),
            amount=fields.optional_amount("amount"),
            currency=fields.currency("currency", ""),
            valid_from=fields.optional_date("valid_from"),
            valid_to=fields.optional_date("valid_to"),
            minimum_subtotal=fields.optional_amount("minimum_subtotal"),
            order=fields.whole("order", 0, most=1000),
        )
        if (discount.percent is None) == (discount.amount is None):
            raise fields.refusal(
                "percent", "A discount is a percentage or an amount.", "Give percent or amount, not both."
            )
        if discount.valid_from and discount.valid_to and discount.valid_to <= discount.valid_from:
            raise fields.refusal(
                "valid_to", "The discount ends before it begins.", f"Use a date after {discount.valid_from}."
            )
        return discount

    def to_dict(self) -> dict[str, object]:
        """The JSON form, without fields that have their default."""
        written: dict[str, object] = {
            "code": self.code,
            "name": self.name,
            "percent": _text(self.percent),
            "amount": _text(self.amount),
            "currency": self.currency or None,
            "valid_from": _text(self.valid_from),
            "valid_to": _text(self.valid_to),
            "minimum_subtotal": _text(self.minimum_subtotal),
            "order": self.order or None,
        }
        return {name: value for name, value in written.items() if value is not None}

    def reason_not_applied(self, subtotal: Money, on: date | None) -> str:
        """Why it does not apply to this subtotal on this local date; empty when it does. No date: only undated ones
        do.
        """
        self._check_currency(subtotal)
        if on is None and (self.valid_from or self.valid_to):
            return "it has dates, and no date was given"
        if on and self.valid_from and on < self.valid_from:
            return f"it begins on {self.valid_from}"
        if on and self.valid_to and on >= self.valid_to:
            return f"it ended before {self.valid_to}"
        if self.minimum_subtotal is not None and subtotal.decimal < self.minimum_subtotal:
            return f"it needs a subtotal of {plain(self.minimum_subtotal)} {subtotal.currency}"
        return ""

    def off(self, base: Money) -> Money:
        """What comes off ``base``: half up, between zero and the whole of it."""
        if base.amount_minor <= 0:
            return Money.zero(base.currency)
        wanted = self.amount if self.percent is None else (base.decimal * self.percent).scaleb(-2)
        return min(base, Money.from_decimal(wanted or Decimal(0), base.currency))

    def explain(self, base: Money) -> str:
        """The arithmetic of ``off`` in one line."""
        if self.percent is not None:
            return f"{plain(self.percent)} % of {base} = {self.off(base)}"
        limited = f", at most the remaining {base}" if self.off(base) == base else ""
        return f"{plain(self.amount or Decimal(0))} {base.currency}{limited}"

    def _check_currency(self, subtotal: Money) -> None:
        if self.currency and self.currency != subtotal.currency:
            raise InvalidValue(
                f"The discount {self.code} is in {self.currency}, the invoice in {subtotal.currency}.",
                field="currency",
                value=self.currency,
                remedy=f"Define a discount in {subtotal.currency}.",
            )


@dataclass(frozen=True, slots=True)
class AppliedDiscount:
    """One discount that came off: ``amount`` is positive, ``remaining`` what is left after it."""

    code: str
    name: str
    amount: Money
    remaining: Money
    explanation: str


@dataclass(frozen=True, slots=True)
class SkippedDiscount:
    """One discount that did not apply, and why."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class DiscountBreakdown:
    """``subtotal`` less ``discounted`` is ``net``; both currencies are the invoice's."""

    subtotal: Money
    applied: tuple[AppliedDiscount, ...]
    skipped: tuple[SkippedDiscount, ...]
    discounted: Money
    net: Money


def apply_discounts(subtotal: Money, discounts: Iterable[Discount], on: date | None = None) -> DiscountBreakdown:
    """Take the discounts off a net subtotal on a local date. A subtotal of zero or less is left as it is."""
    remaining = subtotal
    applied: list[AppliedDiscount] = []
    skipped: list[SkippedDiscount] = []
    for discount in sorted(discounts, key=lambda each: each.order):
        reason = discount.reason_not_applied(subtotal, on)
        if not reason and remaining.amount_minor <= 0:
            reason = "nothing is left to discount"
        if reason:
            skipped.append(SkippedDiscount(discount.code, reason))
            continue
        base, off = remaining, discount.off(remaining)
        remaining = base - off
        applied.append(AppliedDiscount(discount.code, discount.name, off, remaining, discount.explain(base)))
    return DiscountBreakdown(subtotal, tuple(applied), tuple(skipped), subtotal - remaining, remaining)


def _text(value: Decimal | date | None) -> str | None:
    return None if value is None else str(value)
