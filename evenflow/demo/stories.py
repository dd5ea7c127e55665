"""The stories of the demonstration: who pays how, who does not, and on which day it shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Story(StrEnum):
    """What one account is there to show."""

    DEBIT = "pays by direct debit"
    CARD = "pays by card"
    EARLY = "pays early by itself"
    DECLINED_PAYLINK = "declined, then pays by paylink"
    DECLINED_RETRY = "declined, retried, paid"
    DEBIT_FAILS_LATER = "direct debit fails days later"
    AUTHENTICATION = "bank asks for authentication"
    SOFT_BAR = "ignores all until barred, then pays"
    FULL_BAR = "ignores all to the full bar"
    DISPUTE = "disputes the bill"
    CHARGEBACK = "chargeback after the thank-you"
    MANDATE_REVOKED = "revokes the mandate"
    ZERO_INVOICE = "zero invoice"
    CREDIT_INVOICE = "credit invoice"
    BUSINESS = "business customer abroad"
    QUIET = "pays, month after month"
    BANK_FILE = "is debited by a file to the bank"


@dataclass(frozen=True, slots=True)
class Setting:
    """How the account of a story is set up.

    ``method`` is one of the provider's documented test methods or ``bank_file``, ``script`` its outcomes.
    ``days`` are how many business days after the cycle closed the story needs to be over.
    """

    story: Story
    brand: str
    cycle_day: int
    plans: tuple[str, ...]
    method: str
    days: int
    script: tuple[Any, ...] = ()
    discounts: tuple[dict[str, Any], ...] = ()
    credit_minor: int = 0


# In the order in which a smaller demonstration takes them. Barring takes longest, so it closes first.
SETTINGS: tuple[Setting, ...] = (
    Setting(Story.CARD, "brio", 1, ("brio-more",), "pm_card_visa", 21),
    Setting(Story.DEBIT, "vonk", 4, ("vonk-plus",), "pm_sepaDebit_success_de", 24),
    Setting(Story.SOFT_BAR, "vonk", 3, ("vonk-plus", "vonk-thuis"), "pm_card_chargeCustomerFail", 44),
    Setting(Story.EARLY, "vonk", 5, ("vonk-basis",), "pm_sepaDebit_success_at", 10),
    Setting(
        Story.ZERO_INVOICE,
        "vonk",
        6,
        ("vonk-basis",),
        "pm_card_mastercard",
        6,
        discounts=({"code": "staff", "name": "Medewerker", "percent": "100"},),
    ),
    Setting(Story.DECLINED_PAYLINK, "brio", 7, ("brio-light",), "pm_card_visa", 26, script=("insufficient_funds",)),
    Setting(Story.FULL_BAR, "brio", 2, ("brio-more",), "pm_card_chargeCustomerFail", 54),
    Setting(Story.DECLINED_RETRY, "vonk", 8, ("vonk-plus",), "pm_card_visa", 34, script=("insufficient_funds",)),
    Setting(
        Story.DEBIT_FAILS_LATER,
        "vonk",
        9,
        ("vonk-basis",),
        "pm_sepaDebit_success_de",
        34,
        script=({"outcome": "insufficient_funds", "business_days": 4},),
    ),
    Setting(Story.AUTHENTICATION, "brio", 10, ("brio-more",), "pm_card_visa", 26, script=("authentication_required",)),
    Setting(Story.DISPUTE, "vonk", 11, ("vonk-plus",), "pm_card_chargeCustomerFail", 30),
    Setting(Story.CHARGEBACK, "brio", 12, ("brio-light",), "pm_card_visa", 28),
    Setting(Story.MANDATE_REVOKED, "vonk", 13, ("vonk-basis",), "pm_sepaDebit_success_fr", 26),
    Setting(Story.CREDIT_INVOICE, "brio", 14, ("brio-light",), "pm_card_visa", 6, credit_minor=-20_000),
    Setting(Story.BUSINESS, "vonk", 15, ("vonk-zakelijk", "vonk-zakelijk"), "pm_sepaDebit_success_be", 24),
)
# A mandate that the operator holds itself: debited by a file to its own bank.
BANK_FILE = "bank_file"
# How everybody else pays, in turn.
QUIET_METHODS = {
    "vonk": ("pm_sepaDebit_success_de", "pm_card_visa", BANK_FILE, "pm_card_mastercard"),
    "brio": ("pm_card_visa", "pm_card_visa_debit", "pm_card_amex"),
}
QUIET_PLANS = {
    "vonk": (("vonk-basis",), ("vonk-plus",), ("vonk-plus", "vonk-basis"), ("vonk-basis", "vonk-thuis")),
    "brio": (("brio-light",), ("brio-more",), ("brio-more", "brio-light")),
}
QUIET_DISCOUNTS: tuple[tuple[dict[str, Any], ...], ...] = (
    (),
    (),
    ({"code": "loyal", "name": "Loyal customer", "percent": "5"},),
    ({"code": "welcome", "name": "Welcome", "amount": "2.50"},),
)
QUIET_DAYS = 24
