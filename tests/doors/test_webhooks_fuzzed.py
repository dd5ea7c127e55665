"""Whoever knocks at the webhook doors with whatever: money changes only by what the provider itself says, and no 5xx.

The account's debit is pending at the provider. Behind the doors a process does what an account's process would do on
every hint at once, so a lie that is believed would be booked.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from evenflow.stack.postgres import PostgresServer
from tests.builders_webhooks import (
    WebhookWorld,
    a_webhook_world,
    an_event,
    not_quite,
    signed_by_network,
    signed_by_sendgrid,
    signed_by_stripe,
    signed_by_twilio,
)
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]

DOORS = ("/webhooks/stripe", "/webhooks/twilio", "/webhooks/sendgrid", "/webhooks/network")
SIGNATURES = (
    "Stripe-Signature",
    "X-Twilio-Signature",
    "X-Twilio-Email-Event-Webhook-Signature",
    "X-Twilio-Email-Event-Webhook-Timestamp",
    "X-Evenflow-Signature",
)
REFUSED = {400, 413}
Result = TypeVar("Result")
_often = settings(
    max_examples=40,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass
class Doors:
    """The world and the loop in which it lives: hypothesis calls plain functions."""

    runner: asyncio.Runner
    world: WebhookWorld

    def do(self, work: Awaitable[Result]) -> Result:
        async def waited() -> Result:
            return await work

        return self.runner.run(waited())

    def post(self, path: str, body: bytes, headers: Any) -> int:
        return self.do(self.world.post(path, body, headers))

    def books(self) -> list[Any]:
        return self.do(self.world.books())


@pytest.fixture(scope="module")
def doors(
    postgres_server: PostgresServer, migrated_template: str, simulator: Simulator, tmp_path_factory: Any
) -> Iterator[Doors]:
    postgres_server.create_database("fuzzed_webhooks", template=migrated_template)
    with asyncio.Runner() as runner:
        opened: AbstractAsyncContextManager[WebhookWorld] = a_webhook_world(
            postgres_server.url("fuzzed_webhooks"), simulator, Path(tmp_path_factory.mktemp("webhooks"))
        )
        yield Doors(runner, runner.run(opened.__aenter__()))
        runner.run(opened.__aexit__(None, None, None))
    postgres_server.drop_database("fuzzed_webhooks")


# A header as the wire allows it: any byte but line ends and zero.
wire = st.binary(max_size=80).map(lambda raw: bytes(one for one in raw if one not in b"\r\n\0"))
texts = st.one_of(st.text(max_size=30), st.sampled_from(["\0", "\ud800", "x" * 70_000, "acc_1001", "ntc_" + "9" * 30]))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.just(10**400), st.floats(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "replace")


@_often
@given(st.sampled_from(DOORS), st.one_of(st.binary(max_size=2000), values.map(as_json)), st.lists(wire, max_size=5))
def test_what_nobody_signed_is_refused_and_changes_nothing(
    doors: Doors, path: str, body: bytes, given: list[bytes]
) -> None:
    before = doors.books()
    headers = [(name.encode(), value) for name, value in zip(SIGNATURES, given, strict=False)]
    assert doors.post(path, body, headers) in REFUSED
    assert doors.books() == before


@pytest.mark.parametrize("path", ["/webhooks/stripe", "/webhooks/network"])
def test_a_signature_that_somebody_meddled_with_is_refused(doors: Doors, path: str) -> None:
    before = doors.books()
    body = an_event({"id": "pi_1", "object": "payment_intent"}, "payment_intent.succeeded", "evt_meddled")
    name, good = next(iter((signed_by_stripe if path.endswith("stripe") else signed_by_network)(body).items()))
    answers = {bad: doors.post(path, body, [(name.encode(), bad.encode("latin-1"))]) for bad in not_quite(good)}
    assert {bad[:60]: answer for bad, answer in answers.items() if answer not in REFUSED} == {}
    assert doors.books() == before


@_often
@given(st.integers(min_value=0, max_value=400), st.integers(min_value=1, max_value=255))
def test_a_genuine_webhook_with_one_byte_changed_is_refused(doors: Doors, place: int, flip: int) -> None:
    before = doors.books()
    body = an_event(_the_payment(doors), "payment_intent.succeeded", "evt_flipped")
    changed = bytearray(body)
    changed[place % len(body)] ^= flip
    assert doors.post("/webhooks/stripe", bytes(changed), signed_by_stripe(body)) in REFUSED
    assert doors.books() == before


@pytest.mark.parametrize("age_seconds", [601, 3600, 86_400, 10**9, -120, -86_400])
def test_a_stale_webhook_is_refused(doors: Doors, age_seconds: int) -> None:
    before, at = doors.books(), int(time.time()) - age_seconds
    body = an_event(_the_payment(doors), "payment_intent.succeeded", "evt_stale")
    assert doors.post("/webhooks/stripe", body, signed_by_stripe(body, at)) in REFUSED
    assert doors.post("/webhooks/network", body, signed_by_network(body, at)) in REFUSED
    assert doors.post("/webhooks/sendgrid", b"[]", signed_by_sendgrid(b"[]", at)) in REFUSED
    assert doors.books() == before


kinds = st.sampled_from(
    ["payment_intent.succeeded", "charge.succeeded", "charge.refunded", "charge.dispute.created", "refund.created",
     "checkout.session.completed", "payment_intent.payment_failed", "payment_intent.canceled", "mandate.updated",
     "setup_intent.succeeded", "payment_method.detached", "unheard.of"]
)  # fmt: skip


@_often
@given(kinds, st.integers(0, 10**12), st.text(alphabet="abc0", min_size=1, max_size=8), st.integers(1, 3))
def test_a_signed_lie_about_our_payment_is_not_booked(
    doors: Doors, kind: str, amount: int, event_id: str, times: int
) -> None:
    before = doors.books()
    lie = {**_the_payment(doors), "status": "succeeded", "amount": amount, "amount_received": amount, "paid": True}
    body = an_event(lie, kind, f"evt_{kind}_{event_id}")
    for _ in range(times):
        assert doors.post("/webhooks/stripe", body, signed_by_stripe(body)) == 200
    assert doors.books() == before
    assert doors.do(doors.world.cash_minor()) == 0


@_often
@given(values)
@example({"id": "evt_1", "type": "x", "data": None})
@example({"id": "evt_1", "type": "payment_intent.succeeded", "created": 10**30, "data": {"object": {"id": "pi_1"}}})
@example({"id": "evt_1\0", "type": "payment_intent.succeeded", "created": 1, "data": {"object": {"id": "pi_\0"}}})
def test_a_signed_body_of_another_shape_changes_nothing_and_is_no_fault(doors: Doors, value: Any) -> None:
    before = doors.books()
    body = as_json(value)
    assert doors.post("/webhooks/stripe", body, signed_by_stripe(body)) < 500
    assert doors.post("/webhooks/network", body, signed_by_network(body)) < 500
    assert doors.post("/webhooks/sendgrid", body, signed_by_sendgrid(body)) < 500
    assert doors.books() == before


words = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("event", "sg_event_id", "sg_message_id", "timestamp", "reason", "status"), values)
)
ODD: dict[str, Any] = {"event": "a\0b", "sg_event_id": "x" * 9000, "timestamp": 10**30, "reason": "\ud800"}


@_often
@given(st.lists(words, max_size=3), st.dictionaries(st.text(max_size=8), texts, max_size=4))
@example([ODD], {"MessageStatus": "\0", "MessageSid": "x" * 9000})
def test_a_signed_odd_word_about_a_message_is_no_fault(doors: Doors, told: list[Any], form: dict[str, str]) -> None:
    before = doors.books()
    about = {"account_id": doors.world.till.account_id, "notice_id": doors.world.notice_id}
    body = as_json([{**one, **about} for one in told])
    assert doors.post("/webhooks/sendgrid", body, signed_by_sendgrid(body)) < 500
    clean = {name: value.encode("utf-8", "replace").decode() for name, value in form.items()}
    query = urlencode(about)
    content, headers = signed_by_twilio(query, clean)
    assert doors.post(f"/webhooks/twilio?{query}", content, headers) < 500
    assert doors.books() == before


def test_what_the_provider_paid_is_booked_once_however_often_it_is_told(doors: Doors) -> None:
    """Last in this file: the debit settles, and then no replay moves anything."""
    world = doors.world
    payment = doors.do(world.till.provider_payment(world.attempt_id))
    doors.do(world.till.control("POST", "/settle", {"payment_intent": payment}))
    told = _the_payment(doors)
    for round_ in range(3):
        for kind in ("charge.succeeded", "payment_intent.succeeded", "payment_intent.processing"):
            body = an_event(told, kind, f"evt_true_{kind}_{round_ % 2}")
            assert doors.post("/webhooks/stripe", body, signed_by_stripe(body)) == 200
    assert doors.do(world.cash_minor()) == doors.do(world.held_minor()) == 4210


def _the_payment(doors: Doors) -> dict[str, Any]:
    """Our payment as an event names it."""
    world = doors.world
    metadata = {"account_id": world.till.account_id, "attempt_id": world.attempt_id}
    payment = doors.do(world.till.provider_payment(world.attempt_id))
    return {"id": payment, "object": "payment_intent", "metadata": metadata}
