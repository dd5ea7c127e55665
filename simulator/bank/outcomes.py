"""What becomes of each debit: a story's script first, then the test account's own behaviour.

An outcome is written ``settle``, ``reject:AC01`` (before settlement, told by status report), ``return:AM04`` or
``return:AM04:3`` (after so many banking days), ``refund:MD06:20`` (the customer asked the bank for it), each with a fee
in cents where a fourth part is given: ``return:MS03:2:350``. A script belongs to ``bank:iban:<IBAN>``,
``bank:mandate:<reference>`` or ``bank:debit:<end-to-end id>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simulator.bank.orders import Debit
from simulator.store import Json, Transaction
from simulator.stripe.test_values import DISPUTE, IBANS, UNSUPPORTED_ENDINGS

SETTLE, REJECT, RETURN, REFUND = "settle", "reject", "return", "refund"
_WRITTEN = re.compile(r"(settle|reject|return|refund)(?::([A-Z0-9]{4}))?(?::(\d{1,3}))?(?::(\d{1,6}))?")
DAYS = {RETURN: 2, REFUND: 10}

# The bank 37040044 keeps one account for each of these: 05320131 and the two digits.
BY_ACCOUNT = {
    "10": "reject:AC01",
    "11": "reject:AC04",
    "12": "reject:AG01",
    "20": "return:AM04",
    "21": "return:MS03",
    "22": "return:AC04",
    "23": "return:AC06",
    "24": "return:MD01",
    "25": "return:MD07",
    "26": "return:MS02",
    "27": "return:SL01",
    "28": "return:AM04:2:350",
    "30": "refund:MD06",
    "31": "refund:MD06:40",
    "32": "refund:MD01:60",
}


@dataclass(frozen=True, slots=True)
class BankOutcome:
    """How one debit ends: ``code`` of the scheme, banking days after the debit date, the fee taken with a return."""

    kind: str = SETTLE
    code: str = ""
    days: int = 0
    fee_minor: int = 0


def read_bank_outcome(written: Any) -> BankOutcome:
    """An outcome from a script. Raises ``ValueError`` that names the forms there are."""
    found = _WRITTEN.fullmatch(str(written))
    if found is None or (found[1] == SETTLE) != (found[2] is None):
        raise ValueError(f"outcome {written!r} is unknown; write settle, reject:AC01, return:AM04:2 or refund:MD06:10.")
    kind, code, days, fee = found.groups()
    return BankOutcome(kind, code or "", DAYS.get(kind, 0) if days is None else int(days), int(fee or 0))


def write_bank_script(tx: Transaction, subject: str, outcomes: list[Any], repeat_last: bool) -> Json:
    """Keep the coming outcomes of a subject."""
    for written in outcomes:
        read_bank_outcome(written)
    return tx.save("script", {"id": subject, "outcomes": outcomes, "repeat_last": repeat_last})


def decide(tx: Transaction, debit: Debit) -> BankOutcome:
    """The outcome of this debit; takes it off the script where there is one."""
    for subject in _subjects(debit):
        script = tx.get("script", subject)
        if script is None or not script["outcomes"]:
            continue
        written = script["outcomes"][0]
        if len(script["outcomes"]) > 1 or not script["repeat_last"]:
            tx.save("script", {**script, "outcomes": script["outcomes"][1:]})
        return read_bank_outcome(written)
    return read_bank_outcome(_behaviour(debit.iban))


def _subjects(debit: Debit) -> Iterator[str]:
    yield f"bank:debit:{debit.end_to_end_id}"
    yield f"bank:mandate:{debit.mandate_id}"
    yield f"bank:iban:{debit.iban}"


def _behaviour(iban: str) -> str:
    if iban[4:20] == "3704004405320131":
        return BY_ACCOUNT.get(iban[20:], SETTLE)
    if iban.endswith(tuple(UNSUPPORTED_ENDINGS)):
        return "reject:AG01"
    known = IBANS.get(iban)
    if known is None or known.outcome == "succeed":
        return SETTLE
    if known.outcome == DISPUTE:
        return "refund:MD06"
    code = "AM04" if "insufficient" in known.outcome else "SL14" if "exceeds" in known.outcome else "MS03"
    return f"return:{code}:{5 if known.delayed else 2}"
