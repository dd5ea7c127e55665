"""WhatsApp through our adapter, Twilio's own SDK and the simulator's wire: templates, the 24-hour window, STOP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from billing.adapters.twilio.whatsapp import NO_SENDER, NOT_IN_THE_WINDOW, TwilioWhatsApp
from billing.ports.messenger import (
    Accepted,
    ApprovedTemplate,
    Callback,
    CallbackRefused,
    Content,
    DeliveryState,
    Failed,
    Message,
    Suppressed,
)
from tests.contracts.simulator_process import ACCOUNT_SID, AUTH_TOKEN, Listener, Simulator
from tests.contracts.simulator_process import Callback as Received

pytest_plugins = ["tests.contracts.simulator_fixtures"]
OURS = "+15005550006"
SID, UNAPPROVED = "HX" + "a" * 32, "HX" + "b" * 32
BODY = "Hello! {{1}} is still open. Pay now via paylink, by {{2}}."
WORDS = "Hello! 42.10 Euro is still open. Pay now via paylink, by https://pay.example/p."
TEMPLATE = ApprovedTemplate(SID, {"1": "42.10 Euro", "2": "https://pay.example/p"})
_numbers = count(31698000000)


def a_customer() -> str:
    return f"+{next(_numbers)}"


def a_message(to: str, template: ApprovedTemplate | None = TEMPLATE, **changes: Any) -> Message:
    message = Message("acc_1001", "ntc_1001", to, "Vonk", Content(WORDS, template=template), brand="vonk")
    return replace(message, **changes)


def a_messenger(
    simulator: Simulator, callback_url: str = "https://billing.vonk.example/webhooks/twilio", **senders: str
) -> TwilioWhatsApp:
    base = f"{simulator.url}/twilio"
    return TwilioWhatsApp(ACCOUNT_SID, AUTH_TOKEN, senders or {"": OURS}, callback_url, api_base=base)


@pytest.fixture(autouse=True)
def templates(simulator: Simulator) -> None:
    for sid, approved in ((SID, True), (UNAPPROVED, False)):
        simulator.control("POST", "/twilio/contents", {"sid": sid, "body": BODY, "approved": approved})


def state_of(to: str, word: str) -> Callable[[Received], bool]:
    """A callback that tells this state of a message to a number."""
    return lambda one: f"whatsapp%3A%2B{to[1:]}".encode() in one.body and f"MessageStatus={word}".encode() in one.body


async def told(listener: Listener, to: str, word: str) -> Callback:
    path = "/twilio?account_id=acc_1001&notice_id=ntc_1001"
    call = await asyncio.to_thread(listener.wait_for_call, path, state_of(to, word))
    return Callback(call.body, call.headers, urlsplit(call.path).query)


async def test_an_approved_template_arrives_filled_and_tells_that_it_was_read(
    simulator: Simulator, listener: Listener
) -> None:
    messenger, to, began = a_messenger(simulator, f"{listener.url}/twilio"), a_customer(), datetime.now(UTC)
    simulator.control("POST", "/twilio/outcomes", {"to": to, "deliveries": ["read"]})
    outcome = await messenger.send(a_message(to))
    assert isinstance(outcome, Accepted)
    callback = await told(listener, to, "read")
    form = {name: values[0] for name, values in parse_qs(callback.body.decode()).items()}
    assert (form["To"], form["From"]) == (f"whatsapp:{to}", f"whatsapp:{OURS}")
    (event,) = messenger.parse_callback(callback)
    assert (event.state, event.event, event.reference) == (DeliveryState.DELIVERED, "read", outcome.reference)
    # The log has the words of the template with its variables: what the customer read.
    assert await messenger.find(a_message(to), began) == Accepted(outcome.reference, 1)


async def test_words_of_our_own_are_not_handed_over_outside_of_the_window(simulator: Simulator) -> None:
    messenger, to, began = a_messenger(simulator), a_customer(), datetime.now(UTC)
    outcome = await messenger.send(a_message(to, None))
    assert isinstance(outcome, Failed)
    assert outcome.code == NOT_IN_THE_WINDOW
    assert await messenger.find(a_message(to), began) is None


async def test_a_template_that_is_not_approved_fails_afterwards_by_the_vendors_word(
    simulator: Simulator, listener: Listener
) -> None:
    messenger, to = a_messenger(simulator, f"{listener.url}/twilio"), a_customer()
    await messenger.send(a_message(to, replace(TEMPLATE, content_sid=UNAPPROVED)))
    (event,) = messenger.parse_callback(await told(listener, to, "failed"))
    assert (event.state, event.code) == (DeliveryState.FAILED, NOT_IN_THE_WINDOW)


async def test_an_answer_within_a_day_may_be_in_our_own_words(simulator: Simulator, listener: Listener) -> None:
    messenger, to = a_messenger(simulator, f"{listener.url}/twilio"), a_customer()
    simulator.control("POST", "/twilio/incoming", {"from": f"whatsapp:{to}", "body": "Hello?"})
    assert isinstance(await messenger.send(a_message(to, None, answers=True)), Accepted)
    (event,) = messenger.parse_callback(await told(listener, to, "delivered"))
    assert event.state is DeliveryState.DELIVERED


@pytest.mark.parametrize(
    ("template", "code"),
    [
        (replace(TEMPLATE, content_sid="HX" + "c" * 32), "21655"),
        (replace(TEMPLATE, variables={"1": "42.10 Euro"}), "21656"),
    ],
)
async def test_a_template_the_vendor_does_not_know_or_cannot_fill_is_an_outcome(
    simulator: Simulator, template: ApprovedTemplate, code: str
) -> None:
    outcome = await a_messenger(simulator).send(a_message(a_customer(), template))
    assert isinstance(outcome, Failed)
    assert outcome.code == code


async def test_each_brand_writes_from_its_own_number_and_one_without_a_number_does_not(simulator: Simulator) -> None:
    messenger, to = a_messenger(simulator, lumo="+15005550010"), a_customer()
    assert isinstance(await messenger.send(a_message(to, brand="lumo")), Accepted)
    outcome = await messenger.send(a_message(to))
    assert isinstance(outcome, Failed)
    assert outcome.code == NO_SENDER


async def test_stop_is_heard_once_signed_and_ends_what_may_be_sent(simulator: Simulator, listener: Listener) -> None:
    messenger, to = a_messenger(simulator, listener.url), a_customer()
    simulator.control("POST", "/twilio/incoming", {"from": f"whatsapp:{to}", "body": "stop "})
    call = await asyncio.to_thread(
        listener.wait_for_call, "/incoming", lambda one: f"whatsapp%3A%2B{to[1:]}".encode() in one.body
    )
    heard = messenger.parse_incoming(Callback(call.body, call.headers))
    assert heard is not None
    assert (heard.mobile, heard.stops, heard.starts) == (to, True, False)
    assert isinstance(await messenger.send(a_message(to)), Suppressed)
    with pytest.raises(CallbackRefused):
        messenger.parse_incoming(Callback(call.body.replace(b"stop", b"more"), call.headers))


async def test_what_came_by_text_message_is_not_about_whatsapp(simulator: Simulator, listener: Listener) -> None:
    messenger, to = a_messenger(simulator, listener.url), a_customer()
    simulator.control("POST", "/twilio/incoming", {"from": to, "body": "STOP"})
    call = await asyncio.to_thread(
        listener.wait_for_call, "/incoming", lambda one: f"From=%2B{to[1:]}".encode() in one.body
    )
    assert messenger.parse_incoming(Callback(call.body, call.headers)) is None
