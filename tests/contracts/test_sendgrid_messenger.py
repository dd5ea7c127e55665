"""What goes to SendGrid over the wire by its own SDK, and what each answer means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from billing.adapters.sendgrid.callbacks import SendGridCallbacks
from billing.adapters.sendgrid.messenger import SendGridMessenger
from billing.ports.messenger import (
    Accepted,
    Attachment,
    Content,
    Failed,
    Message,
    Unknown,
    VendorBusy,
    VendorRefusesUs,
)
from tests.contracts.messaging_stub import Answer, VendorStub, vendor_stub

READY = Message(
    account_id="acc_1001",
    notice_id="ntc_1001",
    to="sanne@example.com",
    sender="facturen@vonk.example",
    sender_name="Vonk Mobiel",
    content=Content(
        "Hello!", "Your invoice is ready", "<p>Hello!</p>", (Attachment("a.pdf", "application/pdf", b"%PDF"),)
    ),
)


@pytest.fixture
def stub() -> Iterator[VendorStub]:
    with vendor_stub() as running:
        running.answers = [Answer(202, b"", {"X-Message-Id": "abc123"})]
        yield running


def a_messenger(base: str, timeout_seconds: float = 5.0) -> SendGridMessenger:
    return SendGridMessenger(
        "SG.test", "x@y.example", SendGridCallbacks([]), api_base=base, timeout_seconds=timeout_seconds
    )


async def test_a_mail_leaves_with_text_html_document_and_our_identities(stub: VendorStub) -> None:
    outcome = await a_messenger(stub.base).send(READY)
    assert outcome == Accepted("abc123")
    (asked,) = stub.asked
    assert (asked.method, asked.path) == ("POST", "/v3/mail/send")
    body = json.loads(asked.body)
    assert body["from"] == {"email": "facturen@vonk.example", "name": "Vonk Mobiel"}
    assert body["personalizations"][0]["to"] == [{"email": "sanne@example.com"}]
    assert [part["type"] for part in body["content"]] == ["text/plain", "text/html"]
    assert body["attachments"][0]["filename"] == "a.pdf"
    assert "ntc_1001" in json.dumps(body)


async def test_our_identities_travel_where_sendgrid_returns_them_with_every_event(stub: VendorStub) -> None:
    await a_messenger(stub.base).send(READY)
    body = json.loads(stub.asked[0].body)
    held = body.get("custom_args") or body["personalizations"][0]["custom_args"]
    assert held == {"notice_id": "ntc_1001", "account_id": "acc_1001"}


async def test_links_are_not_rewritten(stub: VendorStub) -> None:
    await a_messenger(stub.base).send(READY)
    tracking = json.loads(stub.asked[0].body)["tracking_settings"]["click_tracking"]
    assert tracking == {"enable": False, "enable_text": False}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(400, b'{"errors":[{"message":"bad address"}]}'), Failed("400", "bad address")),
        (Answer(413, b"too big"), Failed("413", "no explanation")),
        (Answer(500), Unknown("SendGrid answered 500")),
        (Answer(503), Unknown("SendGrid answered 503")),
    ],
)
async def test_each_answer_has_one_meaning(stub: VendorStub, answer: Answer, outcome: object) -> None:
    stub.answers = [answer]
    assert await a_messenger(stub.base).send(READY) == outcome


async def test_no_answer_in_time_is_unknown_and_asked_only_once(stub: VendorStub) -> None:
    stub.answers = [Answer(202, after_seconds=0.6)]
    outcome = await a_messenger(stub.base, timeout_seconds=0.2).send(READY)
    assert isinstance(outcome, Unknown)
    assert len(stub.asked) == 1


async def test_too_many_requests_took_nothing_and_says_when_to_come_back(stub: VendorStub) -> None:
    stub.answers = [Answer(429, b"{}", {"Retry-After": "7"})]
    with pytest.raises(VendorBusy) as busy:
        await a_messenger(stub.base).send(READY)
    assert busy.value.retry_after_seconds == 7


async def test_nobody_listening_took_nothing() -> None:
    with vendor_stub() as gone:
        base = gone.base
    with pytest.raises(VendorBusy):
        await a_messenger(base).send(READY)


async def test_a_wrong_key_is_our_fault_and_never_the_customers(stub: VendorStub) -> None:
    stub.answers = [Answer(401, b'{"errors":[{"message":"invalid key"}]}')]
    with pytest.raises(VendorRefusesUs, match="invalid key"):
        await a_messenger(stub.base).send(READY)


async def test_the_activity_feed_tells_what_became_of_a_mail(stub: VendorStub) -> None:
    stub.answers = [Answer(200, b'{"messages":[{"msg_id":"abc123.filter"}]}')]
    from tests.builders_notices import A_MONDAY_MORNING

    assert await a_messenger(stub.base).find(READY, A_MONDAY_MORNING) == Accepted("abc123")
    assert "ntc_1001" in stub.asked[0].path
    stub.answers = [Answer(403)]
    assert await a_messenger(stub.base).find(READY, A_MONDAY_MORNING) is None


async def test_answers_go_to_the_brand_and_nothing_about_the_reader_is_watched(stub: VendorStub) -> None:
    await a_messenger(stub.base).send(replace(READY, reply_to="hulp@vonk.example"))
    body = json.loads(stub.asked[0].body)
    assert body["reply_to"] == {"email": "hulp@vonk.example", "name": "Vonk Mobiel"}
    assert body["headers"] == {"Auto-Submitted": "auto-generated"}
    assert body["tracking_settings"]["open_tracking"] == {"enable": False}
    assert body["tracking_settings"]["subscription_tracking"] == {"enable": False}


async def test_a_mail_without_a_brands_address_is_answered_to_its_sender(stub: VendorStub) -> None:
    await a_messenger(stub.base).send(READY)
    assert "reply_to" not in json.loads(stub.asked[0].body)


async def test_a_logo_travels_inside_the_mail(stub: VendorStub) -> None:
    logo = Attachment("logo.png", "image/png", b"PNG", "logo")
    content = replace(READY.content, html='<img src="cid:logo">', attachments=(logo,))
    await a_messenger(stub.base).send(replace(READY, content=content))
    (sent,) = json.loads(stub.asked[0].body)["attachments"]
    assert (sent["disposition"], sent["content_id"], sent["type"]) == ("inline", "logo", "image/png")
