"""Prefixed identities: integers inside the database, ``acc_1042`` everywhere a person or a system can see them."""

from __future__ import annotations

from billing.domain.errors import InvalidValue

ACCOUNT = "acc"
SERVICE = "svc"
INVOICE = "inv"
NOTICE = "ntc"
METHOD = "pm"
CASE = "case"
ORDER = "ord"
FILE = "file"
DISPUTE = "dsp"
PROMISE = "prm"
ENTRY = "led"
LINE_ISSUE = "rec"
ADJUSTMENT = "adj"
MOVE = "mov"
GRANT = "grt"
CORRECTION = "cor"
BATCH = "batch"
BANK_FILE = "bkf"
BANK_ENTRY = "bke"
SUSPENSE = "sus"
STAFF_CASE = "stc"
RESTRICTION = "rst"
ACCEPTANCE = "man"
PAYMENT_PLAN = "pln"
FEE = "fee"
HAND_OVER = "hnd"
BULK_ACTION = "blk"
PAYOUT = "pyo"


def show(prefix: str, number: int) -> str:
    """The visible form of an identity: ``show("acc", 1042) == "acc_1042"``."""
    return f"{prefix}_{number}"


def parse(prefix: str, text: str, field: str = "id") -> int:
    """The integer behind a visible identity; refuses another prefix or anything that is no number."""
    head, _, tail = text.rpartition("_")
    is_written_so = tail.isascii() and tail.isdigit() and len(tail) <= 18 and str(int(tail)) == tail
    if head != prefix or not is_written_so:
        raise InvalidValue(
            f"{text!r} is not an identity of this kind.",
            field=field,
            value=text,
            remedy=f"Use the form {prefix}_<number>, as the API answered it.",
        )
    return int(tail)
