"""Self-service, now: what is to be paid, what is used and left, as it changes; and how the brand looks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from api.dependencies import ContainerDep
from api.event_stream import COMMENT, EventStream, event
from api.portal.looks import colours_css
from api.portal.pages import Words, page, rendered
from api.portal.session import Visitor, VisitorDep
from billing.domain.errors import NotFound
from billing.services.balance_watch import Reader
from billing.services.usage_balance import AccountBalance

router = APIRouter(prefix="/my", tags=["self-service"], include_in_schema=False)
BRAND_MINUTES = {"Cache-Control": "public, max-age=300"}
SVG_HEADERS = BRAND_MINUTES | {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}


@router.get("")
async def now(visitor: VisitorDep) -> Response:
    """To pay, used, left, limits."""
    money = await visitor.container.customer_money.now(visitor.account, visitor.brand)
    services = await visitor.container.accounts.services_of(visitor.account_id)
    restricted = [one.identifier for one in services if one.barring_level != "none" and one.active_to is None]
    shown = await _usage(visitor)
    return page("now.html", visitor.look, section="now", money=money, restricted=restricted, **shown)


async def _usage(visitor: Visitor) -> dict[str, Any]:
    try:
        balance = await visitor.container.usage.balance(visitor.account_id)
    except NotFound:  # an account without a cycle has used nothing
        return {"balance": None}
    return _shown(visitor, balance)


def _shown(visitor: Visitor, balance: AccountBalance) -> dict[str, Any]:
    words = Words(visitor.look.language)
    left_out = dict.fromkeys(name for view in balance.limits for name in view.use.excludes)
    names = {line.service_id: line.identifier for line in balance.services}
    return {
        "balance": balance,
        "names": {"": ""} | {view.use.limit.scope.service_id: "" for view in balance.limits} | names,
        "excluded": ", ".join(words[name] for name in left_out),
    }


@router.get("/balance")
async def follow(
    visitor: VisitorDep, seen: Annotated[str, Header(alias="Last-Event-ID", max_length=100)] = ""
) -> Response:
    """The part of the page about usage, again whenever it changes; ends with the session."""
    reader = await visitor.container.balance_watch.follow(visitor.account_id, seen)
    return EventStream(_events(visitor, reader), lambda: visitor.container.balance_watch.leave(reader))


async def _events(visitor: Visitor, reader: Reader) -> AsyncIterator[bytes]:
    async for change in reader.changes():
        if not await visitor.container.customer_sessions.is_running(visitor.session):
            return
        if change is None:
            yield COMMENT
        else:
            html = rendered("_usage.html", visitor.look, **_shown(visitor, change.balance))
            yield event("usage", json.dumps({"html": html}), change.mark)


@router.get("/brand/{brand}.css")
async def colours(brand: str, container: ContainerDep) -> Response:
    """The brand's colour; ours where the brand is not known."""
    return Response(
        colours_css(await container.portal_looks.head_of(brand)), media_type="text/css", headers=BRAND_MINUTES
    )


@router.get("/brand/{brand}.svg")
async def logo(brand: str, container: ContainerDep) -> Response:
    """The brand's logo, as a picture that can do nothing. Raises NotFound without one."""
    head = await container.portal_looks.head_of(brand)
    if head is None or not head.logo:
        raise NotFound("There is no such logo.", field="brand", value=brand)
    return Response(head.logo, media_type="image/svg+xml", headers=SVG_HEADERS)
