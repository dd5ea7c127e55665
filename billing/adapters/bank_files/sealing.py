"""Encryption of account numbers and files at rest, with a key ring: the first key writes, every key still reads.

A key ring is written ``name:key,name:key``, each key 32 bytes in URL-safe Base64, the newest first. Take a key away
only when nothing sealed with it is left.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from billing.ports.bank_file_writing import SealBroken

KEY_BYTES, NONCE_BYTES = 32, 12
_FORM = b"\x01"


class KeyRingUnusable(ValueError):
    """A key ring that cannot be read; in one sentence, without the keys."""


class KeyRing:
    """AES-256-GCM. A sealed text is a form byte, the key's name with its length, a nonce, and the encrypted rest."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._ciphers = {name.encode(): AESGCM(key) for name, key in keys.items()}
        self._writing = next(iter(self._ciphers), b"")

    def seal(self, content: bytes, context: str) -> bytes:
        """The content, readable only with the key and under the same context. Raises SealBroken without any key."""
        if not self._writing:
            raise SealBroken("No key is set to encrypt account numbers with.")
        nonce = os.urandom(NONCE_BYTES)
        hidden = self._ciphers[self._writing].encrypt(nonce, content, context.encode())
        return _FORM + bytes([len(self._writing)]) + self._writing + nonce + hidden

    def open(self, sealed: bytes, context: str) -> bytes:
        """The content of a sealed text. Raises SealBroken."""
        name, rest = sealed[2 : 2 + sealed[1]], sealed[2 + sealed[1] :]
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise SealBroken(f"It was sealed with the key {name.decode(errors='replace')!r}, which is not in the ring.")
        try:
            return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], context.encode())
        except InvalidTag:
            raise SealBroken(
                f"It does not open with the key {name.decode()!r}: another key, or another place."
            ) from None


def key_ring_from(text: str) -> KeyRing:
    """The ring of a setting; one without keys when it is empty. Raises KeyRingUnusable."""
    return KeyRing(dict(_key(pair.strip()) for pair in text.split(",") if pair.strip()))


def _key(pair: str) -> tuple[str, bytes]:
    name, _, text = pair.partition(":")
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        key = b""
    if not 0 < len(name.encode()) < 256 or len(key) != KEY_BYTES:
        raise KeyRingUnusable(f"the entry {name!r} is not name:key with 32 bytes in URL-safe Base64")
    return name, key
