"""Codes, links and cookies of customers: made at random, kept only as hashes, checked in constant time."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import phonenumbers

from billing.ports.messenger import EMAIL, SMS

CODE_DIGITS = 6
LONGEST_CONTACT = 200


@dataclass(frozen=True)
class Contact:
    """An address as it is kept; ``channel`` is email or sms, and empty for what is neither."""

    channel: str
    address: str


class CustomerSecrets:
    """``key`` is the installation's session key: a code of six digits is nothing without it."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    @property
    def is_usable(self) -> bool:
        """False without a key: then nobody can sign in."""
        return bool(self._key)

    def hash_of(self, purpose: str, *parts: str) -> str:
        """The form in which a secret or a contact is kept."""
        said = "\0".join((purpose, *parts)).encode()
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()

    def same(self, kept: str, purpose: str, *parts: str) -> bool:
        """Whether these are the words behind a kept form."""
        return hmac.compare_digest(kept, self.hash_of(purpose, *parts))


def new_code() -> str:
    """Six digits."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def new_token() -> str:
    """What nobody can guess: 192 random bits for an address or a cookie."""
    return secrets.token_urlsafe(24)


def read_contact(written: str, country: str = "") -> Contact:
    """An email address in small letters, or a number as E.164 (``country`` reads national ones)."""
    text = written.strip()[:LONGEST_CONTACT]
    if "@" in text:
        name, _, domain = text.partition("@")
        is_address = bool(name) and "." in domain and "@" not in domain and text.isprintable() and " " not in text
        return Contact(EMAIL, text.lower()) if is_address else Contact("", text)
    try:
        parsed = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return Contact("", text)
    if not phonenumbers.is_possible_number(parsed):
        return Contact("", text)
    return Contact(SMS, phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def only_digits(written: str) -> str:
    """A code as it was typed, without blanks and hyphens."""
    return "".join(letter for letter in written[:40] if letter.isdigit() and letter.isascii())
