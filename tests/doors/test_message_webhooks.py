"""The doors of notices: forged callbacks are refused, true ones are stored, texts are checked before saving."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from twilio.request_validator import RequestValidator

from api import errors
from api.container import Container
from api.dependencies import Caller
from api.routers import notices as notices_router
from api.webhooks import sendgrid, twilio
from billing.adapters.sendgrid.callbacks import SendGridCallbacks
from billing.adapters.sendgrid.messenger import SendGridMessenger
from billing.adapters.twilio.messenger import TwilioMessenger
from billing.domain.errors import NotFound
from billing.messages.notices import NoticeKind
from billing.persistence.unit_of_work import make_engine
from billing.services.notice_callbacks import NoticeCallbacks
from billing.services.notice_editing import NoticeTemplates
from tests.builders_notices import NoticeWorld, a_notice_world

PUBLIC = "https://billing.vonk.example"
TOKEN = "a-token"
KEY = ec.generate_private_key(ec.SECP256R1())


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


class ClosedProcess:
    """No workflow is open."""

    async def signal(self, workflow_id: str, signal: str, payload: Any) -> None:
        raise NotFound("closed")


class EveryKey:
    """The key's text is its role."""

    async def caller_of(self, key: str) -> Caller:
        return Caller("Robin", key)


@dataclass
class Doors:
    """The application with only our doors, and the world behind them."""

    world: NoticeWorld
    client: httpx.AsyncClient

    async def status(self, channel: str) -> str:
        async with self.world.work() as work:
            found = await work.notices.of(self.world.account.account_id)
        return next(one.status.value for one in found if one.channel == channel)

    async def evidence_count(self) -> int:
        async with self.world.work() as work:
            return len(await work.notices.evidence(self.world.account.account_id))


def an_app(world: NoticeWorld) -> FastAPI:
    callbacks = SendGridCallbacks([public_key(ec.generate_private_key(ec.SECP256R1())), public_key(KEY)])
    messengers = {
        "email": SendGridMessenger("SG.x", "", callbacks),
        "sms": TwilioMessenger("AC1", TOKEN, "", f"{PUBLIC}/webhooks/twilio", older_tokens=("older-token",)),
    }
    taker = NoticeCallbacks(world.work, world.clock, messengers, world.service, ClosedProcess())  # type: ignore[arg-type]
    app = FastAPI()
    app.state.container = Container(
        world.work,
        world.clock,
        ClosedProcess(),  # type: ignore[arg-type]
        PUBLIC,
        notices=world.service,
        notice_templates=NoticeTemplates(world.work, world.clock),
        notice_callbacks=taker,
        access=EveryKey(),
    )
    errors.install(app)
    for router in (notices_router.router, sendgrid.router, twilio.router):
        app.include_router(router)
    return app


@pytest.fixture
async def doors(database_url: str) -> AsyncIterator[Doors]:
    engine = make_engine(database_url)
    world = await a_notice_world(engine)
    await world.service.send(world.request())
    await world.service.send(world.request(NoticeKind.REMINDER))
    transport = httpx.ASGITransport(app=an_app(world))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://inside", headers={"X-API-Key": "agent"}
    ) as client:
        yield Doors(world, client)
    await engine.dispose()


def signed_events(
    events: Any, key: ec.EllipticCurvePrivateKey = KEY, at: int | None = None
) -> tuple[bytes, dict[str, str]]:
    body = json.dumps(events).encode()
    timestamp = str(int(time.time()) if at is None else at)
    signature = key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return body, {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
    }


def an_event(doors: Doors, word: str = "delivered") -> dict[str, Any]:
    about = {"account_id": doors.world.account.account_id, "notice_id": "ntc_1001"}
    return {**about, "event": word, "sg_event_id": f"e-{word}", "sg_message_id": "m.1", "timestamp": int(time.time())}


async def test_signed_mail_events_are_stored_once(doors: Doors) -> None:
    body, headers = signed_events([an_event(doors), an_event(doors, "processed"), {"event": "open", "email": "x"}])
    before = await doors.evidence_count()
    for _ in range(2):
        answer = await doors.client.post("/webhooks/sendgrid", content=body, headers=headers)
        assert answer.status_code == 204
    assert (await doors.status("email"), await doors.evidence_count()) == ("delivered", before + 2)


@pytest.mark.parametrize("age_seconds", [-3600, 3600, 100_000])
async def test_an_old_or_future_mail_event_is_refused_and_leaves_nothing(doors: Doors, age_seconds: int) -> None:
    body, headers = signed_events([an_event(doors)], at=int(time.time()) - age_seconds)
    before = await doors.evidence_count()
    answer = await doors.client.post("/webhooks/sendgrid", content=body, headers=headers)
    assert (answer.status_code, await doors.evidence_count()) == (400, before)


@pytest.mark.parametrize("forgery", ["other key", "other body", "no header", "no base64", "no list"])
async def test_a_forged_mail_event_is_refused_and_leaves_nothing(doors: Doors, forgery: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1()) if forgery == "other key" else KEY
    body, headers = signed_events({} if forgery == "no list" else [an_event(doors)], key)
    if forgery == "other body":
        body += b" "
    if forgery == "no header":
        headers = {}
    if forgery == "no base64":
        headers["X-Twilio-Email-Event-Webhook-Signature"] = "!"
    before = await doors.evidence_count()
    answer = await doors.client.post("/webhooks/sendgrid", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert await doors.evidence_count() == before


def a_status(doors: Doors, word: str, token: str = TOKEN, path: str = "/webhooks/twilio") -> dict[str, Any]:
    query = urlencode({"account_id": doors.world.account.account_id, "notice_id": "ntc_1002"})
    form = {"MessageSid": "SM1", "MessageStatus": word, "ErrorCode": "30005" if word == "undelivered" else ""}
    signature = RequestValidator(token).compute_signature(f"{PUBLIC}{path}?{query}", form)
    headers = {"X-Twilio-Signature": signature}
    return {"url": f"/webhooks/twilio?{query}", "data": form, "headers": headers}


@pytest.mark.parametrize("token", [TOKEN, "older-token"])
async def test_a_signed_text_message_status_is_stored(doors: Doors, token: str) -> None:
    for word in ("delivered", "sent", "queued"):
        answer = await doors.client.post(**a_status(doors, word, token))
        assert answer.status_code == 204
    assert await doors.status("sms") == "delivered"


@pytest.mark.parametrize("forged", [{"token": "guess"}, {"path": "/other"}])
async def test_a_forged_text_message_status_is_refused(doors: Doors, forged: dict[str, str]) -> None:
    before = await doors.evidence_count()
    answer = await doors.client.post(**a_status(doors, "delivered", **forged))
    assert (answer.status_code, await doors.evidence_count()) == (400, before)


async def test_a_status_moved_to_another_notice_is_refused(doors: Doors) -> None:
    status = a_status(doors, "delivered")
    status["url"] = status["url"].replace("ntc_1002", "ntc_1001")
    assert (await doors.client.post(**status)).status_code == 400


async def test_an_undelivered_text_message_goes_by_mail(doors: Doors) -> None:
    await doors.client.post(**a_status(doors, "undelivered"))
    shown = (await doors.client.get(f"/v1/accounts/{doors.world.account.account_id}/notices")).json()["notices"]
    instead = shown[0]
    assert (instead["channel"], instead["fallback_of"], instead["kind"]) == ("email", "ntc_1002", "reminder")
    assert "30005" in shown[1]["failure"]


async def test_notices_are_shown_with_evidence_and_masked_addresses(doors: Doors) -> None:
    answer = await doors.client.get(f"/v1/accounts/{doors.world.account.account_id}/notices")
    reminder, ready = answer.json()["notices"]
    assert (ready["recipient"], reminder["recipient"]) == ("s***@example.com", "***678")
    assert [one["event"] for one in ready["evidence"]] == ["asked", "accepted"]
    assert "sanne@" not in answer.text
    assert (await doors.client.get("/v1/accounts/acc_999/notices")).status_code == 404
    assert (await doors.client.get("/v1/accounts/sanne/notices")).status_code == 422


async def test_an_operators_text_is_used_from_the_next_notice_on(doors: Doors) -> None:
    words = {"subject": "{{ amount }}!", "text": "Hi. {{ amount }} leaves on the {{ date }}"}
    saved = await doors.client.put("/v1/notice-templates/vonk/ready/email/en", json=words)
    assert (saved.status_code, saved.json()["template_version"], saved.json()["author"]) == (200, 1, "Robin")
    again = await doors.client.put("/v1/notice-templates/vonk/ready/email/en", json=words)
    assert again.json()["template_version"] == 1
    await doors.world.service.send(doors.world.request(subject="inv_1002"))
    content = doors.world.email.sent[-1].content
    assert (content.subject, content.text.splitlines()[0]) == (
        "42.10 Euro!",
        "Hi. 42.10 Euro leaves on the 8th of June",
    )
    listed = (await doors.client.get("/v1/notice-templates", params={"brand": "vonk"})).json()
    ours = [one for one in listed["templates"] if one["template_version"] == 1]
    assert [(one["kind"], one["channel"], one["locale"]) for one in ours] == [("ready", "email", "en")]
    assert len(listed["templates"]) == len(NoticeKind) * 3 * 5


@pytest.mark.parametrize(
    ("path", "text", "named"),
    [
        ("vonk/ready/email/en", "{{ amount }} {{ date }} {{ frist }}", "frist"),
        ("vonk/ready/email/en", "{{ amount }}", "date"),
        ("vonk/ready/email/xx", "{{ amount }} {{ date }}", "xx"),
        ("vonk/ready/fax/en", "{{ amount }} {{ date }}", "fax"),
        ("vonk/other/sms/en", "{{ amount }}", "other"),
    ],
)
async def test_a_text_that_cannot_be_used_is_refused_by_name(doors: Doors, path: str, text: str, named: str) -> None:
    answer = await doors.client.put(f"/v1/notice-templates/{path}", json={"subject": "x", "text": text})
    assert answer.status_code == 422
    assert named in json.dumps(answer.json())


async def test_a_preview_shows_text_segments_and_unsaved_words(doors: Doors) -> None:
    asked = {"brand": "vonk", "kind": "thank_you", "channel": "sms", "locale": "en"}
    shown = (await doors.client.post("/v1/notice-templates/preview", json=asked)).json()
    assert shown["text"].startswith("Hello! Your payment of 42.10 Euro")
    assert shown["segments"] == 2
    asked |= {"words": {"text": "Thanks for {{ amount }}"}}
    shown = (await doors.client.post("/v1/notice-templates/preview", json=asked)).json()
    assert (shown["text"], shown["segments"]) == ("Thanks for 42.10 Euro", 1)


async def test_changing_a_text_needs_an_agent(doors: Doors) -> None:
    answer = await doors.client.put(
        "/v1/notice-templates/vonk/ready/sms/en", json={"text": "x"}, headers={"X-API-Key": "viewer"}
    )
    assert answer.status_code == 403
