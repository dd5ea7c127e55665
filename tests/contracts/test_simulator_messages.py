"""SMS and email through the real Twilio and SendGrid clients, and the inbox that shows what was sent."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from python_http_client.exceptions import BadRequestsError, UnauthorizedError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.eventwebhook import EventWebhook
from sendgrid.helpers.mail import Attachment, CustomArg, Mail
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.contracts.simulator_process import ACCOUNT_SID, AUTH_TOKEN, Listener, Simulator, wait_for

pytest_plugins = ["tests.contracts.simulator_fixtures"]
FROM = "+15005550006"


@pytest.fixture
def sms(simulator: Simulator) -> Iterator[Client]:
    """The real Twilio client, pointed at the simulator."""
    http = TwilioHttpClient()
    client = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http)
    client.api.base_url = f"{simulator.url}/twilio"
    yield client
    if http.session is not None:
        http.session.close()


@pytest.fixture
def email(simulator: Simulator) -> SendGridAPIClient:
    """The real SendGrid client, pointed at the simulator."""
    return SendGridAPIClient("SG.sim-contracts", host=f"{simulator.url}/sendgrid")


def a_mail(to: str, **more: Any) -> Mail:
    """A mail with both forms of content."""
    return Mail(
        from_email="bills@blue.example",
        to_emails=to,
        subject="Your invoice",
        plain_text_content="Hello! See https://pay.example/i/1.",
        html_content="<p>Hello! <script>alert(1)</script><a href='https://pay.example/i/1'>See</a></p>",
        **more,
    )


def inbox(simulator: Simulator, to: str) -> list[Any]:
    """What the inbox holds for a recipient."""
    found: list[Any] = httpx.get(f"{simulator.url}/inbox.json", params={"to": to}).json()["messages"]
    return found


def test_an_sms_goes_from_queued_to_delivered_with_signed_callbacks(
    simulator: Simulator, listener: Listener, sms: Client
) -> None:
    url = f"{listener.url}/sms?notice=n1"
    message = sms.messages.create(to="+4917012340001", from_=FROM, body="Hello!", status_callback=url)
    assert message.status == "queued"
    callback = listener.wait_for_call(
        "/sms?notice=n1", lambda one: b"MessageStatus=delivered" in one.body and message.sid.encode() in one.body
    )
    form = dict(parse_qsl(callback.body.decode()))
    assert RequestValidator(AUTH_TOKEN).validate(url, form, callback.headers["x-twilio-signature"])
    assert not RequestValidator("other").validate(url, form, callback.headers["x-twilio-signature"])
    assert sms.messages(message.sid).fetch().status == "delivered"


@pytest.mark.parametrize(
    ("to", "code"),
    [("+15005550001", 21211), ("12345", 21211), ("+15005550004", 21610), ("+15005550009", 21614)],
)
def test_a_number_that_cannot_be_reached_is_refused_with_the_vendors_code(sms: Client, to: str, code: int) -> None:
    with pytest.raises(TwilioRestException) as caught:
        sms.messages.create(to=to, from_=FROM, body="Hello!")
    assert (caught.value.status, caught.value.code) == (400, code)


def test_a_story_may_leave_an_sms_undelivered(simulator: Simulator, sms: Client) -> None:
    to = "+4917012340002"
    simulator.control(
        "POST", "/twilio/outcomes", {"to": to, "deliveries": [{"status": "undelivered", "error_code": 30005}]}
    )
    message = sms.messages.create(to=to, from_=FROM, body="Hello!")
    wait_for(lambda: sms.messages(message.sid).fetch().status == "undelivered")
    assert sms.messages(message.sid).fetch().error_code == 30005


def test_stop_is_told_and_respected_until_start(simulator: Simulator, listener: Listener, sms: Client) -> None:
    number = "+4917012340003"
    simulator.control("POST", "/twilio/incoming", {"from": number, "body": "stop"})
    told = listener.wait_for_call("/incoming", lambda one: b"OptOutType=STOP" in one.body)
    form = dict(parse_qsl(told.body.decode()))
    signature = told.headers["x-twilio-signature"]
    assert RequestValidator(AUTH_TOKEN).validate(f"{listener.url}/incoming", form, signature)
    with pytest.raises(TwilioRestException) as caught:
        sms.messages.create(to=number, from_=FROM, body="Hello!")
    assert caught.value.code == 21610
    simulator.control("POST", "/twilio/incoming", {"from": number, "body": "START"})
    assert sms.messages.create(to=number, from_=FROM, body="Hello!").status == "queued"


def test_the_log_finds_what_was_sent_to_a_number_since_a_moment(sms: Client) -> None:
    to = "+4917012340004"
    sent = [sms.messages.create(to=to, from_=FROM, body=f"Hello {number}").sid for number in range(3)]
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert [one.sid for one in sms.messages.list(to=to, date_sent_after=hour_ago, page_size=2)] == sent[::-1]
    assert sms.messages.list(to=to, date_sent_before=hour_ago) == []


def test_long_texts_are_counted_in_segments(sms: Client) -> None:
    counted = {
        body: int(sms.messages.create(to="+4917012340005", from_=FROM, body=body).num_segments or 0)
        for body in ("a" * 160, "a" * 161, "🙂" * 35, "🙂" * 36)
    }
    assert list(counted.values()) == [1, 2, 1, 2]


def test_an_email_is_accepted_delivered_and_told_with_its_arguments(
    simulator: Simulator, listener: Listener, email: SendGridAPIClient
) -> None:
    mail = a_mail("one@customers.example")
    mail.add_custom_arg(CustomArg("notice_id", "n-1"))
    answer = email.send(mail)
    assert answer.status_code == 202
    message_id = answer.headers["X-Message-Id"]
    callback = listener.wait_for_call(
        "/sendgrid", lambda one: one.json[0]["event"] == "delivered" and one.json[0].get("notice_id") == "n-1"
    )
    event = callback.json[0]
    assert event["sg_message_id"].startswith(message_id)
    public_key = simulator.control("GET", "/sendgrid/public-key")["public_key"]
    signature = callback.headers["x-twilio-email-event-webhook-signature"]
    timestamp = callback.headers["x-twilio-email-event-webhook-timestamp"]
    verifier = EventWebhook(public_key)
    assert verifier.verify_signature(callback.body.decode(), signature, timestamp)
    assert not verifier.verify_signature(callback.body.decode() + " ", signature, timestamp)


def test_a_bouncing_address_bounces_and_is_dropped_next_time(
    simulator: Simulator, listener: Listener, email: SendGridAPIClient
) -> None:
    to = "gone@bounce.example"
    email.send(a_mail(to))
    listener.wait_for_call("/sendgrid", lambda one: one.json[0]["event"] == "bounce" and one.json[0]["email"] == to)
    email.send(a_mail(to))
    listener.wait_for_call("/sendgrid", lambda one: one.json[0]["event"] == "dropped" and one.json[0]["email"] == to)
    assert [one["status"] for one in inbox(simulator, to)] == ["dropped", "bounce"]


def test_a_mail_without_recipient_or_key_is_refused(simulator: Simulator, email: SendGridAPIClient) -> None:
    with pytest.raises(BadRequestsError) as caught:
        email.send({"personalizations": [{"to": []}], "from": {"email": "a@b.example"}, "content": [{}]})
    assert b"personalizations.0.to" in caught.value.body
    with pytest.raises(UnauthorizedError):
        SendGridAPIClient("SG.real", host=f"{simulator.url}/sendgrid").send(a_mail("x@customers.example"))


def test_the_log_of_mails_is_searched_by_our_own_argument(email: SendGridAPIClient) -> None:
    mail = a_mail("two@customers.example")
    mail.add_custom_arg(CustomArg("notice_id", "n-2"))
    email.send(mail)
    query = {"query": "unique_args['notice_id']=\"n-2\"", "limit": 5}
    found = email.client.messages.get(query_params=query).to_dict["messages"]
    assert [one["to_email"] for one in found] == ["two@customers.example"]


def test_the_inbox_shows_both_channels_newest_first_and_filters(
    simulator: Simulator, email: SendGridAPIClient, sms: Client
) -> None:
    email.send(a_mail("three@customers.example"))
    sms.messages.create(to="+4917012340006", from_=FROM, body="Pay at https://pay.example/p/9?a=1&b=2. Thanks")
    page = httpx.get(f"{simulator.url}/inbox").text
    assert page.index("4917012340006") < page.index("three@customers.example")
    assert '<a href="https://pay.example/p/9?a=1&amp;b=2" target="_blank"' in page
    assert "three@customers.example" not in httpx.get(f"{simulator.url}/inbox?to=4917012340006").text
    assert inbox(simulator, "+4917012340006")[0]["links"] == ["https://pay.example/p/9?a=1&b=2"]


def test_an_emails_html_is_shown_in_a_frame_where_no_script_runs(
    simulator: Simulator, email: SendGridAPIClient
) -> None:
    mail = a_mail("four@customers.example")
    mail.attachment = Attachment(base64.b64encode(b"%PDF-1.7").decode(), "invoice.pdf", "application/pdf")
    email.send(mail)
    message = inbox(simulator, "four@customers.example")[0]
    page = httpx.get(f"{simulator.url}/inbox/{message['id']}")
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert "<script>" not in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    attachment = httpx.get(f"{simulator.url}/inbox/attachments/{message['attachments'][0]['id']}")
    assert attachment.content == b"%PDF-1.7"
    assert attachment.headers["content-disposition"].startswith("attachment")
