"""Where self-service is, as notices name it: a short signed part lets the page greet without showing who it is for.

The signed part opens nothing: it names the account for a fortnight, so that one tap sends the code to the address we
know. A brand with a self-service site of its own gets that address as it is.
"""

from __future__ import annotations

from datetime import datetime
from hmac import compare_digest

from billing.domain import identity
from billing.ports.accounts import Brand
from billing.services.customer_access import REAL_NOW, RealClock
from billing.services.customer_secrets import CustomerSecrets

# An address that ends so is ours.
OURS = "/my"
HELLO = "h"
LASTS_DAYS = 14
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# 64 bits: nothing is opened by it, so that short addresses in text messages come first.
_SIGNED_LETTERS = 16
_SECONDS_A_DAY = 86_400


def our_address(public_base: str) -> str:
    """The address of self-service of this installation."""
    return f"{public_base.rstrip('/')}{OURS}"


class SelfServiceLinks:
    """Makes and reads the addresses."""

    def __init__(self, secrets: CustomerSecrets, real_now: RealClock = REAL_NOW) -> None:
        self._secrets = secrets
        self._real_now = real_now

    def address(self, brand: Brand, account_id: str) -> str:
        """Where a customer of a brand signs in."""
        base = brand.account_url.rstrip("/")
        if not base.endswith(OURS) or not self._secrets.is_usable:
            return brand.account_url
        return f"{base}/{HELLO}/{self.token(account_id)}"

    def token(self, account_id: str) -> str:
        """The signed part: account, day, signature."""
        number = _short(identity.parse(identity.ACCOUNT, account_id))
        day = _short(_day(self._real_now()))
        return f"{number}-{day}-{self._signed(number, day)}"

    def account_of(self, token: str) -> str | None:
        """The account that a page may greet; None for a forged or old address."""
        number, _, rest = token.partition("-")
        day, _, signed = rest.partition("-")
        if not self._secrets.is_usable or not token.isascii() or not compare_digest(self._signed(number, day), signed):
            return None
        if _day(self._real_now()) - int(day, 36) > LASTS_DAYS:
            return None
        return identity.show(identity.ACCOUNT, int(number, 36))

    def _signed(self, number: str, day: str) -> str:
        return self._secrets.hash_of("hello", number, day)[:_SIGNED_LETTERS]


def _day(at: datetime) -> int:
    return int(at.timestamp()) // _SECONDS_A_DAY


def _short(number: int) -> str:
    written = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        written = _DIGITS[digit] + written
    return written or "0"
