"""How self-service looks to one customer: brand, colour, language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from fastapi import Request

from billing.domain.letterhead import USUAL_COLOUR, Letterhead
from billing.ports.accounts import Account, Brand
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.letterheads import letterhead_at
from billing.services.notice_words import DEFAULT_LANGUAGE, LANGUAGES, read_locale

# How much lighter a colour must get before it reads on the dark background of the pages (WCAG 2.2, 1.4.3).
_STEPS = 20
_DARK_LUMINANCE = 0.0125
_LEAST_CONTRAST = 5.0


@dataclass(frozen=True)
class Look:
    """What every page needs. ``brand`` is empty where none is known yet; ``locale`` writes amounts and dates."""

    brand: str = ""
    name: str = ""
    language: str = DEFAULT_LANGUAGE
    locale: str = DEFAULT_LANGUAGE
    zone: str = "UTC"
    has_logo: bool = False
    is_signed_in: bool = False
    has_others: bool = False
    number: str = ""


class PortalLooks:
    """Reads them; what a brand looks like is asked for by every page, so it is read with the page's own brand."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def of_account(self, account: Account) -> tuple[Brand, Look]:
        """In the customer's language."""
        async with self._make_work() as work:
            brand = await work.accounts.brand(account.brand)
            head = await letterhead_at(work, brand, self._clock.now())
        return brand, _look(brand, head, account.locale, account.zone)

    async def of_brand(self, code: str, language: str, host: str = "") -> Look:
        """Before anybody is signed in: the brand of this code, else of this host, else the only one there is."""
        async with self._make_work() as work:
            brands = await work.accounts.brands()
            at_host = [one for one in brands if host and urlsplit(one.account_url).hostname == host]
            named = [one for one in brands if one.brand == code]
            known = next((found[0] for found in (named, at_host, brands) if len(found) == 1), None)
            if known is None:
                return Look(language=language or DEFAULT_LANGUAGE, locale=language or DEFAULT_LANGUAGE)
            head = await letterhead_at(work, known, self._clock.now())
        return _look(known, head, language or known.locale, known.zone)

    async def head_of(self, code: str) -> Letterhead | None:
        """What a brand's documents look like; None for an unknown brand."""
        async with self._make_work() as work:
            known = next((one for one in await work.accounts.brands() if one.brand == code), None)
            return None if known is None else await letterhead_at(work, known, self._clock.now())

    async def country_of(self, code: str) -> str:
        """The country by which national numbers are read; empty where the brand is not known."""
        async with self._make_work() as work:
            brands = await work.accounts.brands()
        known = [one.country for one in brands if one.brand == code] or sorted({one.country for one in brands})
        return known[0] if len(known) == 1 else ""

    def now(self) -> datetime:
        """Business time."""
        return self._clock.now()


def _look(brand: Brand, head: Letterhead, locale: str, zone: str) -> Look:
    written = read_locale(locale, brand.locale)
    return Look(brand.brand, brand.name, written.language, str(written), zone, has_logo=bool(head.logo))


def accepted_language(request: Request) -> str:
    """The first of our languages that the browser wants; empty for none."""
    for wanted in request.headers.get("accept-language", "").split(","):
        language = wanted.strip()[:2].lower()
        if language in LANGUAGES:
            return language
    return ""


def colours_css(head: Letterhead | None) -> str:
    """The brand's colour as a style sheet, lighter where the page is dark."""
    colour = head.colour if head is not None else USUAL_COLOUR
    dark = lightened(colour)
    return (
        f":root{{--brand:{colour};--on-brand:#fff}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{--brand:{dark};--on-brand:#101418}}}}\n"
    )


def lightened(colour: str) -> str:
    """The colour with as little white as makes it readable on our dark background."""
    parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    for step in range(_STEPS + 1):
        mixed = [round(part + (255 - part) * step / _STEPS) for part in parts]
        if (_luminance(mixed) + 0.05) / (_DARK_LUMINANCE + 0.05) >= _LEAST_CONTRAST:
            break
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _luminance(parts: list[int]) -> float:
    channels = [part / 255 for part in parts]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
