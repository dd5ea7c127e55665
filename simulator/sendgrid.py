"""Email in SendGrid's wire format: send, look up, signed event webhook.

Addresses at ``bounce.example`` bounce, later mails to them are dropped. Custom arguments are echoed into every event.
"""

from __future__ import annotations

import json
import re
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulator.doors import answer_json, serve
from simulator.store import Json, Transaction
from simulator.world import World

BOUNCING_DOMAIN = "bounce.example"
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
LOOKUP = re.compile(r"(to_email|msg_id|unique_args\['([^']+)'\])=\"([^\"]*)\"")
FAILURE: Json = {"errors": [{"message": "Internal server error, as asked for.", "field": None, "help": None}]}
BUSY: Json = {"errors": [{"message": "too many requests", "field": None, "help": None}]}


class SendGridRefusal(Exception):
    """A refusal that names the field."""

    def __init__(self, message: str, field: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"errors": [{"message": message, "field": field, "help": None}]}


def routes(world: World) -> list[BaseRoute]:
    """The endpoints under ``/sendgrid``."""

    async def send(request: Request) -> Response:
        try:
            _authenticated(request)
            mail = _parsed(await request.body())
            if ((mail.get("mail_settings") or {}).get("sandbox_mode") or {}).get("enable"):
                return Response(status_code=200)
            message_id = await world.store.run(lambda tx: take(world, tx, mail))
        except SendGridRefusal as refusal:
            return answer_json(refusal.status, refusal.body)
        return Response(status_code=202, headers={"X-Message-Id": message_id})

    async def search(request: Request) -> Response:
        try:
            _authenticated(request)
        except SendGridRefusal as refusal:
            return answer_json(refusal.status, refusal.body)
        query = request.query_params.get("query", "")
        limit = int(request.query_params.get("limit", "10"))
        return answer_json(200, {"messages": await world.store.run(lambda tx: _found(tx, query)[:limit])})

    return [
        Route("/v3/mail/send", serve(world, send, FAILURE, BUSY), methods=["POST"]),
        Route("/v3/messages", serve(world, search, FAILURE, BUSY), methods=["GET"]),
    ]


def _authenticated(request: Request) -> None:
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not key.startswith("SG.sim"):
        raise SendGridRefusal(
            "The provided authorization grant is invalid; simulator keys begin with SG.sim.", None, 401
        )


def _parsed(body: bytes) -> Json:
    try:
        mail = json.loads(body)
    except ValueError:
        raise SendGridRefusal("Bad Request: the body is not JSON.") from None
    if not isinstance(mail, dict) or not mail.get("personalizations"):
        raise SendGridRefusal("The personalizations field is required and must have at least one.", "personalizations")
    if not ADDRESS.fullmatch(str((mail.get("from") or {}).get("email", ""))):
        raise SendGridRefusal("The from object must be provided with a valid email address.", "from.email")
    if not mail.get("template_id") and not mail.get("content"):
        raise SendGridRefusal("The content field is required.", "content")
    for number, personal in enumerate(mail["personalizations"]):
        _check_personalization(mail, number, personal)
    return mail


def _check_personalization(mail: Json, number: int, personal: Json) -> None:
    place = f"personalizations.{number}"
    if not personal.get("to"):
        raise SendGridRefusal("The to array is required for all personalization objects.", f"{place}.to")
    for group in ("to", "cc", "bcc"):
        for address in personal.get(group) or []:
            if not ADDRESS.fullmatch(str(address.get("email", ""))):
                raise SendGridRefusal("Does not contain a valid address.", f"{place}.{group}")
    if not personal.get("subject") and not mail.get("subject") and not mail.get("template_id"):
        raise SendGridRefusal("The subject is required.", "subject")


def take(world: World, tx: Transaction, mail: Json) -> str:
    """Accept a mail: one inbox entry and one chain of events per recipient. Gives the message id."""
    message_id = secrets.token_urlsafe(16)[:22]
    attachments = [_keep_attachment(tx, part) for part in mail.get("attachments") or []]
    for number, personal in enumerate(mail["personalizations"]):
        for group in ("to", "cc", "bcc"):
            for address in personal.get(group) or []:
                email = _email(tx, mail, personal, address, f"{message_id}.sim-{number}", attachments)
                _start_events(world, tx, tx.save("email", email))
    return message_id


def _keep_attachment(tx: Transaction, part: Json) -> Json:
    identity = f"att_{secrets.token_hex(12)}"
    kind = part.get("type") or "application/octet-stream"
    kept = {"id": identity, "content": part.get("content", ""), "type": kind, "name": part.get("filename", "file")}
    tx.save("attachment", kept)
    return {"id": identity, "name": kept["name"], "type": kind}


def _email(tx: Transaction, mail: Json, personal: Json, address: Json, message_id: str, attachments: Any) -> Json:
    contents = {part["type"]: str(part["value"]) for part in mail.get("content") or []}
    values = {**(personal.get("dynamic_template_data") or {})}
    if mail.get("template_id") and not contents:
        contents = {"text/plain": f"Template {mail['template_id']}\n{json.dumps(values, indent=2)}"}
    replacements = personal.get("substitutions") or {}
    for old, new in replacements.items():
        contents = {kind: text.replace(old, str(new)) for kind, text in contents.items()}
    return {
        "id": f"mail_{secrets.token_hex(12)}",
        "message_id": message_id,
        "to": str(address["email"]),
        "to_name": address.get("name"),
        "from": mail["from"],
        "subject": personal.get("subject") or mail.get("subject") or "",
        "text": contents.get("text/plain", ""),
        "html": contents.get("text/html", ""),
        "attachments": attachments,
        "categories": mail.get("categories") or [],
        "custom_args": {**(mail.get("custom_args") or {}), **(personal.get("custom_args") or {})},
        "status": "processed",
        "created": tx.epoch,
        "_sim": {"real": tx.real_now.isoformat(), "business": tx.business_now.isoformat()},
    }


def _start_events(world: World, tx: Transaction, email: Json) -> None:
    if tx.get("suppression", email["to"].lower()):
        steps = ["dropped"]
    elif email["to"].lower().endswith(f"@{BOUNCING_DOMAIN}"):
        steps = ["processed", "bounce"]
    else:
        steps = ["processed", "delivered"]
    for number, event in enumerate(steps):
        due = tx.real_now + timedelta(seconds=world.config.message_step_seconds * number)
        tx.schedule("email_event", {"email": email["id"], "event": event}, real=due)


def happen(world: World, tx: Transaction, job: Json) -> None:
    """An event of a mail: recorded, and told to the event webhook."""
    email = tx.get("email", job["email"])
    if email is None:
        return
    if job["event"] != "processed":
        email["status"] = job["event"]
        tx.save("email", email)
    if job["event"] in ("bounce", "spamreport"):
        tx.save("suppression", {"id": email["to"].lower(), "reason": job["event"]})
    event = _event(tx, email, job["event"])
    for url in world.webhook_urls(tx, "sendgrid"):
        world.deliveries.queue(tx, "sendgrid", url, job["event"], [event])


_EXTRAS: dict[str, Json] = {
    "bounce": {"reason": "550 5.1.1 The email account that you tried to reach does not exist", "status": "5.1.1",
               "type": "bounce", "bounce_classification": "Invalid Address"},
    "dropped": {"reason": "Bounced Address", "status": "5.0.0"},
    "delivered": {"response": "250 OK"},
    "deferred": {"response": "400 try again later", "attempt": "1"},
    "open": {"useragent": "Mozilla/5.0", "ip": "127.0.0.1"},
    "click": {"useragent": "Mozilla/5.0", "ip": "127.0.0.1", "url": "https://example.com/"},
}  # fmt: skip


def _event(tx: Transaction, email: Json, kind: str) -> Json:
    return {
        **email["custom_args"],
        **_EXTRAS.get(kind, {}),
        "email": email["to"],
        "event": kind,
        "category": email["categories"],
        "sg_event_id": secrets.token_urlsafe(16),
        "sg_message_id": email["message_id"],
        "smtp-id": f"<{email['id']}@simulator>",
        "timestamp": tx.epoch,
    }


def _found(tx: Transaction, query: str) -> list[Json]:
    conditions = [(match[1], match[2], match[3]) for match in LOOKUP.finditer(query)]
    return [_summary(email) for email in tx.find("email") if all(_fits(email, *one) for one in conditions)]


def _fits(email: Json, field: str, argument: str | None, value: str) -> bool:
    if field == "to_email":
        return bool(email["to"] == value)
    if field == "msg_id":
        return str(email["message_id"]).startswith(value)
    return str(email["custom_args"].get(argument)) == value


def _summary(email: Json) -> Json:
    shown = "not_delivered" if email["status"] in ("bounce", "dropped") else email["status"]
    return {
        "from_email": email["from"]["email"],
        "msg_id": email["message_id"],
        "subject": email["subject"],
        "to_email": email["to"],
        "status": shown,
        "opens_count": 0,
        "clicks_count": 0,
        "last_event_time": email["_sim"]["real"],
    }


def attachment_headers(name: str) -> dict[str, str]:
    """Headers that make a browser save the file and never run it."""
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
