"""Two numbers, signed, in as few characters of an address as is safe.

The numbers are packed, then 96 bits of an HMAC-SHA256 over them and the purpose (RFC 2104, section 5: no fewer than 80
bits). Whoever guesses asks our server each time, and is limited there.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256

SIGNATURE_BYTES = 12
LONGEST_TOKEN = 64
_SEVEN_BITS = 0x7F


class ForgedToken(ValueError):
    """The text was not signed by us, or not for this purpose."""


class ShortTokens:
    """Signs with the first of ``keys`` and reads what any of them signed; ``purpose`` keeps kinds of tokens apart."""

    def __init__(self, purpose: str, keys: tuple[str, ...]) -> None:
        self._purpose = purpose.encode() + b"\0"
        self._keys = [key.encode() for key in keys]

    def sign(self, first: int, second: int) -> str:
        """About 22 characters of A-Z, a-z, 0-9, - and _."""
        packed = _packed(first) + _packed(second)
        return _written(packed + self._signature(self._keys[0], packed))

    def read(self, token: str) -> tuple[int, int]:
        """The two numbers. Raises ForgedToken."""
        content = _content(token)
        packed, signature = content[:-SIGNATURE_BYTES], content[-SIGNATURE_BYTES:]
        if not any(hmac.compare_digest(self._signature(key, packed), signature) for key in self._keys):
            raise ForgedToken("the signature is another one")
        first, second = _unpacked(packed)
        return first, second

    def _signature(self, key: bytes, packed: bytes) -> bytes:
        return hmac.new(key, self._purpose + packed, sha256).digest()[:SIGNATURE_BYTES]


def _content(token: str) -> bytes:
    """The bytes of a token; the same bytes written in another way are no token of ours."""
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise ForgedToken("too long, or not of our letters")
    try:
        content = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError as why:
        raise ForgedToken("not of our letters") from why
    if _written(content) != token:
        raise ForgedToken("written in another way")
    return content


def _written(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _packed(number: int) -> bytes:
    """Seven bits a byte, the least first; the eighth says that more follow (LEB128)."""
    if number < 0:
        raise ValueError("only whole numbers from 0 on are packed")
    parts = bytearray()
    while number > _SEVEN_BITS:
        parts.append(number & _SEVEN_BITS | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _unpacked(packed: bytes) -> Iterator[int]:
    number, shift = 0, 0
    for part in packed:
        number |= (part & _SEVEN_BITS) << shift
        shift += 7
        if part <= _SEVEN_BITS:
            yield number
            number, shift = 0, 0
