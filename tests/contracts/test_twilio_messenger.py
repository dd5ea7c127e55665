"""Text messages through our adapter, Twilio's own SDK and the simulator's wire; what it never offers, by a stub."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from billing.adapters.twilio.messenger import TwilioMessenger
from billing.ports.messenger import (
    Accepted,
    Callback,
    Content,
    DeliveryState,
    Failed,
    Message,
    Suppressed,
    Unknown,
    VendorBusy,
    VendorRefusesUs,
)
from tests.contracts.messaging_stub import Answer, VendorStub, vendor_stub
from tests.contracts.simulator_process import ACCOUNT_SID, AUTH_TOKEN, Listener, Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


def a_message(to: str, notice_id: str = "ntc_1001") -> Message:
    return Message("acc_1001", notice_id, to, "Vonk", Content("Hello! Your payment of 42.10 Euro 🙂"))


def a_messenger(
    base: str, callback_url: str = "", token: str = AUTH_TOKEN, timeout_seconds: float = 5
) -> TwilioMessenger:
    return TwilioMessenger(
        ACCOUNT_SID,
        token,
        "+15005550006",
        callback_url or "https://billing.vonk.example/webhooks/twilio",
        api_base=base,
        timeout_seconds=timeout_seconds,
    )


@pytest.fixture
def stub() -> Iterator[VendorStub]:
    with vendor_stub() as running:
        yield running


async def test_an_accepted_message_tells_its_delivery_to_our_address(simulator: Simulator, listener: Listener) -> None:
    messenger = a_messenger(f"{simulator.url}/twilio", f"{listener.url}/webhooks/twilio")
    outcome = await messenger.send(a_message("+31612340001"))
    assert isinstance(outcome, Accepted)
    assert outcome.segments == 1
    call = listener.wait_for_call(
        "/webhooks/twilio?account_id=acc_1001&notice_id=ntc_1001", lambda one: b"MessageStatus=delivered" in one.body
    )
    (event,) = messenger.parse_callback(Callback(call.body, call.headers, urlsplit(call.path).query))
    assert (event.account_id, event.notice_id) == ("acc_1001", "ntc_1001")
    assert (event.state, event.reference) == (DeliveryState.DELIVERED, outcome.reference)


@pytest.mark.parametrize(
    ("to", "outcome"),
    [("+15005550004", (Suppressed, "21610")), ("+15005550001", (Failed, "21211")), ("+15005550009", (Failed, "21614"))],
)
async def test_a_refused_number_is_an_outcome(simulator: Simulator, to: str, outcome: tuple[type, str]) -> None:
    answered = await a_messenger(f"{simulator.url}/twilio").send(a_message(to))
    assert isinstance(answered, Suppressed | Failed)
    assert (type(answered), answered.code) == outcome


@pytest.mark.parametrize(("kind", "is_there"), [("error_500_before", False), ("error_500_after", True)])
async def test_an_answer_that_says_nothing_is_unknown_and_the_log_knows(
    faulty: Simulator, kind: str, is_there: bool
) -> None:
    began = datetime.now(UTC)
    faulty.fault(kind, path="/twilio", method="POST", count=1)
    messenger, message = a_messenger(f"{faulty.url}/twilio"), a_message(f"+3161234{is_there:d}002")
    assert isinstance(await messenger.send(message), Unknown)
    assert isinstance(await messenger.find(message, began), Accepted) is is_there


async def test_a_time_out_after_the_vendor_took_it_is_found_in_the_log(faulty: Simulator) -> None:
    began = datetime.now(UTC)
    faulty.fault("hang_after_commit", path="/twilio", method="POST", count=1, seconds=2)
    messenger, message = a_messenger(f"{faulty.url}/twilio", timeout_seconds=0.5), a_message("+31612340003")
    assert isinstance(await messenger.send(message), Unknown)
    faulty.control("DELETE", "/faults")
    assert isinstance(await a_messenger(f"{faulty.url}/twilio").find(message, began), Accepted)


async def test_the_log_shows_only_these_words(simulator: Simulator) -> None:
    messenger, began = a_messenger(f"{simulator.url}/twilio"), datetime.now(UTC)
    await messenger.send(a_message("+31612340004"))
    other = Message("acc_1001", "ntc_2", "+31612340004", "Vonk", Content("Other words"))
    assert await messenger.find(other, began) is None


async def test_too_many_requests_took_nothing(faulty: Simulator) -> None:
    faulty.fault("too_many_requests", path="/twilio", count=1)
    with pytest.raises(VendorBusy):
        await a_messenger(f"{faulty.url}/twilio").send(a_message("+31612340005"))


async def test_a_wrong_token_is_our_fault(simulator: Simulator) -> None:
    with pytest.raises(VendorRefusesUs):
        await a_messenger(f"{simulator.url}/twilio", token="wrong").send(a_message("+31612340006"))


async def test_nobody_listening_took_nothing() -> None:
    with vendor_stub() as gone:
        base = gone.base
    with pytest.raises(VendorBusy):
        await a_messenger(base).send(a_message("+31612340007"))


async def test_an_unreadable_success_is_unknown(stub: VendorStub) -> None:
    stub.answers = [Answer(201, b"<html>")]
    assert isinstance(await a_messenger(stub.base).send(a_message("+31612340008")), Unknown)


async def test_a_brand_without_a_sender_uses_the_default(stub: VendorStub) -> None:
    stub.answers = [Answer(201, b'{"sid": "SM1", "num_segments": "1"}')]
    message = a_message("+31612340009")
    await a_messenger(stub.base).send(Message("acc_1", "ntc_1", message.to, "", message.content))
    assert parse_qs(stub.asked[0].body.decode())["From"] == ["+15005550006"]
