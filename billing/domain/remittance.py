"""Which invoice numbers a payer may have meant: read from what stands in a transfer, never guessed.

Payers write ``VONK-20270131-0007`` as printed, in small letters, with blanks or dots for the dashes or without any, in
a sentence or as a creditor reference (``RF`` and two check digits before it, ISO 11649).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_WORD = re.compile(r"[A-Z0-9]+")
_REFERENCE = re.compile(r"RF[0-9]{2}(?P<rest>[A-Z0-9]{1,21})")
# As our series are written: letters of the brand, perhaps CN, the day, the number (``invoicing_numbers``).
_UNDIVIDED = re.compile(r"(?P<brand>[A-Z0-9]*[A-Z])(?P<day>[0-9]{8})(?P<number>[0-9]{4,})")
MOST_WORDS = 80
MOST_PARTS = 4


def numbers_in(*texts: str) -> list[str]:
    """Everything in the texts that may be an invoice number as printed, each once, in the order of reading."""
    return list(dict.fromkeys(number for text in texts for number in _candidates(text)))


def words_in(*texts: str) -> list[str]:
    """Every word of the texts in capital letters, each once."""
    return list(dict.fromkeys(word for text in texts for word in _WORD.findall(text.upper())[:MOST_WORDS]))


def _candidates(text: str) -> Iterator[str]:
    words = _WORD.findall(text.upper())[:MOST_WORDS]
    for start, word in enumerate(words):
        for length in range(1, MOST_PARTS + 1):
            if start + length <= len(words):
                yield "-".join(words[start : start + length])
        yield from _undivided(word)
        reference = _REFERENCE.fullmatch(word)
        if reference is not None:
            yield reference["rest"]
            yield from _undivided(reference["rest"])


def _undivided(word: str) -> Iterator[str]:
    found = _UNDIVIDED.fullmatch(word)
    if found is not None:
        yield f"{found['brand']}-{found['day']}-{found['number']}"
