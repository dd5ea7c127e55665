"""Rendering of the pages behind a signed address, in the look of self-service: the brand's colour, logo and language.

The address itself is the permission, so it leaks nowhere: no referrer, no cache, no index, no script.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import yaml
from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.container import Container
from api.portal.looks import Look, accepted_language
from api.portal.pages import Writer
from billing.services.notice_words import DEFAULT_LANGUAGE, read_locale

HEADERS = {
    # The button's answer leads to the provider, whose address differs between live and test: forms may go to any page.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self' https: http:",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
_environment = Environment(
    loader=PackageLoader("api.pay"), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
)


async def look_of(container: Container, brand: str, locale: str) -> Look:
    """How the pages of a brand look to a customer of this locale."""
    look = await container.portal_looks.of_brand(brand, "")
    known = read_locale(locale, look.locale)
    return Look(look.brand, look.name, known.language, str(known), look.zone, has_logo=look.has_logo)


def nobodys_look(request: Request) -> Look:
    """Behind an address that is not valid: no brand, in a language the browser wants."""
    language = accepted_language(request) or DEFAULT_LANGUAGE
    return Look(language=language, locale=language)


def error_page(request: Request, problem: dict[str, Any]) -> Response:
    """In plain words, in the customer's language where the address is theirs; nothing of the refusal is shown."""
    status = problem["status"]
    look = getattr(request.state, "look", None) or nobodys_look(request)
    known = {404: "gone", 429: "too_many"}.get(status, "wrong" if status < 500 else "away")
    root, _, token = request.scope["path"].strip("/").partition("/")
    # Who was asked to try again goes to the page, or looks again at what became of the payment.
    home = f"/{root}/{quote(token.partition('/')[0])}"
    back = "" if known in ("gone", "too_many") else f"{home}/done" if _is_return(request) else home
    return page("error", look, status, state=known, back=back)


def _is_return(request: Request) -> bool:
    path: str = request.scope["path"]
    return request.method == "GET" and path.startswith("/pay/") and path.endswith("/done")


def page(template: str, look: Look, status: int = 200, **values: Any) -> HTMLResponse:
    """One page; its words are those of ``<template>.yaml`` in the language of the look."""
    words = words_of(template, look.language)
    html = _environment.get_template(f"{template}.html").render(
        look=look, words=words, write=Writer(look), **({"told": "", "is_problem": False} | values)
    )
    return HTMLResponse(html, status, HEADERS)


@cache
def _all_words(name: str) -> Mapping[str, Mapping[str, str]]:
    found: Mapping[str, Mapping[str, str]] = yaml.safe_load(
        files("api.pay").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    )
    return found


def words_of(name: str, language: str) -> Mapping[str, str]:
    """The words of a page in a language."""
    return _all_words(name)[language]
