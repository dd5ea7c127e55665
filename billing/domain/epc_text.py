"""The characters that every bank of SEPA takes, and how other texts are written in them.

Source: EPC217-08 (best practices, SEPA requirements for an extended character set) and the implementation guidelines
of the direct debit schemes: Latin letters, digits, ``/ - ? : ( ) . , ' +`` and the space; identifications neither begin
nor end with a slash and hold no two slashes in a row.
"""

from __future__ import annotations

import re
import string

EPC_CHARACTERS = frozenset(string.ascii_letters + string.digits + "/-?:().,'+ ")
_IDENTIFICATION = re.compile(r"(?!/)(?!.*//)[A-Za-z0-9/\-?:().,'+]([A-Za-z0-9/\-?:().,'+ ]*[A-Za-z0-9\-?:().,'+])?")
# Where a letter alone would not say what was meant.
_SPELT_OUT = {"&": "+", "@": "(at)", "_": "-", "€": "EUR"}


def epc_text(text: str, most: int) -> str:
    """A text as every bank takes it: other scripts and accents spelt out, the rest left out, cut to ``most``."""
    from text_unidecode import unidecode

    spelt = "".join(_SPELT_OUT.get(letter, letter) for letter in text)
    plain = "".join(letter if letter in EPC_CHARACTERS else " " for letter in unidecode(spelt))
    return " ".join(plain.split())[:most].strip()


def is_identification(text: str, most: int = 35) -> bool:
    """True for a reference that every bank takes as it is: a mandate's, a message's, an end-to-end identification."""
    return len(text) <= most and _IDENTIFICATION.fullmatch(text) is not None
