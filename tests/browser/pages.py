"""Every page of the application: what is shown in a browser under /console, /my, /pay, /methods and /docs.

A new page appears here by itself. When its address has a part that nothing below knows, or it is no page at all, the
test that compares this list with the application's routes says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Mount, Route

PREFIXES = ("/console", "/my", "/pay", "/methods", "/docs")
OPERATOR, CUSTOMER, NOBODY = "operator", "customer", "nobody"
_PART = re.compile(r"\{(\w+)(?::\w+)?\}")
# Addresses under the same prefixes that are no pages, by how they end, and why.
DOWNLOADS = (".pdf", ".csv", ".xml", ".css", ".svg", ".txt", ".json")
NO_PAGES = {
    "/my/balance": "the stream behind a page",
    "/my/language/{code}": "leads back to the page it was called from",
    "/my/link/{token}": "a link that signs in once",
    "/my/h/{token}": "leads to the page to sign in",
    "/my/pay/methods": "leads to /methods",
    "/my/accounts": "leads back where the customer has one account only",
    "/console/openid": "leads to the organisation's own sign-in",
    "/console/openid/back": "where that leads back to",
    "/console/accounts/{account_id}/balance/stream": "the stream behind a page",
    "/console/accounts/{account_id}/invoices/{file}": "a document to keep",
    "/console/catalogue/file": "a file to keep",
    "/console/templates/{brand}/{kind}/{channel}/{locale}/mail": "the mail in a frame of its page",
    "/console/{rest:path}": "what is left: the page that says that there is no such page",
}
# Parts of an address whose name alone does not say which value they take.
SPECIAL = {
    "/pay/{token}": "/pay/{paylink}",
    "/pay/{token}/done": "/pay/{paylink}/done",
    "/methods/{token}": "/methods/{methods}",
    "/methods/{token}/add/{kind}": "/methods/{methods}/add/sepa_debit",
    "/console/link/{word}": "/console/link/used-up",
    "/my/settings/contact/{change_id}": "/my/settings/contact/used-up",
    "/console/accounts/{account_id}/actions/{name}": "/console/accounts/{account_id}/actions/hold-until",
    "/console/usage/lookup": "/console/usage/lookup?identifier=%2B31612345678",
    "/console/usage/lookup/record": "/console/usage/lookup/record?source=csv&record_id=r-1",
    "/console/catalogue/edit": "/console/catalogue/edit?code=vonk-basis",
    "/console/catalogue/plans/{code}": "/console/catalogue/plans/vonk-basis",
    "/console/catalogue/plans/{code}/diff": "/console/catalogue/plans/vonk-basis/diff?before=1&after=1",
    "/console/policies/dunning/{code}": "/console/policies/dunning/default",
    "/console/policies/dunning/{code}/diff": "/console/policies/dunning/default/diff?before=1&after=1",
    "/console/policies/brands/{brand}/{part}": "/console/policies/brands/{brand}/cycle_policy",
    "/console/templates/{brand}/{kind}/{channel}/{locale}": "/console/templates/{brand}/ready/email/en",
    "/console/templates/{brand}/{kind}/{channel}/{locale}/diff": (
        "/console/templates/{brand}/reminder/sms/en/diff?before=0&after=0"
    ),
    "/console/search": "/console/search?q=vries",
    "/methods/{token}/done": "/methods/{methods}/done?session=cs_none",
}
# Pages that are reached otherwise than by a route's own address.
FURTHER = {
    "/console/accounts/acc_999": OPERATOR,
    "/console/nothing-here": OPERATOR,
    "/pay/forged": NOBODY,
    "/methods/forged": NOBODY,
}
BEFORE_SIGNING_IN = ("/my/sign-in", "/console/sign-in", "/docs", "/pay", "/methods")


@dataclass(frozen=True)
class Shown:
    """One page: the route it belongs to, its address without the host, and who looks at it."""

    route: str
    address: str
    looker: str

    @property
    def name(self) -> str:
        """As a file may be called."""
        return re.sub(r"[^a-z0-9]+", "-", self.route.lower()).strip("-") or "home"


def page_routes(app: FastAPI) -> list[str]:
    """The paths of all GET routes that show a page, sorted."""
    found = {path for route in _routes(app.routes) if "GET" in (route.methods or ()) for path in (route.path,)}
    under = {path for path in found if any(path == prefix or path.startswith(f"{prefix}/") for prefix in PREFIXES)}
    return sorted(path for path in under if path not in NO_PAGES and not path.endswith(DOWNLOADS))


def _routes(routes: Sequence[BaseRoute]) -> Iterator[Route]:
    """Those of included routers too, which the framework keeps whole."""
    for route in routes:
        included = getattr(route, "original_router", route)
        if isinstance(included, Route):
            yield included
        elif isinstance(included, Mount | APIRouter):
            yield from _routes(included.routes)


def all_pages(app: FastAPI, values: dict[str, str]) -> list[Shown]:
    """Every page with its address; KeyError names the part of a path that has no value."""
    pages = [Shown(path, _filled(path, values), _looker(path)) for path in page_routes(app)]
    return pages + [Shown(path, path, looker) for path, looker in FURTHER.items()]


def _filled(path: str, values: dict[str, str]) -> str:
    return _PART.sub(lambda part: values[part[1]], SPECIAL.get(path, path))


def _looker(path: str) -> str:
    if path.startswith(BEFORE_SIGNING_IN):
        return NOBODY
    return CUSTOMER if path.startswith("/my") else OPERATOR
