"""What a visited network charges for a call: totals per charge information, in the currency of our bills."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from billing.adapters.usage_formats.tap3_file import BatchContext
from billing.adapters.usage_formats.values import Damaged

_TOTAL = b"00"
_FINEST = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Money:
    """The currency of our bills. ``exchange`` is what one unit of another currency costs, where files do not say."""

    currency: str = "EUR"
    exchange: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call costs at the visited network, in units of the file's last decimal."""

    charge: int
    tax: int
    discount: int
    by_rate: Mapping[int | None, int]


def charge_of(informations: Iterable[Mapping[str, Any]]) -> Charge:
    """All charge informations of one call. Raises Damaged when one has details but no total."""
    by_rate: dict[int | None, int] = {}
    tax = discount = 0
    for information in informations:
        code = information.get("exchangeRateCode")
        by_rate[code] = by_rate.get(code, 0) + _total(information)
        tax += sum(row.get("taxValue", 0) for row in _taxes(information))
        discount += information.get("discountInformation", {}).get("discount", 0)
    return Charge(sum(by_rate.values()), tax, discount, by_rate)


def _taxes(information: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    rows: Sequence[Mapping[str, Any]] = information.get("taxInformation") or information.get("taxInformationList") or ()
    return rows


def _total(information: Mapping[str, Any]) -> int:
    """Type 00 is the total of a charge information; the other types only explain it."""
    if "charge" in information:
        return _not_negative(information["charge"])
    if "camelInvocationFee" in information:
        return _not_negative(information["camelInvocationFee"])
    details = information.get("chargeDetailList", ())
    totals = [row.get("charge", 0) for row in details if row.get("chargeType") == _TOTAL]
    if details and not totals:
        raise Damaged("chargeDetailList", "The charge details have no total (charge type 00).")
    return sum(map(_not_negative, totals))


def _not_negative(charge: int) -> int:
    if charge < 0:
        raise Damaged("charge", f"The charge {charge} is negative.")
    return charge


def amount_of(charge: Charge, context: BatchContext, money: Money) -> Decimal | None:
    """The charge without tax in the currency of our bills; None when neither file nor profile has a rate.

    Raises Damaged for a rate code that the file does not define.
    """
    if context.currency == money.currency:
        return in_units(charge.charge, context)
    if money.currency == context.local_currency:
        converted = (in_units(part, context) * _rate(code, context) for code, part in charge.by_rate.items() if part)
        return sum(converted, Decimal(0)).quantize(_FINEST)
    if (price := money.exchange.get(context.currency)) is not None:
        return (in_units(charge.charge, context) * price).quantize(_FINEST)
    return None


def in_units(charge: int, context: BatchContext) -> Decimal:
    """An amount of the file in whole units of its currency."""
    return Decimal(charge).scaleb(-context.decimals)


def _rate(code: int | None, context: BatchContext) -> Decimal:
    if code is None or code not in context.rates:
        known = ", ".join(str(each) for each in sorted(context.rates)) or "none"
        raise Damaged("exchangeRateCode", f"The exchange rate code {code} is not defined in this file; it has {known}.")
    return context.rates[code]
