"""SMS and WhatsApp in Twilio's wire format: send, look up, list, status callbacks, incoming messages, opt-out.

States follow each other in real time: queued, sent, delivered; a story may end them with undelivered or failed. The
documented magic numbers are refused as the vendor refuses them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulator.doors import answer_json, serve
from simulator.store import Json, Transaction
from simulator.twilio_content import WHATSAPP, TwilioRefusal, filled_content, note_heard, refused_by_whatsapp
from simulator.world import World, new_sid

PREFIX = "/2010-04-01/Accounts/{account}/Messages"
NUMBER = re.compile(r"\+[1-9]\d{6,14}")
LONGEST_BODY = 1600
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
GSM_CHARACTERS = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€\x0c"
)

MAGIC_TO = {
    "+15005550001": (21211, "The 'To' number {} is not a valid phone number."),
    "+15005550002": (21612, "The 'To' phone number {} is not currently reachable via SMS."),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region of {}."),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient {}."),
    "+15005550009": (21614, "'To' number {} is not a valid mobile number."),
}
MAGIC_FROM = {
    "+15005550001": (21212, "The 'From' number {} is not a valid phone number."),
    "+15005550007": (21606, "The From phone number {} is not a valid, SMS-capable number of this account."),
    "+15005550008": (21611, "This 'From' number {} has exceeded the maximum number of queued messages."),
}
DEFAULT_STATES = ("sent", "delivered")


def routes(world: World) -> list[BaseRoute]:
    """The endpoints under ``/twilio``."""
    return [
        Route(f"{PREFIX}.json", _door(world, _send), methods=["POST"]),
        Route(f"{PREFIX}.json", _door(world, _list), methods=["GET"]),
        Route(f"{PREFIX}/{{sid}}.json", _door(world, _fetch), methods=["GET"]),
        Route("/2010-04-01/Accounts/{account}.json", _door(world, _account), methods=["GET"]),
    ]


Work = Callable[[World, Transaction, str, Json], tuple[int, Json]]


def _door(world: World, work: Work) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        try:
            account = _authenticated(world, request)
            form = await request.form() if request.method == "POST" else request.query_params
            given: Json = {**form, "sid": request.path_params.get("sid")}
            status, body = await world.store.run(lambda tx: work(world, tx, account, given))
        except TwilioRefusal as refusal:
            status, body = refusal.status, refusal.body
        return answer_json(status, body)

    failure = {"code": 20500, "message": "Internal server error, as asked for.", "more_info": "", "status": 500}
    busy = {"code": 20429, "message": "Too many requests", "more_info": "", "status": 429}
    return serve(world, answer, failure, busy)


def _authenticated(world: World, request: Request) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    try:
        sid, _, token = base64.b64decode(value).decode().partition(":")
    except ValueError:
        sid, token = "", ""
    account = str(request.path_params["account"])
    config = world.config
    if scheme.lower() != "basic" or (sid, token) != (config.twilio_account_sid, config.twilio_auth_token):
        raise TwilioRefusal(20003, "Authenticate: account sid or auth token is not the simulator's.", 401)
    if account != sid:
        raise TwilioRefusal(20404, f"The requested resource /2010-04-01/Accounts/{account} was not found.", 404)
    return account


def _send(world: World, tx: Transaction, account: str, form: Json) -> tuple[int, Json]:
    recipient, sender = _checked(tx, form)
    body = filled_content(tx, form) if form.get("ContentSid") else form["Body"]
    message: Json = {
        "id": new_sid("SM"),
        "account_sid": account,
        "body": body,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": sender,
        "messaging_service_sid": form.get("MessagingServiceSid"),
        "num_media": "0",
        "num_segments": "1" if recipient.startswith("whatsapp:") else str(count_segments(body)),
        "price": None,
        "price_unit": "USD",
        "status": "queued",
        "to": recipient,
        "created": tx.epoch,
        "sent": None,
        "updated": tx.epoch,
        "_sim": {
            "callback": form.get("StatusCallback"),
            "real": tx.real_now.isoformat(),
            "business": tx.business_now.isoformat(),
        },
    }
    tx.save("sms", message)
    steps = refused_by_whatsapp(tx, form, recipient) or _coming_states(tx, recipient)
    for number, state in enumerate(("queued", *steps["states"])):
        due = tx.real_now + timedelta(seconds=world.config.message_step_seconds * number)
        job = {"sid": message["id"], "state": state, "error_code": steps.get("error_code")}
        tx.schedule("sms_state", job, real=due)
    return 201, _public(message)


def _checked(tx: Transaction, form: Json) -> tuple[str, str]:
    recipient, sender = str(form.get("To") or ""), str(form.get("From") or form.get("MessagingServiceSid") or "")
    words = form.get("Body") or form.get("ContentSid")
    for value, code, name in ((recipient, 21604, "To"), (sender, 21603, "From"), (words, 21602, "Body")):
        if not value:
            raise TwilioRefusal(code, f"A '{name}' is required.")
    if len(str(form.get("Body") or "")) > LONGEST_BODY:
        raise TwilioRefusal(21617, "The concatenated message body exceeds the 1600 character limit.")
    bare = recipient.removeprefix("whatsapp:")
    if bare in MAGIC_TO:
        raise TwilioRefusal(MAGIC_TO[bare][0], MAGIC_TO[bare][1].format(bare))
    if sender in MAGIC_FROM:
        raise TwilioRefusal(MAGIC_FROM[sender][0], MAGIC_FROM[sender][1].format(sender))
    if not NUMBER.fullmatch(bare):
        raise TwilioRefusal(21211, f"The 'To' number {bare} is not a valid phone number.")
    if recipient.startswith("whatsapp:") and not sender.startswith("whatsapp:"):
        raise TwilioRefusal(21910, "Invalid From and To pair. From and To should be of the same channel.")
    if tx.get("sms_opt_out", recipient):
        raise TwilioRefusal(21610, f"Attempt to send to unsubscribed recipient {bare}.")
    return recipient, sender


def count_segments(body: str) -> int:
    """Parts of an SMS: 160 (153) characters in GSM-7, 70 (67) in UCS-2."""
    if all(character in GSM_CHARACTERS for character in body):
        length = sum(2 if character in "^{}\\[~]|€\x0c" else 1 for character in body)
        return 1 if length <= 160 else -(-length // 153)
    length = len(body.encode("utf-16-le")) // 2
    return 1 if length <= 70 else -(-length // 67)


def _coming_states(tx: Transaction, recipient: str) -> Json:
    script = tx.get("sms_script", recipient.removeprefix("whatsapp:"))
    if script is None or not script["deliveries"]:
        return {"states": DEFAULT_STATES}
    coming: Json = script["deliveries"][0]
    script["deliveries"] = script["deliveries"][1:]
    tx.save("sms_script", script)
    return coming


def advance(world: World, tx: Transaction, job: Json) -> None:
    """The next state of a message, told to the callback address it was sent with."""
    message = tx.get("sms", job["sid"])
    if message is None:
        return
    message.update(status=job["state"], updated=tx.epoch)
    if job["state"] == "sent":
        message["sent"] = tx.epoch
    if job["state"] in ("undelivered", "failed"):
        message["error_code"] = job["error_code"] or 30003
        message["error_message"] = "Unreachable destination handset" if not job["error_code"] else None
    tx.save("sms", message)
    url = message["_sim"]["callback"]
    if url:
        world.deliveries.queue(tx, "twilio", url, f"message.{job['state']}", _callback(message))


def _callback(message: Json) -> dict[str, str]:
    form = {
        "AccountSid": message["account_sid"],
        "ApiVersion": "2010-04-01",
        "From": message["from"],
        "MessageSid": message["id"],
        "MessageStatus": message["status"],
        "SmsSid": message["id"],
        "SmsStatus": message["status"],
        "To": message["to"],
    }
    return form | ({"ErrorCode": str(message["error_code"])} if message["error_code"] else {})


def receive(world: World, tx: Transaction, sender: str, recipient: str, body: str) -> Json:
    """A customer writes to us; STOP and START change what may be sent to that number."""
    word, form = body.strip().upper(), {}
    if word in STOP_WORDS:
        tx.save("sms_opt_out", {"id": sender})
        form["OptOutType"] = "STOP"
    elif word in START_WORDS:
        tx.execute("DELETE FROM objects WHERE kind = 'sms_opt_out' AND id = ?", (sender,))
        form["OptOutType"] = "START"
    if sender.startswith(WHATSAPP):
        note_heard(tx, sender)
    sid = new_sid("SM")
    form |= {
        "AccountSid": world.config.twilio_account_sid,
        "ApiVersion": "2010-04-01",
        "Body": body,
        "From": sender,
        "MessageSid": sid,
        "NumMedia": "0",
        "NumSegments": str(count_segments(body)),
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "SmsStatus": "received",
        "To": recipient,
    }
    for url in world.webhook_urls(tx, "twilio_incoming"):
        world.deliveries.queue(tx, "twilio", url, "incoming", form)
    return dict(form)


def _fetch(world: World, tx: Transaction, account: str, given: Json) -> tuple[int, Json]:
    message = tx.get("sms", given["sid"])
    if message is None:
        raise TwilioRefusal(20404, f"The requested resource Messages/{given['sid']}.json was not found.", 404)
    return 200, _public(message)


def _account(world: World, tx: Transaction, account: str, given: Json) -> tuple[int, Json]:
    return 200, {"sid": account, "friendly_name": "Simulator", "status": "active", "type": "Trial"}


def _list(world: World, tx: Transaction, account: str, given: Json) -> tuple[int, Json]:
    where = {field: given[name] for name, field in (("To", "to"), ("From", "from")) if given.get(name)}
    size, page = min(int(given.get("PageSize") or 50), 1000), int(given.get("Page") or 0)
    found = [message for message in tx.find("sms", where) if _sent_within(message, given)]
    part = found[page * size : (page + 1) * size]
    path = PREFIX.format(account=account) + ".json"
    asked = {name: value for name, value in given.items() if name not in ("Page", "sid")}
    following = f"{path}?{urlencode({**asked, 'Page': page + 1})}" if len(found) > (page + 1) * size else None
    return 200, {
        "end": page * size + len(part) - 1,
        "first_page_uri": f"{path}?{urlencode({**asked, 'Page': 0})}",
        "messages": [_public(message) for message in part],
        "next_page_uri": following,
        "page": page,
        "page_size": size,
        "previous_page_uri": None,
        "start": page * size,
        "uri": path,
    }


def _sent_within(message: Json, given: Json) -> bool:
    for name in ("DateSent", "DateSent>", "DateSent<"):
        if not given.get(name):
            continue
        bound, sent = _instant(str(given[name])), datetime.fromtimestamp(message["sent"] or message["created"], UTC)
        if name == "DateSent" and sent.date() != bound.date():
            return False
        if name == "DateSent>" and sent < bound:
            return False
        if name == "DateSent<" and sent > bound:
            return False
    return True


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise TwilioRefusal(20001, f"DateSent {text} is not a date; use YYYY-MM-DD.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _public(message: Json) -> Json:
    hidden = ("id", "created", "sent", "updated", "_sim")
    shown = {name: value for name, value in message.items() if name not in hidden}
    uri = f"{PREFIX.format(account=message['account_sid'])}/{message['id']}.json"
    return {
        **shown,
        "sid": message["id"],
        "api_version": "2010-04-01",
        "date_created": _stamp(message["created"]),
        "date_sent": _stamp(message["sent"]),
        "date_updated": _stamp(message["updated"]),
        "subresource_uris": {"media": uri.replace(".json", "/Media.json")},
        "uri": uri,
    }


def _stamp(epoch: int | None) -> str | None:
    return None if epoch is None else format_datetime(datetime.fromtimestamp(epoch, UTC))


def read_delivery_script(tx: Transaction, number: str, deliveries: list[Any]) -> Json:
    """Keep how the coming messages to a number end: ``delivered``, ``undelivered``, ``failed`` or with a code."""
    steps = [_delivery(value) for value in deliveries]
    return tx.save("sms_script", {"id": number, "deliveries": steps})


def _delivery(value: Any) -> Json:
    body = value if isinstance(value, dict) else {"status": value}
    endings = {
        "delivered": ("sent", "delivered"),
        "undelivered": ("sent", "undelivered"),
        "failed": ("failed",),
        "sent": ("sent",),
        "read": ("sent", "delivered", "read"),
    }
    if body.get("status") not in endings:
        raise ValueError(f"status {body.get('status')!r} is unknown; use one of {', '.join(endings)}.")
    return {"states": json.loads(json.dumps(endings[body["status"]])), "error_code": body.get("error_code")}
