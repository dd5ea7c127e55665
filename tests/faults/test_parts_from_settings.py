"""What the settings make of the parts: keys that are being replaced, and the spread of one day's accounts."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from temporalio.client import Client

from billing.messages.account import AccountState
from billing.ports.messenger import EMAIL, Callback, CallbackRefused
from billing.services.paylinks import Paylinks, UnusablePaylink
from evenflow import parts as building
from evenflow.parts import Parts, build_parts
from evenflow.settings import settings_from
from evenflow.workers import make_workers
from tests.builders_invoicing import an_office
from tests.builders_notices import StandingClock
from workflows._options import SILENT_AT_MOST

Build = Callable[..., Parts]


@dataclass
class RecordedStarts:
    """A process that keeps what it was started with."""

    states: list[AccountState] = field(default_factory=list)

    async def start_account(self, state: AccountState) -> None:
        self.states.append(state)


@pytest.fixture
async def build(database_url: str) -> AsyncIterator[Build]:
    async with AsyncExitStack() as stack:

        def with_settings(**changes: str) -> Parts:
            environment = {"DATABASE_URL": database_url, "SECRETS_PAYLINK_SIGNING_KEY": "one", **changes}
            settings = settings_from({f"EVENFLOW_{name}": value for name, value in environment.items()})
            clock: Any = StandingClock()
            made = build_parts(settings, clock)
            stack.push_async_callback(made.close)
            return made

        yield with_settings


async def _opens(paylinks: Paylinks, token: str) -> bool:
    try:
        return await paylinks.account_of(token) == "acc_1"
    except UnusablePaylink:
        return False


async def test_paylinks_are_signed_with_the_first_key_and_open_with_any(build: Build) -> None:
    old, both, new = (
        build(SECRETS_PAYLINK_SIGNING_KEY=keys).paylinks for keys in ("old-key", "new-key, old-key", "new-key")
    )
    before, during = old.token("acc_1", 1), both.token("acc_1", 1)
    assert [await _opens(both, token) for token in (before, during)] == [True, True]
    assert [await _opens(new, token) for token in (before, during)] == [False, True]
    assert not await _opens(old, during)


def _email_key() -> tuple[ec.EllipticCurvePrivateKey, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key, base64.b64encode(key.public_key().public_bytes(serialization.Encoding.DER, form)).decode()


def _signed(key: ec.EllipticCurvePrivateKey) -> Callback:
    body, stamp = json.dumps([]).encode(), str(int(time.time()))
    signature = base64.b64encode(key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": signature,
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
    }
    return Callback(body=body, headers=headers)


async def test_mail_events_are_accepted_with_either_key_while_one_is_replaced(build: Build) -> None:
    (new, new_public), (old, old_public), (foreign, _) = _email_key(), _email_key(), _email_key()
    messenger = build(SENDGRID_VERIFICATION_KEY=f"{new_public},{old_public}").messengers[EMAIL]
    assert [messenger.parse_callback(_signed(key)) for key in (new, old)] == [[], []]
    with pytest.raises(CallbackRefused):
        messenger.parse_callback(_signed(foreign))


async def test_the_accounts_of_one_day_have_fixed_places_spread_over_the_window(
    build: Build, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = RecordedStarts()
    monkeypatch.setattr(building, "TemporalProcess", lambda *_: process)
    async with an_office(database_url) as office:
        opened = [(await office.open_account(number=f"A{number}"))[0] for number in range(100001, 100009)]
    at_once, spread = build(), build(BILLING_SPREAD_SECONDS="3600")
    for made in (at_once, spread, spread):
        for account in opened:
            await made.accounts.ensure_workflow(account)
    places = [state.spread_seconds for state in process.states]
    assert places[:8] == [0] * 8
    assert places[8:16] == places[16:]
    assert len(set(places[8:16])) > 4
    assert all(0 <= place < 3600 for place in places)


async def test_no_worker_holds_back_the_signs_of_life_of_its_activities(build: Build, temporal_client: Client) -> None:
    """Held back for most of the patience, as by default, a working activity on a busy machine is taken for dead."""
    workers = make_workers(temporal_client, build(), settings_from({}).temporal)
    held_back = [worker.config()["max_heartbeat_throttle_interval"] for worker in workers]
    assert [one for one in held_back if one * 3 > SILENT_AT_MOST] == []
