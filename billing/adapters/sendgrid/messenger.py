"""Email by SendGrid's own SDK.

The SDK has no time-out, no idempotency and no retry of its own: we set the first, and the notice's row is the second.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.error import URLError

from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers import mail

from billing.adapters.sendgrid.callbacks import SendGridCallbacks
from billing.ports.messenger import (
    Accepted,
    Attachment,
    Callback,
    DeliveryEvent,
    Failed,
    Message,
    SendOutcome,
    Unknown,
    VendorBusy,
    VendorRefusesUs,
)

VENDOR = "sendgrid"
TIMEOUT_SECONDS = 10.0
_OUR_FAULT = (401, 403)
_LATER = 429
_NO_FEED = (400, 401, 403, 404, 405)


class SendGridMessenger:
    """Sends mail. ``api_base`` replaces SendGrid's address when not empty; ``callbacks`` reads its event webhook."""

    vendor = VENDOR

    def __init__(
        self,
        api_key: str,
        default_sender: str,
        callbacks: SendGridCallbacks,
        *,
        api_base: str = "",
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._api_key = api_key
        self._api_base = api_base.rstrip("/") or "https://api.sendgrid.com"
        self._default_sender = default_sender
        self._callbacks = callbacks
        self._timeout_seconds = timeout_seconds

    async def send(self, message: Message) -> SendOutcome:
        """Accepted carries the X-Message-Id, with which every later event about the mail begins."""
        return await asyncio.to_thread(self._send, message)

    def _send(self, message: Message) -> SendOutcome:
        try:
            letter = self._mail(message)
        except (KeyError, TypeError, ValueError) as error:  # the SDK stumbles over an address that is none
            return Failed("unusable_address", f"SendGrid's client cannot write this mail: {type(error).__name__}")
        try:
            response = self._client().mail.send.post(request_body=letter)
        except HTTPError as error:
            return _outcome_of(error)
        except URLError as error:
            if isinstance(error.reason, ConnectionRefusedError):
                raise VendorBusy(VENDOR) from error
            return Unknown(f"no answer from SendGrid: {error.reason}")
        except OSError as error:
            return Unknown(f"no answer from SendGrid: {type(error).__name__}")
        return Accepted(response.headers.get("X-Message-Id") or "")

    def _client(self) -> Any:
        """A client of its own per call, because the SDK's shares and changes its headers."""
        client = SendGridAPIClient(self._api_key, host=self._api_base).client
        client.timeout = self._timeout_seconds
        return client

    def _mail(self, message: Message) -> Mapping[str, Any]:
        letter = mail.Mail(
            from_email=mail.From(message.sender or self._default_sender, message.sender_name or None),
            to_emails=mail.To(message.to),
            subject=message.content.subject,
            plain_text_content=message.content.text,
            html_content=message.content.html or None,
        )
        letter.custom_arg = [
            mail.CustomArg("notice_id", message.notice_id),
            mail.CustomArg("account_id", message.account_id),
        ]
        if message.reply_to:
            letter.reply_to = mail.ReplyTo(message.reply_to, message.sender_name or None)
        letter.add_header(mail.Header("Auto-Submitted", "auto-generated"))
        letter.tracking_settings = _no_tracking()
        for document in message.content.attachments:
            letter.add_attachment(_attachment(document))
        return dict(letter.get())

    async def find(self, message: Message, since: datetime) -> Accepted | None:
        """The mail in SendGrid's activity feed. An account without that feed cannot tell (None).

        Raises what the SDK raises when there is no answer.
        """
        return await asyncio.to_thread(self._find, message)

    def _find(self, message: Message) -> Accepted | None:
        query = {"query": f"unique_args['notice_id']=\"{message.notice_id}\"", "limit": 1}
        try:
            response = self._client().messages.get(query_params=query)
            found = json.loads(response.body or b"{}").get("messages") or []
        except HTTPError as error:
            if error.status_code in _NO_FEED:
                return None
            raise
        return Accepted(str(found[0].get("msg_id", "")).split(".")[0]) if found else None

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryEvent]:
        """See SendGridCallbacks.parse."""
        return self._callbacks.parse(callback)


def _no_tracking() -> Any:
    """A rewritten paylink would no longer be our own stable address, and a mail loads nothing from elsewhere.

    Notices are no marketing, so nobody unsubscribes from them: SendGrid adds no such link of its own.
    """
    return mail.TrackingSettings(
        click_tracking=mail.ClickTracking(False, False),
        open_tracking=mail.OpenTracking(False),
        subscription_tracking=mail.SubscriptionTracking(False),
    )


def _attachment(document: Attachment) -> Any:
    return mail.Attachment(
        mail.FileContent(base64.b64encode(document.content).decode()),
        mail.FileName(document.file_name),
        mail.FileType(document.media_type),
        mail.Disposition("inline" if document.content_id else "attachment"),
        mail.ContentId(document.content_id) if document.content_id else None,
    )


def _outcome_of(error: HTTPError) -> SendOutcome:
    status = int(error.status_code)
    if status == _LATER:
        raise VendorBusy(VENDOR, _whole_seconds(error.headers)) from error
    if status in _OUR_FAULT:
        raise VendorRefusesUs(VENDOR, str(status), _explanation(error.body)) from error
    if status >= 500:
        return Unknown(f"SendGrid answered {status}")
    return Failed(str(status), _explanation(error.body))


def _whole_seconds(headers: Any) -> int | None:
    read: Callable[[str], str | None] = getattr(headers, "get", lambda _name: None)
    value = read("Retry-After") or ""
    return int(value) if value.isdigit() else None


def _explanation(body: bytes | str) -> str:
    try:
        return "; ".join(str(error["message"]) for error in json.loads(body)["errors"])[:500]
    except (ValueError, KeyError, TypeError):
        return "no explanation"
