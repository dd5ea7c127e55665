"""Alerts to a web address: a chat's incoming webhook, or an on-call service.

``POST`` of ``{"text", "subject", "alert", "cases"}`` as JSON; chats show ``text``, and ``alert`` is the name to know a
repeat by. With a secret the header ``X-Evenflow-Signature: t=<unix seconds>,v1=<hex>`` signs ``<t>.<body>`` by
HMAC-SHA256.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import datetime

import httpx

from billing.ports.alerts import Alert
from billing.ports.messenger import Accepted, Failed, SendOutcome, Unknown, VendorBusy, VendorRefusesUs

VENDOR = "alert webhook"
TIMEOUT_SECONDS = 10.0


class WebhookAlerts:
    """One web address."""

    address = "webhook"

    def __init__(
        self,
        url: str,
        secret: str = "",
        timeout_seconds: float = TIMEOUT_SECONDS,
        real_time: Callable[[], float] = time.time,
    ) -> None:
        self._url = url
        self._secret = secret
        self._timeout_seconds = timeout_seconds
        self._real_time = real_time

    async def send(self, alert: Alert) -> SendOutcome:
        """Accepted for any 2xx. Raises VendorBusy when nobody listens or 429, VendorRefusesUs for 401, 403 and 404."""
        body = json.dumps(
            {
                "text": f"{alert.subject}\n{alert.text}",
                "subject": alert.subject,
                "alert": alert.alert,
                "cases": list(alert.cases),
            }
        ).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": alert.alert} | self._signature(body)
        try:
            async with httpx.AsyncClient(timeout=self._timeout_seconds, trust_env=False) as client:
                answer = await client.post(self._url, content=body, headers=headers)
        except httpx.ConnectError as error:
            raise VendorBusy(VENDOR) from error
        except httpx.HTTPError as error:
            return Unknown(f"no answer: {type(error).__name__}")
        return _outcome(answer)

    async def find(self, alert: Alert, since: datetime) -> Accepted | None:
        """A web address has no log."""
        return None

    def _signature(self, body: bytes) -> dict[str, str]:
        if not self._secret:
            return {}
        at = str(int(self._real_time()))
        signed = hmac.new(self._secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return {"X-Evenflow-Signature": f"t={at},v1={signed}"}


def _outcome(answer: httpx.Response) -> SendOutcome:
    status = answer.status_code
    if status < 300:
        return Accepted(answer.headers.get("X-Request-Id", ""))
    if status == 429:
        raise VendorBusy(VENDOR)
    if status in (401, 403, 404):
        raise VendorRefusesUs(VENDOR, str(status), "check the address and the secret")
    if status >= 500:
        return Unknown(f"it answered {status}")
    return Failed(str(status), answer.text[:300])
