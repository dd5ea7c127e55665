"""Collecting in figures: the stages of a month's invoices, and a forecast weighted by how debits went before."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

# Below so many ended first debits a share says nothing about the next ones.
FEWEST_TRIES = 20


class Stage(StrEnum):
    """What became of the money of a month's invoices; ``MONEY_STAGES`` add up to what was invoiced."""

    INVOICED = "invoiced"
    ANNOUNCED = "announced"  # a ready notice of it left
    TRIED = "tried"  # its first debit ended
    TRIED_PAID = "tried_paid"  # its first debit was paid, also where the bank took it back later
    FIRST_TRY = "first_try"  # paid by the invoice's first debit
    RETRY = "retry"  # paid by a later debit
    PAYLINK = "paylink"  # paid on the pay page
    TRANSFER = "transfer"  # the customer transferred it unasked
    CREDIT = "credit"  # credit that was held, or a credit note
    WRITTEN_OFF = "written_off"
    TAKEN_BACK = "taken_back"  # paid, and the bank took it back: negative, for it is open or paid again
    OTHER = "other"  # booked in another way
    DUNNING = "dunning"  # open, in an open dunning case
    OPEN = "open"  # open otherwise


_OF_THE_INVOICE = (Stage.INVOICED, Stage.ANNOUNCED, Stage.TRIED, Stage.TRIED_PAID)
MONEY_STAGES = tuple(stage for stage in Stage if stage not in _OF_THE_INVOICE)


def success_rate(paid: int, ended: int) -> Decimal | None:
    """The share of first debits that were paid, 0 to 1; None while too few ended to tell."""
    return None if ended < FEWEST_TRIES else Decimal(paid) / Decimal(ended)


def weighted(amounts: Mapping[str, int], rates: Mapping[str, Decimal | None]) -> int:
    """What amounts by kind of method come to at these rates; a kind without a rate counts whole. Half to even."""
    total = sum((amount * _rate_of(kind, rates) for kind, amount in amounts.items()), Decimal(0))
    return int(total.quantize(Decimal(1), ROUND_HALF_EVEN))


def _rate_of(kind: str, rates: Mapping[str, Decimal | None]) -> Decimal:
    rate = rates.get(kind)
    return Decimal(1) if rate is None else rate
