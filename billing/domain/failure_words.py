"""Why a payment failed, in a clerk's words: the category decides what happens, the scheme's code says why."""

from __future__ import annotations

from billing.domain import bacs
from billing.domain.retry import FailureCategory
from billing.domain.sepa_reasons import RETURN_REASONS

CATEGORIES: dict[str, str] = {
    FailureCategory.FUNDS: "not enough money",
    FailureCategory.TECHNICAL: "a technical failure",
    FailureCategory.NEEDS_CUSTOMER: "the customer must act",
    FailureCategory.METHOD_DEAD: "the payment method cannot be used any more",
    FailureCategory.MANDATE_DEAD: "there is no valid mandate",
    FailureCategory.CUSTOMER_REFUSED: "the customer refused",
    FailureCategory.HARD_STOP: "never to be tried again",
    FailureCategory.MERCHANT_ERROR: "our own mistake",
    FailureCategory.DUPLICATE: "taken for a duplicate",
}


def category_in_words(category: str) -> str:
    """A category as a clerk reads it; one that is not known as it is written."""
    return CATEGORIES.get(category, category.replace("_", " "))


def code_in_words(code: str) -> str:
    """What a scheme's or provider's code says: SEPA and Bacs by their tables, a provider's word as words.

    Empty for no code.
    """
    written = code.strip()
    if written.upper() in RETURN_REASONS:
        return RETURN_REASONS[written.upper()].meaning
    if written.upper() in bacs.REPORTS:
        return bacs.REPORTS[written.upper()].meaning
    return written.replace("_", " ")
