"""Encryption of what Temporal stores, with a key ring: the first key writes, every key of the ring still reads.

Payloads hold no personal data, but they do hold amounts. Where the Temporal server is somebody else's, set
``EVENFLOW_TEMPORAL_PAYLOAD_KEYS`` to ``name:key`` pairs parted by commas, each key 32 bytes in URL-safe Base64, newest
first. Take a key away only when no history written with it is left.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

ENCODING = b"binary/encrypted"
KEY_BYTES, NONCE_BYTES = 32, 12


class PayloadKeyError(ValueError):
    """A key ring that cannot be used, or a payload written with a key that is not in it; in one sentence."""


class EncryptionCodec(PayloadCodec):
    """AES-256-GCM around each whole payload. ``keys`` maps a key's name to its 32 bytes, the writing key first."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}
        self._writing = next(iter(keys))

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt each payload; what is encrypted already stays as it is."""
        return [one if one.metadata.get("encoding") == ENCODING else self._encrypted(one) for one in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt each payload; plain ones, written before keys were set, pass. Raises PayloadKeyError."""
        return [self._decrypted(one) if one.metadata.get("encoding") == ENCODING else one for one in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        nonce, name = os.urandom(NONCE_BYTES), self._writing.encode()
        data = nonce + self._ciphers[self._writing].encrypt(nonce, payload.SerializeToString(), name)
        return Payload(metadata={"encoding": ENCODING, "encryption-key-id": name}, data=data)

    def _decrypted(self, payload: Payload) -> Payload:
        name = payload.metadata["encryption-key-id"]
        cipher = self._ciphers.get(name.decode())
        if cipher is None:
            raise PayloadKeyError(
                f"A payload was written with the key {name.decode()!r}, which is not in EVENFLOW_TEMPORAL_PAYLOAD_KEYS."
            )
        nonce, data = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, data, name))
        except InvalidTag:
            raise PayloadKeyError(
                f"A payload does not open with the key {name.decode()!r}: it is another key."
            ) from None


def codec_from(ring: str) -> EncryptionCodec | None:
    """The codec of a key ring ``name:key,name:key``; None when it is empty. Raises PayloadKeyError."""
    keys = dict(_key(pair.strip()) for pair in ring.split(",") if pair.strip())
    return EncryptionCodec(keys) if keys else None


def _key(pair: str) -> tuple[str, bytes]:
    name, _, text = pair.partition(":")
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        key = b""
    if not name or len(key) != KEY_BYTES:
        # The text itself may be a secret: only its name is told.
        raise PayloadKeyError(
            f"EVENFLOW_TEMPORAL_PAYLOAD_KEYS: the entry {name!r} is not name:key with 32 bytes in URL-safe Base64."
        )
    return name, key
