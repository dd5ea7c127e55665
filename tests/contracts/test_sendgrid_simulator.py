"""Mails through our adapter, SendGrid's own SDK and the simulator's wire."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from billing.adapters.sendgrid.callbacks import SendGridCallbacks
from billing.adapters.sendgrid.messenger import SendGridMessenger
from billing.ports.messenger import (
    Accepted,
    Attachment,
    Callback,
    CallbackRefused,
    Content,
    DeliveryEvent,
    DeliveryState,
    Failed,
    Message,
    Unknown,
    VendorBusy,
    VendorRefusesUs,
)
from tests.contracts.simulator_process import Listener, Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


def a_message(to: str, notice_id: str) -> Message:
    document = Attachment("inv_1001.pdf", "application/pdf", b"%PDF-1.7")
    content = Content("Hello!", "Your invoice", "<p>Hello!</p>", (document,))
    return Message("acc_1001", notice_id, to, "facturen@vonk.example", content, "Vonk Mobiel")


def a_messenger(simulator: Simulator, key: str = "SG.sim-contracts", timeout_seconds: float = 5) -> SendGridMessenger:
    callbacks = SendGridCallbacks([simulator.control("GET", "/sendgrid/public-key")["public_key"]])
    base = f"{simulator.url}/sendgrid"
    return SendGridMessenger(key, "", callbacks, api_base=base, timeout_seconds=timeout_seconds)


def heard(listener: Listener, messenger: SendGridMessenger, word: str, notice_id: str) -> DeliveryEvent:
    call = listener.wait_for_call(
        "/sendgrid", lambda one: one.json[0]["event"] == word and one.json[0].get("notice_id") == notice_id
    )
    (event,) = messenger.parse_callback(Callback(call.body, call.headers))
    with pytest.raises(CallbackRefused):
        messenger.parse_callback(Callback(call.body + b" ", call.headers))
    return event


async def test_an_accepted_mail_tells_its_delivery(simulator: Simulator, listener: Listener) -> None:
    messenger = a_messenger(simulator)
    outcome = await messenger.send(a_message("one@customers.example", "ntc_2001"))
    assert isinstance(outcome, Accepted)
    event = heard(listener, messenger, "delivered", "ntc_2001")
    assert (event.account_id, event.state, event.reference) == ("acc_1001", DeliveryState.DELIVERED, outcome.reference)


async def test_a_bounce_is_heard_and_a_later_mail_is_dropped(simulator: Simulator, listener: Listener) -> None:
    messenger = a_messenger(simulator)
    for notice_id, word in (("ntc_2002", "bounce"), ("ntc_2003", "dropped")):
        await messenger.send(a_message("gone@bounce.example", notice_id))
        assert heard(listener, messenger, word, notice_id).state is DeliveryState.FAILED


@pytest.mark.parametrize(("kind", "is_there"), [("error_500_before", False), ("error_500_after", True)])
async def test_an_answer_that_says_nothing_is_unknown_and_the_log_knows(
    faulty: Simulator, kind: str, is_there: bool
) -> None:
    faulty.fault(kind, path="/sendgrid", method="POST", count=1)
    messenger, message = a_messenger(faulty), a_message("two@customers.example", f"ntc_30{is_there:d}")
    assert isinstance(await messenger.send(message), Unknown)
    assert isinstance(await messenger.find(message, datetime.now(UTC)), Accepted) is is_there


async def test_a_time_out_after_the_vendor_took_it_is_found_in_the_log(faulty: Simulator) -> None:
    faulty.fault("hang_after_commit", path="/sendgrid", method="POST", count=1, seconds=2)
    message = a_message("three@customers.example", "ntc_3003")
    assert isinstance(await a_messenger(faulty, timeout_seconds=0.5).send(message), Unknown)
    faulty.control("DELETE", "/faults")
    assert isinstance(await a_messenger(faulty).find(message, datetime.now(UTC)), Accepted)


async def test_too_many_requests_took_nothing(faulty: Simulator) -> None:
    faulty.fault("too_many_requests", path="/sendgrid", count=1)
    with pytest.raises(VendorBusy):
        await a_messenger(faulty).send(a_message("four@customers.example", "ntc_3004"))


async def test_a_wrong_key_is_our_fault_and_a_wrong_address_an_outcome(simulator: Simulator) -> None:
    with pytest.raises(VendorRefusesUs):
        await a_messenger(simulator, key="SG.other").send(a_message("five@customers.example", "ntc_3005"))
    assert isinstance(await a_messenger(simulator).send(a_message("nobody", "ntc_3006")), Failed)
