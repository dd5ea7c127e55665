"""Passwords as Argon2id hashes (RFC 9106), and how easily one is guessed."""

from __future__ import annotations

from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

# Below this score (0 to 4) a password falls within 10^8 tries.
LEAST_SCORE = 3
MOST_SCORED = 72
SAY_MORE = "Use a few words that do not belong together."


class ArgonPasswords:
    """The package's own parameters; a hash made with others is made anew at the next sign-in."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobodys = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash or self._nobodys, password) and bool(password_hash)
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, password_hash: str) -> bool:
        return self._hasher.check_needs_rehash(password_hash)

    def weakness(self, password: str, about: Sequence[str]) -> str:
        found = zxcvbn(password[:MOST_SCORED], user_inputs=list(about))
        if found["score"] >= LEAST_SCORE:
            return ""
        warning = str(found["feedback"]["warning"]) or "This is easily guessed"
        return f"{warning.rstrip('.')}. {SAY_MORE}"
