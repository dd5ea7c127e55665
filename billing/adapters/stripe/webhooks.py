"""Proof that a webhook comes from Stripe: a signature over the raw body, young and not from the future."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import stripe

from billing.ports.payment_provider import UntrustedWebhook

OLDEST_SECONDS = 300
# The SDK accepts any time ahead of ours; a recorded signature with a far date would be valid for ever.
AHEAD_SECONDS = 60


def verified(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> dict[str, Any]:
    """The event's body. Raises UntrustedWebhook when none of the secrets signed it, or its time is off."""
    signature = {name.lower(): value for name, value in headers.items()}.get("stripe-signature", "")
    if not any(_signed_by(secret, body, signature) for secret in secrets):
        raise _untrusted("The signature does not match this body and our secrets, or it is too old.")
    if _timestamp(signature) > time.time() + AHEAD_SECONDS:
        raise _untrusted("The signature is dated in the future.")
    event = json.loads(body)
    if not isinstance(event, dict) or not isinstance(event.get("data", {}).get("object"), dict):
        raise _untrusted("The body is no event.")
    return event


def _signed_by(secret: str, body: bytes, signature: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, OLDEST_SECONDS)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True


def _timestamp(signature: str) -> int:
    fields = dict(part.split("=", 1) for part in signature.split(",") if "=" in part)
    return int(fields.get("t", "0"))


def _untrusted(why: str) -> UntrustedWebhook:
    return UntrustedWebhook(
        why, field="Stripe-Signature", remedy="Send the raw body signed now with a secret of this endpoint."
    )
