"""Rendering of the console's pages, and how amounts, times and words are written on them."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel.numbers import format_currency
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from billing.domain.money import Money

SIGN_IN = "/console/sign-in"


def amount(amount_minor: int, currency: str) -> str:
    """An amount as an operator reads it: €42.10."""
    return format_currency(Money(amount_minor, currency).decimal, currency, locale="en_GB")


def local_time(instant: datetime | None, zone: str = "UTC") -> str:
    """An instant in a zone: 1 Feb 2027, 13:00; a dash when there is none."""
    if instant is None:
        return "–"
    local = instant.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y, %H:%M}"


def count(number: int) -> str:
    """A large number in groups: 5,000,000."""
    return f"{number:,}"


def share(part: int, whole: int) -> str:
    """How much of a whole, in percent, rounded down: 100 % is really all of it."""
    return f"{100 * part // whole if whole else 0} %"


def words(code: str) -> str:
    """A code as words: payment_received is Payment received."""
    return code.replace("_", " ").replace("-", " ").capitalize()


_environment = Environment(
    loader=PackageLoader("api.console"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_environment.filters.update(amount=amount, count=count, local_time=local_time, share=share, words=words)


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """One page; without a ``visit`` it is one for somebody who is not signed in."""
    known = {"visit": None, "flash": None} | values
    return HTMLResponse(_environment.get_template(template).render(**known), status)


def error_page(request: Request, problem: dict[str, Any]) -> Response:
    """What went wrong and the way out; the sign-in page where nobody is signed in."""
    if problem["status"] == HTTPStatus.UNAUTHORIZED and not request.url.path.startswith(SIGN_IN):
        return RedirectResponse(f"{SIGN_IN}?next={quote(request.url.path)}", HTTPStatus.SEE_OTHER)
    visit = getattr(request.state, "visit", None)
    return page("error.html", problem["status"], problem=problem, visit=visit, title="This did not work")
