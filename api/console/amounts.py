"""An amount as a person types it on the console."""

from __future__ import annotations

import re

from billing.domain.errors import InvalidValue
from billing.domain.money import minor_digits

MOST_MINOR = 10**12
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2212": "-"})
# Digits, in groups of three or not, and then perhaps decimals.
_AMOUNT = re.compile(
    r"(?P<sign>[+-]?) ?(?P<whole>[0-9]+|[0-9]{1,3}(?P<group>[ .,])[0-9]{3}(?:(?P=group)[0-9]{3})*)"
    r"(?:(?P<point>[.,])(?P<part>[0-9]+))?"
)


def minor_of(text: str, currency: str, name: str) -> int:
    """An amount in minor units: 1250, 1250.00, 1250,00, 1,250.00 or 1.250,00.

    Raises InvalidValue, also for 1,250 and 1.250, which one reader groups and another takes for decimals. Where a
    currency has three decimals, 1.250 is what the console itself writes, and is taken.
    """
    found = _AMOUNT.fullmatch(text.translate(_SPACES).strip())
    digits = minor_digits(currency)
    example = f"42.{'1'.ljust(digits, '0')}" if digits else "42"
    if found is None or found["group"] == found["point"] is not None:
        raise _no_amount(text, currency, name, f"Write it like {example}.")
    whole, part = re.sub("[ .,]", "", found["whole"]), found["part"] or ""
    as_written_here = digits == len(part) and found["point"] == "."
    if len(part) == 3 and not as_written_here and found["group"] is None and len(whole) <= 3 and int(whole):
        plain = f"{whole}{part}.{'0' * digits}" if digits else f"{whole}{part}"
        raise InvalidValue(
            "This can be read in two ways.",
            field=name,
            value=text[:40],
            remedy=f"Write {plain} if that is meant, without groups; otherwise write it like {example}.",
        )
    minor = int(whole + part.ljust(digits, "0")) if len(whole) <= 15 and len(part) <= digits else MOST_MINOR + 1
    if minor > MOST_MINOR:
        raise _no_amount(text, currency, name, f"Write it like {example}.")
    return -minor if found["sign"] == "-" else minor


def _no_amount(text: str, currency: str, name: str, remedy: str) -> InvalidValue:
    return InvalidValue(f"This is not an amount in {currency}.", field=name, value=text[:40], remedy=remedy)
