"""The application with its webhook doors, an account whose money is under way, a process that acts on every hint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import httpx
import stripe
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text
from twilio.request_validator import RequestValidator

import evenflow.parts
from api.app import create_app
from billing.messages.payments import AttemptQuery
from evenflow.container import container_of
from evenflow.parts import Parts, build_parts
from evenflow.settings import settings_from
from tests.builders_payments import MovableClock, TillWorld, a_till
from tests.contracts.simulator_process import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    KEY,
    NETWORK_SECRET,
    WEBHOOK_SECRET,
    Simulator,
)

BASE = "https://bills.vonk.example"
SENDGRID_KEY = ec.generate_private_key(ec.SECP256R1())
# Everything that stands for money, or decides about it.
_BOOKS = (
    "SELECT * FROM ledger_entries ORDER BY 1, 2",
    "SELECT * FROM ledger_postings ORDER BY 1, 2, 3",
    "SELECT account_id, attempt_id, status, received_minor, expected_minor FROM payment_attempts ORDER BY 1, 2",
    "SELECT * FROM payment_allocations ORDER BY 1, 2, 3",
    "SELECT * FROM payment_refunds ORDER BY 1, 2",
)


@dataclass
class ObedientProcess:
    """Does at once what an account's process does on a hint: it asks the provider, and books what that says."""

    parts: list[Parts] = field(default_factory=list)
    signals: list[tuple[str, str]] = field(default_factory=list)
    account_id: str = ""

    async def signal(self, workflow_id: str, signal: str, payload: Any) -> None:
        self.signals.append((workflow_id, signal))
        if signal == "payment_outcome_received":
            await self.parts[0].payments.settle(AttemptQuery(self.account_id, payload.attempt_id))


@dataclass
class WebhookWorld:
    """The doors, the till behind them, and the loop in which both live."""

    till: TillWorld
    client: httpx.AsyncClient
    process: ObedientProcess
    attempt_id: str
    notice_id: str

    async def books(self) -> list[Any]:
        """Every row that stands for money."""
        async with self.till.engine.connect() as connection:
            return [(await connection.execute(text(statement))).all() for statement in _BOOKS]

    async def cash_minor(self) -> int:
        """The account's money at the provider, by our books."""
        async with self.till.work() as work:
            entries = await work.ledger.entries(self.till.account_id)
        return sum(one.amount_minor for entry in entries for one in entry.postings if one.ledger_account == "cash")

    async def held_minor(self) -> int:
        """The same by the provider itself."""
        totals = await self.till.control("GET", "/totals?by=account_id")
        return sum(one["net"] for one in totals["groups"].get(self.till.account_id, {}).values())

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] | list[tuple[bytes, bytes]]) -> int:
        """The status of the answer."""
        return (await self.client.post(path, content=body, headers=headers)).status_code


@asynccontextmanager
async def a_webhook_world(database_url: str, simulator: Simulator, data_dir: Path) -> AsyncIterator[WebhookWorld]:
    """An account with one announced debit by SEPA, handed in and pending."""
    settings = settings_from(
        {
            "EVENFLOW_DATA_DIR": str(data_dir),
            "EVENFLOW_DATABASE_URL": database_url,
            "EVENFLOW_STRIPE_SECRET_KEY": KEY,
            "EVENFLOW_STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "EVENFLOW_STRIPE_API_BASE": f"{simulator.url}/stripe",
            "EVENFLOW_TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "EVENFLOW_TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "EVENFLOW_TWILIO_API_BASE": f"{simulator.url}/twilio",
            "EVENFLOW_SENDGRID_API_KEY": "SG.sim",
            "EVENFLOW_SENDGRID_API_BASE": f"{simulator.url}/sendgrid",
            "EVENFLOW_SENDGRID_VERIFICATION_KEY": _public_key(),
            "EVENFLOW_NETWORK_API_BASE": f"{simulator.url}/network",
            "EVENFLOW_NETWORK_SIGNING_SECRET": NETWORK_SECRET,
            "EVENFLOW_PUBLIC_API_BASE": BASE,
            "EVENFLOW_SECRETS_PAYLINK_SIGNING_KEY": "paylinks-of-a-test",
            "EVENFLOW_SECRETS_SESSION_KEY": "sessions-of-a-test",
        }
    )
    process = ObedientProcess()
    async with a_till(database_url, simulator) as till:
        with patch.object(evenflow.parts, "TemporalProcess", lambda *_: process):
            parts = build_parts(settings, MovableClock())
        process.parts.append(parts)
        process.account_id = till.account_id
        await till.a_bank_account()
        request = till.a_request(await till.an_announced_invoice(4210, lead_days=5), lead_days=5)
        await till.service.collect(request)
        transport = httpx.ASGITransport(create_app(container_of(parts, settings)), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            yield WebhookWorld(till, client, process, request.attempt_id, await _a_notice(till))
        await parts.close()


async def _a_notice(till: TillWorld) -> str:
    """The notice that announced the debit."""
    async with till.work() as work:
        return (await work.notices.of(till.account_id))[0].notice_id


def signed_by_stripe(body: bytes, at: int | None = None) -> dict[str, str]:
    """The header with which Stripe would send this body."""
    header = stripe.WebhookSignature.generate_signature_header(
        body.decode("utf-8", "replace"), WEBHOOK_SECRET, timestamp=at or int(time.time())
    )
    return {"Stripe-Signature": header}


def _public_key() -> str:
    der = SENDGRID_KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def signed_by_sendgrid(body: bytes, at: int | None = None) -> dict[str, str]:
    """The headers with which SendGrid would send this body."""
    stamp = str(at or int(time.time()))
    signature = SENDGRID_KEY.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
    }


def signed_by_network(body: bytes, at: int | None = None) -> dict[str, str]:
    """The header with which the network would send this body."""
    stamp = str(at or int(time.time()))
    signature = hmac.new(NETWORK_SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Evenflow-Signature": f"t={stamp},v1={signature}"}


def signed_by_twilio(query: str, form: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    """The body and header with which Twilio would send this form."""
    address = f"{BASE}/webhooks/twilio" + (f"?{query}" if query else "")
    signature = RequestValidator(AUTH_TOKEN).compute_signature(address, dict(form))
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    return urlencode(form).encode(), headers


def an_event(subject: Mapping[str, Any], kind: str, event_id: str) -> bytes:
    """A payment event about an object, as Stripe writes it."""
    body = {"id": event_id, "type": kind, "created": int(time.time()), "data": {"object": dict(subject)}}
    return json.dumps(body).encode()


def not_quite(signature: str) -> list[str]:
    """A genuine signature that somebody meddled with, in ways that parsers dislike."""
    return [
        f"{signature},t=abc",
        f"{signature},t=",
        f"{signature},t=99999999999999999999",
        f"t=\u00b2,{signature}",
        signature.replace("v1=", "v1=\u00e9"),
        signature.replace("t=", "t=-"),
        signature[:-1] + ("0" if signature[-1] != "0" else "1"),
        signature.replace("=", ""),
        "," * 5000,
        "t=1",
        base64.b64encode(b"x" * 300).decode(),
    ]
