"""Rendering of self-service: pages, words, amounts, dates and quantities as the customer's language writes them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import yaml
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from api.portal.looks import Look, accepted_language
from billing.domain.cycle_calendar import zone_info
from billing.domain.money import Money
from billing.domain.rating import Counts, MeterDisplay
from billing.services.notice_words import DEFAULT_LANGUAGE
from billing.services.usage_words import written_usage

_log = logging.getLogger(__name__)
HOME = "/my"
SIGN_IN = "/my/sign-in"
# A path below ours in plain characters: no second slash in a row, no dots that climb, no address of another site.
_OURS = re.compile(r"/my(/[A-Za-z0-9_-]+(\.[A-Za-z0-9]+)?)*")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Robots-Tag": "noindex, nofollow",
}
_environment = Environment(
    loader=PackageLoader("api.portal"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


class Words:
    """The words of a language, filled where they have places: ``words.until(date="1 May")``."""

    def __init__(self, language: str) -> None:
        self._words = words_of(language)

    def __getitem__(self, name: str) -> str:
        return self._words[name]

    def __contains__(self, name: str) -> bool:
        return name in self._words

    def fill(self, name: str, **values: object) -> str:
        """One text with its values."""
        return self._words[name].format(**values)


class Writer:
    """Writes for one look."""

    def __init__(self, look: Look) -> None:
        self._locale = look.locale
        self.zone = zone_info(look.zone)

    def amount(self, amount_minor: int, currency: str) -> str:
        return str(format_currency(Money(amount_minor, currency).decimal, currency, locale=self._locale))

    def day(self, day: date) -> str:
        return str(format_date(day, "long", locale=self._locale))

    def day_before(self, day: date) -> str:
        """The last day of a half-open period."""
        return self.day(day - timedelta(days=1))

    def moment(self, instant: datetime) -> str:
        """Local date and time."""
        return str(format_datetime(instant.astimezone(self.zone), "medium", locale=self._locale))

    def local_day(self, instant: datetime) -> str:
        return self.day(instant.astimezone(self.zone).date())

    def quantity(self, quantity: int, meter: str, displays: Mapping[str, MeterDisplay]) -> str:
        """As the plan says that its meter is shown, time in minutes; ``displays`` by meter."""
        display = displays.get(meter) or MeterDisplay.by_name(meter)
        if display.counts is Counts.SECONDS:
            return f"{format_decimal(quantity / 60, '#,##0.##', locale=self._locale)} min"
        return written_usage(quantity, display, self._locale)


@cache
def words_of(language: str) -> Mapping[str, str]:
    """All words of a language, flat."""
    source = files("api.portal").joinpath("words", f"{language}.yaml").read_text(encoding="utf-8")
    found: Mapping[str, str] = yaml.safe_load(source)
    return found


def page(template: str, look: Look, status: int = 200, **values: Any) -> HTMLResponse:
    """One page."""
    return HTMLResponse(rendered(template, look, **values), status, HEADERS)


def rendered(template: str, look: Look, **values: Any) -> str:
    """A page or a part of one, as HTML."""
    given = {"told": "", "is_problem": False, "section": ""} | values
    return _environment.get_template(template).render(
        look=look, words=Words(look.language), write=Writer(look), **given
    )


def back_to(path: str) -> RedirectResponse:
    """See another page: what a form is answered with, so that loading again sends nothing again."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, HEADERS)


def page_of_ours(path: str) -> str:
    """The same path when it is a page of self-service that somebody may be led to after signing in, else nothing.

    Never another site's address, however it is written, and none that signs in or out.
    """
    if not _OURS.fullmatch(path) or path.startswith((SIGN_IN, "/my/sign-out", "/my/link", "/my/h/")):
        return ""
    return path


def error_page(request: Request, problem: dict[str, Any]) -> Response:
    """In plain words; the page to sign in where nobody is signed in. Nothing of the refusal is shown."""
    status = problem["status"]
    if status == HTTPStatus.UNAUTHORIZED:
        wanted = request.url.path if request.method == "GET" else HOME
        return back_to(f"{SIGN_IN}?next={quote(wanted)}")
    if status == HTTPStatus.NOT_FOUND and hasattr(request.state, "account_id"):
        _log.warning("%s asked for %s, which is not there or not theirs", request.state.account_id, request.url.path)
    language = accepted_language(request) or DEFAULT_LANGUAGE
    look = getattr(request.state, "look", None) or Look(language=language, locale=language)
    known = {404: "missing", 403: "stale", 429: "too_many"}.get(status, "wrong" if status < 500 else "away")
    return page("error.html", look, status, which=known)
