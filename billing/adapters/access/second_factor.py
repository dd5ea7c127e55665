"""One-time codes of an authenticator app (RFC 6238: SHA-1, six digits, thirty seconds, as every app has them)."""

from __future__ import annotations

import hmac
from datetime import datetime

import pyotp
import segno

STEP_SECONDS = 30
# A clock may be a step behind or ahead.
NEAR = (0, -1, 1)


class TimedCodes:
    """``issuer`` is the name that the app shows."""

    def __init__(self, issuer: str = "Evenflow") -> None:
        self._issuer = issuer

    def new_secret(self) -> str:
        return pyotp.random_base32()

    def step_of(self, secret: str, code: str, now: datetime) -> int | None:
        codes, step = pyotp.TOTP(secret), int(now.timestamp()) // STEP_SECONDS
        near = (step + offset for offset in NEAR)
        return next((one for one in near if hmac.compare_digest(codes.generate_otp(one), code)), None)

    def address(self, secret: str, email: str) -> str:
        return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=self._issuer)

    def picture(self, address: str) -> str:
        return str(segno.make(address, error="m", micro=False).svg_data_uri(border=2, scale=4))
