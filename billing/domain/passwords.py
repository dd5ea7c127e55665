"""What a password must be before anybody looks how easily it is guessed (NIST SP 800-63B: length, no composition)."""

from __future__ import annotations

from billing.domain.errors import InvalidValue

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 200


def checked_length(password: str, field: str = "password") -> str:
    """The password as it is. Raises InvalidValue for one that is too short or too long, without repeating it."""
    if len(password) < LEAST_CHARACTERS:
        raise InvalidValue(
            f"This has {len(password)} characters.", field=field, remedy=f"Use at least {LEAST_CHARACTERS} characters."
        )
    if len(password) > MOST_CHARACTERS:
        raise InvalidValue(
            f"This has {len(password)} characters.", field=field, remedy=f"Use at most {MOST_CHARACTERS} characters."
        )
    return password
