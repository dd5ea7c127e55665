"""What stands at the head and the foot of every document: the seller, the customer, and the locale they read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from babel import Locale, UnknownLocaleError

from billing.domain.letterhead import Letterhead

_FALLBACK_LOCALE = "en_GB"


def known_locale(locale: str) -> str:
    """The locale as Babel knows it, British English for one it does not know."""
    try:
        return str(Locale.parse(locale.replace("-", "_")))
    except (UnknownLocaleError, ValueError, TypeError):
        return _FALLBACK_LOCALE


def brand_of(head: Letterhead, name: str, words: Mapping[str, str]) -> dict[str, Any]:
    """Name, colour and logo of a brand, and the legal line of its footer."""
    place = " ".join(part for part in (head.postcode, head.city) if part)
    vat = words["vat_of"].format(number=head.vat_number) if head.vat_number else ""
    legal = (head.legal_name, head.street, place, head.registration, vat, head.email, head.phone)
    return {"name": name, "colour": head.colour, "logo": head.logo, "legal": [part for part in legal if part]}


def address_of(customer: object) -> list[str]:
    """Company, name and postal address as lines; an erased customer has none."""
    data = customer if isinstance(customer, dict) else {}
    postal = data.get("postal_address") or {}
    town = f"{postal.get('postcode', '')} {postal.get('city', '')}".strip()
    return [str(line) for line in (data.get("company"), data.get("name"), postal.get("street"), town) if line]
