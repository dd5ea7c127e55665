"""What a fee is called on an invoice, on the page behind the paylink and in self-service, per language."""

from __future__ import annotations

from billing.ports.accounts import Account, Brand
from billing.services.notice_words import read_locale

REMINDER, RECONNECTION = "reminder", "reconnection"
# As staff read it on the timeline.
ENGLISH = {REMINDER: "Reminder fee", RECONNECTION: "Reconnection fee"}
_NAMES = {
    "en": ENGLISH,
    "nl": {REMINDER: "Herinneringskosten", RECONNECTION: "Heraansluitkosten"},
    "fr": {REMINDER: "Frais de rappel", RECONNECTION: "Frais de remise en service"},
    "de": {REMINDER: "Mahngebühr", RECONNECTION: "Entsperrgebühr"},
    "es": {REMINDER: "Gastos de reclamación", RECONNECTION: "Gastos de reconexión"},
}
_WAIVED = {
    "en": "{fee} waived",
    "nl": "{fee} kwijtgescholden",
    "fr": "{fee} : remise",
    "de": "{fee} erlassen",
    "es": "{fee}: condonados",
}


def fee_name(kind: str, account: Account, brand: Brand, *, waived: bool = False) -> str:
    """In the account's language, or the brand's; ``waived``: as the line that takes the fee back says it."""
    language = read_locale(account.locale, brand.locale).language
    name = _NAMES[language][kind]
    return _WAIVED[language].format(fee=name) if waived else name
