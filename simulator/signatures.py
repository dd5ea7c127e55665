"""How each vendor proves that a callback is its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from simulator.config import SimulatorConfig

JSON_TYPE = "application/json; charset=utf-8"


def timestamped_signature(secret: str, body: bytes, timestamp: int) -> str:
    """``t=...,v1=...``: HMAC-SHA256 over the timestamp, a dot and the raw body."""
    signed = f"{timestamp}.".encode() + body
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def twilio_signature(token: str, url: str, form: dict[str, str]) -> str:
    """Base64 of HMAC-SHA1 over the full address and the sorted form."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def new_signing_key() -> str:
    """A fresh P-256 key as PEM text."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


class Signer:
    """Makes body and headers of a callback for each vendor."""

    def __init__(self, config: SimulatorConfig, sendgrid_key: str) -> None:
        self._config = config
        key = serialization.load_pem_private_key(sendgrid_key.encode(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("The kept signing key of email events is not an elliptic curve key; delete the data.")
        self._sendgrid_key = key

    @property
    def sendgrid_public_key(self) -> str:
        """The verification key as the vendor shows it: Base64 of the DER form."""
        public = self._sendgrid_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(public).decode()

    def sign(self, vendor: str, url: str, payload: str) -> tuple[bytes, dict[str, str]]:
        """Body and headers as they go over the wire now."""
        now = int(time.time())
        if vendor == "twilio":
            form = json.loads(payload)
            headers = {"X-Twilio-Signature": twilio_signature(self._config.twilio_auth_token, url, form)}
            return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded", **headers}
        body = payload.encode()
        return body, {"Content-Type": JSON_TYPE, **self._json_headers(vendor, body, now)}

    def _json_headers(self, vendor: str, body: bytes, now: int) -> dict[str, str]:
        if vendor == "sendgrid":
            signature = self._sendgrid_key.sign(str(now).encode() + body, ec.ECDSA(hashes.SHA256()))
            return {
                "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
                "X-Twilio-Email-Event-Webhook-Timestamp": str(now),
            }
        if vendor == "network":
            return {"X-Evenflow-Signature": timestamped_signature(self._config.network_secret, body, now)}
        return {
            "Stripe-Signature": timestamped_signature(self._config.stripe_webhook_secret, body, now),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
