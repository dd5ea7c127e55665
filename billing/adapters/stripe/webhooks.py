"""Proof that a webhook comes from Stripe: a signature over the raw body, young and not from the future."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import stripe

from billing.adapters.stripe.event_shape import is_event
from billing.ports.payment_provider import UntrustedWebhook

OLDEST_SECONDS = 300
# The SDK accepts any time ahead of ours; a recorded signature with a far date would be valid for ever.
AHEAD_SECONDS = 60
LONGEST_STAMP = 12


def verified(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> dict[str, Any]:
    """The event's body. Raises UntrustedWebhook when none of the secrets signed it, its time is off, or it is none."""
    signature = {name.lower(): value for name, value in headers.items()}.get("stripe-signature", "")
    stamp = _timestamp(signature)
    if not any(_signed_by(secret, body, signature) for secret in secrets):
        raise _untrusted("The signature does not match this body and our secrets, or it is too old.")
    if stamp > time.time() + AHEAD_SECONDS:
        raise _untrusted("The signature is dated in the future.")
    event: dict[str, Any] = _parsed(body)
    if not is_event(event):
        raise _untrusted("The body is no event.")
    return event


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _signed_by(secret: str, body: bytes, signature: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, OLDEST_SECONDS)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True


def _timestamp(signature: str) -> int:
    """The one time of a signature: the SDK reads the first of several, and stumbles over letters beyond ASCII."""
    stamps = [value for name, _, value in (part.partition("=") for part in signature.split(",")) if name == "t"]
    if len(stamps) != 1 or not signature.isascii() or not stamps[0].isdigit() or len(stamps[0]) > LONGEST_STAMP:
        raise _untrusted("The signature has no time, or more than one.")
    return int(stamps[0])


def _untrusted(why: str) -> UntrustedWebhook:
    return UntrustedWebhook(
        why, field="Stripe-Signature", remedy="Send the raw body signed now with a secret of this endpoint."
    )
