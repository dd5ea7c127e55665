"""Lines of issued invoices: what names one, and what the customer owes for it with its discount and VAT.

A document never changes, so the place of a line names it for good. A line is printed net and before the discounts of
the invoice; what is owed for it is its part of what its VAT rate comes to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from billing.domain import identity
from billing.domain.errors import InvalidValue

_LINE_ID = re.compile(rf"({identity.INVOICE}_(?:0|[1-9][0-9]{{0,17}}))\.([1-9][0-9]{{0,8}})")


def line_id(invoice_id: str, position: int) -> str:
    """The name of a line: ``inv_1042.3`` is the third line of ``inv_1042``."""
    return f"{invoice_id}.{position}"


def position_of(name: str, invoice_id: str) -> int:
    """The place, from 1, behind a line's name. Raises InvalidValue for anything else, or a line of another invoice."""
    found = _LINE_ID.fullmatch(name)
    if found is None or found[1] != invoice_id:
        raise InvalidValue(
            f"{name!r} names no line of {invoice_id}.",
            field="line_id",
            value=name,
            remedy=f"Use a line_id of GET /v1/accounts/{{account_id}}/invoices/{invoice_id}, like {invoice_id}.1.",
        )
    return int(found[2])


def gross_by_line(
    net_minor: Mapping[int, int], rate_net_minor: int, rate_vat_minor: int, percent: Decimal
) -> dict[int, int]:
    """What is owed for each line of one VAT rate, in minor units; ``net_minor`` are all lines of that rate by place.

    Each has its share of what the rate comes to after discounts, and together they are exactly that: a share ends where
    the next begins, so no cent is lost between them. Where the lines of a rate cancel out there are no shares, and each
    is taken with its own VAT, half up.
    """
    whole = sum(net_minor.values())
    if whole == 0:
        return {place: _half_up(net * (100 + percent) / 100) for place, net in net_minor.items()}
    gross, passed, shares = rate_net_minor + rate_vat_minor, 0, dict[int, int]()
    for place, net in sorted(net_minor.items()):
        begins = _half_up(Decimal(gross * passed) / whole)
        passed += net
        shares[place] = _half_up(Decimal(gross * passed) / whole) - begins
    return shares


def _half_up(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
