"""Text messages by Twilio's own SDK.

The SDK has no time-out and no idempotency for sends: we set the first, and the notice's row is the second. The address
for status callbacks carries account and notice, so that a callback finds its notice even before our call returned.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlencode

from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

from billing.ports.messenger import (
    Accepted,
    Callback,
    CallbackRefused,
    DeliveryEvent,
    DeliveryState,
    Failed,
    Message,
    SendOutcome,
    Suppressed,
    Unknown,
    VendorBusy,
    VendorRefusesUs,
)

VENDOR = "twilio"
TIMEOUT_SECONDS = 10.0
_STOPPED_BY_CUSTOMER = 21610
_OUR_FAULT = (401, 403)
_LATER = 429
_CLOCKS_APART = timedelta(minutes=2)
_STATES = {
    "accepted": DeliveryState.ACCEPTED,
    "queued": DeliveryState.ACCEPTED,
    "sending": DeliveryState.ACCEPTED,
    "sent": DeliveryState.ACCEPTED,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.DELIVERED,
    "undelivered": DeliveryState.FAILED,
    "failed": DeliveryState.FAILED,
}


class TwilioMessenger:
    """Sends text messages. ``callback_url`` is our address as Twilio sees it, scheme and path included, no query.

    ``api_base`` replaces Twilio's address when not empty; ``default_sender`` serves brands without a sender.
    ``older_tokens`` still verify callbacks while the token is being replaced.
    """

    vendor = VENDOR

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        default_sender: str,
        callback_url: str,
        *,
        api_base: str = "",
        timeout_seconds: float = TIMEOUT_SECONDS,
        older_tokens: Sequence[str] = (),
    ) -> None:
        self._client = Client(account_sid, auth_token, http_client=TwilioHttpClient(timeout=timeout_seconds))
        if api_base:
            self._client.api.base_url = api_base.rstrip("/")
        self._default_sender = default_sender
        self._callback_url = callback_url
        self._validators = [RequestValidator(token) for token in (auth_token, *older_tokens)]

    async def send(self, message: Message) -> SendOutcome:
        """Accepted carries the message's SID."""
        return await asyncio.to_thread(self._send, message)

    def _send(self, message: Message) -> SendOutcome:
        about = urlencode({"account_id": message.account_id, "notice_id": message.notice_id})
        try:
            sent = self._create(message, f"{self._callback_url}?{about}")
        except TwilioRestException as error:
            return _outcome_of(error)
        except (OSError, TwilioException, ValueError) as error:
            return _no_answer(error)
        return Accepted(sent.sid or "", _segments(sent.num_segments))

    def _create(self, message: Message, callback: str) -> MessageInstance:
        return self._client.messages.create(
            to=message.to,
            from_=message.sender or self._default_sender,
            body=message.content.text,
            status_callback=callback,
        )

    async def find(self, message: Message, since: datetime) -> Accepted | None:
        """The newest message to this number with these words in Twilio's log since then. Raises what the SDK raises."""
        return await asyncio.to_thread(self._find, message, since - _CLOCKS_APART)

    def _find(self, message: Message, since: datetime) -> Accepted | None:
        for logged in self._client.messages.list(to=self._address(message), limit=50):
            is_recent = logged.date_created is None or logged.date_created >= since
            if is_recent and logged.body == message.content.text:
                return Accepted(logged.sid or "", _segments(logged.num_segments))
        return None

    def _address(self, message: Message) -> str:
        """The customer's address as Twilio writes it."""
        return message.to

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryEvent]:
        """The status in a callback; none when it names no notice. Raises CallbackRefused without a valid signature."""
        form = self._verified(callback, self._callback_url)
        about = {name: values[0] for name, values in parse_qs(callback.query).items()}
        if not about.get("account_id") or not about.get("notice_id"):
            return []
        return [_event(about["account_id"], about["notice_id"], form)]

    def _verified(self, callback: Callback, url: str) -> dict[str, str]:
        """The form of a callback to one of our addresses. Raises CallbackRefused without a valid signature."""
        form = _form(callback.body)
        headers = {name.lower(): value for name, value in callback.headers.items()}
        address = f"{url}?{callback.query}" if callback.query else url
        signature = headers.get("x-twilio-signature", "")
        if not any(validator.validate(address, form, signature) for validator in self._validators):
            raise CallbackRefused(
                "The signature of the text message status does not fit.",
                field="X-Twilio-Signature",
                remedy="Check the auth token, and that the public address is the one Twilio calls.",
            )
        return form


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200))
    except ValueError as error:
        raise CallbackRefused("The text message status is not a form.", field="body") from error


def _event(account_id: str, notice_id: str, form: Mapping[str, str]) -> DeliveryEvent:
    word = form.get("MessageStatus") or form.get("SmsStatus") or ""
    reference = form.get("MessageSid") or form.get("SmsSid") or ""
    return DeliveryEvent(
        account_id=account_id,
        notice_id=notice_id,
        vendor=VENDOR,
        event_id=f"{reference}:{word}",
        event=word,
        state=_STATES.get(word, DeliveryState.NOTED),
        reference=reference,
        code=form.get("ErrorCode", ""),
        explanation=form.get("ErrorMessage", ""),
    )


def _outcome_of(error: TwilioRestException) -> SendOutcome:
    code = str(error.code or error.status)
    if error.status == _LATER:
        raise VendorBusy(VENDOR) from error
    if error.code == _STOPPED_BY_CUSTOMER:
        return Suppressed(code, error.msg)
    if error.status in _OUR_FAULT:
        raise VendorRefusesUs(VENDOR, code, error.msg) from error
    return Unknown(f"Twilio answered {error.status}") if error.status >= 500 else Failed(code, error.msg)


def _no_answer(error: Exception) -> Unknown:
    """A connection never made took nothing; anything later may have."""
    if _never_connected(error):
        raise VendorBusy(VENDOR) from error
    return Unknown(f"no answer from Twilio: {type(error).__name__}")


def _never_connected(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ConnectionRefusedError | socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False


def _segments(written: str | None) -> int:
    return int(written) if written and written.isdigit() else 0
