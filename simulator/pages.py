"""Pages for people: what was sent (the inbox), and where everything is (the index). Everything shown is escaped."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from simulator.doors import answer_json
from simulator.sendgrid import attachment_headers
from simulator.store import Json, Transaction
from simulator.world import World

LINK = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]]")
PAGE_SIZE = 50
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@lru_cache(maxsize=1)
def _templates() -> Environment:
    folder = Path(__file__).with_name("templates")
    templates = Environment(loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    templates.filters["links"] = with_links
    templates.filters["moment"] = moment
    return templates


def page(name: str, status: int = 200, **values: Any) -> Response:
    """A page from a template, with headers that let nothing foreign run."""
    return HTMLResponse(_templates().get_template(name).render(values), status, SECURITY_HEADERS)


def with_links(text: str) -> Markup:
    """Escaped text whose web addresses can be clicked."""
    parts, place = [], 0
    for match in LINK.finditer(text):
        parts.append(escape(text[place : match.start()]))
        address = escape(match.group())
        parts.append(Markup('<a href="{0}" target="_blank" rel="noopener">{0}</a>').format(address))
        place = match.end()
    return Markup("").join([*parts, escape(text[place:])])


def moment(text: str) -> str:
    """An instant as people read it."""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%a %d %b %Y %H:%M:%S")


def framed(html: str) -> str:
    """An email's own HTML for a sandboxed frame: no script runs, links open beside it."""
    return f'<base target="_blank">{html}'


def routes(world: World) -> list[BaseRoute]:
    """The index, the inbox in two forms, one message, one attachment."""

    async def index(request: Request) -> Response:
        return page("index.html", **await world.store.run(_overview))

    async def inbox(request: Request) -> Response:
        to, number = request.query_params.get("to", "").strip(), _number(request, "page", 1)
        messages = await world.store.run(lambda tx: inbox_messages(tx, to, number * PAGE_SIZE + 1))
        shown = messages[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        more = len(messages) > number * PAGE_SIZE
        now = world.store.business_time.now().isoformat()
        return page("inbox.html", messages=shown, to=to, number=number, more=more, now=now)

    async def inbox_json(request: Request) -> Response:
        to = request.query_params.get("to", "").strip()
        limit = _number(request, "limit", 100_000)
        return answer_json(200, {"messages": await world.store.run(lambda tx: inbox_messages(tx, to, limit))})

    async def message(request: Request) -> Response:
        identity = str(request.path_params["id"])
        found = await world.store.run(lambda tx: tx.get("email", identity) or tx.get("sms", identity))
        if found is None:
            return page("notice.html", 404, title="No such message", text="The inbox has no message of that address.")
        return page("message.html", message=_shown(found), frame=framed(found.get("html", "")))

    async def attachment(request: Request) -> Response:
        identity = str(request.path_params["id"])
        found = await world.store.run(lambda tx: tx.get("attachment", identity))
        if found is None:
            return page("notice.html", 404, title="No such attachment", text="It is not in the inbox.")
        content = base64.b64decode(found["content"])
        return Response(content, headers=attachment_headers(found["name"]), media_type="application/octet-stream")

    return [
        Route("/", index),
        Route("/inbox", inbox),
        Route("/inbox.json", inbox_json),
        Route("/inbox/attachments/{id}", attachment),
        Route("/inbox/{id}", message),
    ]


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return max(1, int(text)) if text.isdigit() and len(text) < 7 else default


def _overview(tx: Transaction) -> Json:
    kinds = ("customer", "payment_intent", "refund", "dispute", "email", "sms", "network_order", "event")
    return {
        "counts": {kind.replace("_", " "): tx.count(kind) for kind in kinds},
        "business": tx.business_now.isoformat(),
        "real": tx.real_now.isoformat(),
        "rate": tx.business_time.segment.rate,
    }


def inbox_messages(tx: Transaction, to: str = "", limit: int = 100_000) -> list[Json]:
    """The newest emails and SMS, newest first; ``to`` keeps the recipients that contain it."""
    containing = ("to", to) if to else None
    found = [_shown(body) for kind in ("email", "sms") for body in tx.find(kind, limit=limit, containing=containing)]
    return sorted(found, key=lambda message: message["real_time"], reverse=True)[:limit]


def _shown(body: Json) -> Json:
    sms = "body" in body
    return {
        "id": body["id"],
        "channel": ("whatsapp" if body["to"].startswith("whatsapp:") else "sms") if sms else "email",
        "to": body["to"],
        "from": body["from"] if sms else body["from"].get("name") or body["from"]["email"],
        "subject": "" if sms else body["subject"],
        "text": body["body"] if sms else body["text"],
        "html": "" if sms else body["html"],
        "attachments": [] if sms else body["attachments"],
        "status": body["status"],
        "custom_args": {} if sms else body["custom_args"],
        "segments": int(body["num_segments"]) if sms else None,
        "links": LINK.findall(body["body"] if sms else f"{body['text']}\n{body['html']}"),
        "real_time": body["_sim"]["real"],
        "business_time": body["_sim"]["business"],
    }
