"""What a password must be before anybody looks how easily it is guessed (NIST SP 800-63B: length, no composition)."""

from __future__ import annotations

from collections.abc import Iterable

from billing.domain.errors import InvalidValue

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 200
LEAST_OWN = 8


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


def refuse_known_words(password: str, known: Iterable[str], field: str = "password") -> None:
    """Raises InvalidValue for a password that is little more than words everybody knows about its owner."""
    left = _letters(password)
    for word in sorted({_letters(word) for word in known if len(_letters(word)) > 2}, key=len, reverse=True):
        left = left.replace(word, "")
    if len(left) < LEAST_OWN:
        raise InvalidValue(
            "This is mostly your name or address, which are easily guessed.",
            field=field,
            remedy="Use a few words that do not belong together.",
        )


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
