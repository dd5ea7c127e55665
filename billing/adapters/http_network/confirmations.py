"""Confirmations by signed callback: HMAC-SHA256 over time and raw body in ``X-Evenflow-Signature: t=...,v1=...``."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from billing.domain import identity
from billing.domain.errors import InvalidValue
from billing.ports.barring import Confirmation, UntrustedConfirmation

OLDEST_SECONDS = 300
AHEAD_SECONDS = 60
_APPLIED = "applied"


class SignedConfirmations:
    """Verifies and reads confirmations. Several ``secrets`` are accepted while one is being replaced.

    ``real_time`` gives seconds since the epoch: the network's timestamps are never business time.
    """

    def __init__(self, secrets: Sequence[str], real_time: Callable[[], float] = time.time) -> None:
        self._secrets = [secret for secret in secrets if secret]
        self._real_time = real_time

    def read(self, body: bytes, signature: str) -> Confirmation | None:
        """The confirmation of a level that is in force.

        None for other news (an order overtaken or failed) and for foreign correlation ids: the state is asked for
        anyway when no confirmation comes. Raises UntrustedConfirmation.
        """
        self._verify(body, signature)
        told = _parsed(body)
        return _confirmation(told) if told.get("state") == _APPLIED else None

    def _verify(self, body: bytes, signature: str) -> None:
        fields = [part.strip().split("=", 1) for part in signature.split(",") if "=" in part]
        stamps = [value for name, value in fields if name == "t"]
        stamp = stamps[0] if len(stamps) == 1 else ""
        given = [value for name, value in fields if name == "v1"]
        if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
            raise _untrusted("The signature has no time, or more than one.", signature)
        age_seconds = self._real_time() - int(stamp)
        if not -AHEAD_SECONDS <= age_seconds <= OLDEST_SECONDS:
            raise _untrusted("The signature is too old, or dated in the future.", stamp)
        expected = [_signature(secret, stamp, body) for secret in self._secrets]
        # compare_digest refuses text beyond ASCII, so bytes are compared.
        if not any(hmac.compare_digest(one.encode(), each.encode()) for one in expected for each in given):
            raise _untrusted("The signature does not fit this body and our secrets.", "")


def _signature(secret: str, stamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise _untrusted("The body is not a JSON object.", "")
    return told


def _confirmation(told: dict[str, Any]) -> Confirmation | None:
    """What our correlation id ``<account>/<order>/<service>[/<time sent>]`` names; None for any other."""
    parts = str(told.get("correlation_id", "")).split("/")
    if len(parts) not in (3, 4) or not parts[1]:
        return None
    try:
        identity.parse(identity.ACCOUNT, parts[0])
        identity.parse(identity.SERVICE, parts[2])
    except InvalidValue:
        return None
    return Confirmation(parts[0], parts[1], parts[2], str(told.get("level", "")))


def _untrusted(why: str, value: str) -> UntrustedConfirmation:
    return UntrustedConfirmation(
        why,
        field="X-Evenflow-Signature",
        value=value[:100],
        remedy="Sign the raw body now with this endpoint's secret.",
    )
