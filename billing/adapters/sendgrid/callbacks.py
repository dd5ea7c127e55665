"""SendGrid's event webhook: signature, age, and what each event means.

SendGrid's own verifier checks the signature but not the timestamp's age, so that an old callback could be played again.
"""

from __future__ import annotations

import json
import time
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sendgrid.helpers.eventwebhook import EventWebhook, EventWebhookHeader

from billing.ports.messenger import Callback, CallbackRefused, DeliveryEvent, DeliveryState

VENDOR = "sendgrid"
OLDEST_SECONDS = 600
_FUTURE_SECONDS = 60
# The year 5138: what an event names beyond it is no time.
LATEST_SECONDS = 10**11
_STATES = {
    "processed": DeliveryState.ACCEPTED,
    "delivered": DeliveryState.DELIVERED,
    "bounce": DeliveryState.FAILED,
    "dropped": DeliveryState.FAILED,
}


class SendGridCallbacks:
    """Verifies and reads events. Several ``verification_keys`` are accepted while a key is being replaced.

    ``real_time`` gives seconds since the epoch: a vendor's timestamps are never business time.
    """

    def __init__(
        self,
        verification_keys: Sequence[str],
        *,
        oldest_seconds: int = OLDEST_SECONDS,
        real_time: Callable[[], float] = time.time,
    ) -> None:
        self._verifiers = [EventWebhook(key) for key in verification_keys if key]
        self._oldest_seconds = oldest_seconds
        self._real_time = real_time

    def parse(self, callback: Callback) -> Sequence[DeliveryEvent]:
        """The events that carry our custom arguments. Raises CallbackRefused without a valid, recent signature."""
        headers = {name.lower(): value for name, value in callback.headers.items()}
        signature = headers.get(EventWebhookHeader.SIGNATURE.lower(), "")
        timestamp = headers.get(EventWebhookHeader.TIMESTAMP.lower(), "")
        self._refuse_old(timestamp)
        if not self._is_signed(callback.body, signature, timestamp):
            raise _refused("The signature of the email event does not fit its body.", EventWebhookHeader.SIGNATURE)
        return [_event(item) for item in _items(callback.body) if item.get("notice_id") and item.get("account_id")]

    def _refuse_old(self, timestamp: str) -> None:
        age_seconds = self._real_time() - int(timestamp) if timestamp.isascii() and timestamp.isdigit() else None
        if age_seconds is None or not -_FUTURE_SECONDS <= age_seconds <= self._oldest_seconds:
            raise _refused("The timestamp of the email event is missing, too old or ahead.", "timestamp", timestamp)

    def _is_signed(self, body: bytes, signature: str, timestamp: str) -> bool:
        try:
            payload = body.decode()
            return any(verifier.verify_signature(payload, signature, timestamp) for verifier in self._verifiers)
        except (UnicodeDecodeError, NotBase64, ValueError):
            return False


def _items(body: bytes) -> list[Mapping[str, Any]]:
    try:
        items = json.loads(body)
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _refused("The email event is not a JSON list of objects.", "body")
    return items


def _event(item: Mapping[str, Any]) -> DeliveryEvent:
    word = str(item.get("event", ""))
    reference = str(item.get("sg_message_id", "")).split(".")[0]
    seconds = item.get("timestamp")
    return DeliveryEvent(
        account_id=str(item["account_id"]),
        notice_id=str(item["notice_id"]),
        vendor=VENDOR,
        event_id=str(item.get("sg_event_id") or f"{reference}:{word}:{seconds}"),
        event=word,
        state=_STATES.get(word, DeliveryState.NOTED),
        reference=reference,
        code=str(item.get("status") or item.get("type") or ""),
        explanation=str(item.get("reason") or item.get("response") or "")[:500],
        at=datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) and 0 <= seconds < LATEST_SECONDS else None,
    )


def _refused(message: str, field: str, value: str = "") -> CallbackRefused:
    return CallbackRefused(
        message, field=field, value=value, remedy="Check the verification key of SendGrid's signed event webhook."
    )
