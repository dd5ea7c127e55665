"""What a SEPA direct debit must be before it may go into a file. The first thing wrong is told, with the way out.

Source: EPC implementation guidelines of the core (EPC130-08) and B2B (EPC131-08) schemes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

from billing.domain.epc_text import epc_text, is_identification

CURRENCY = "EUR"
# The schemes' own limit of one debit, in cents.
MOST_MINOR = 99_999_999_999
# A mandate that was not used for this long is dead.
MANDATE_LIVES_MONTHS = 36
LONGEST_ID = 35
_EEA = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
EEA = frozenset(_EEA.split())


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a debit cannot go: the field, its value, and what a person can do."""

    field: str
    value: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A debit with its mandate. ``last_used_on`` is the mandate's last debit, or its signing."""

    amount_minor: int
    currency: str
    end_to_end_id: str
    mandate_reference: str
    signed_on: date
    last_used_on: date
    holder_name: str
    due_on: date
    scheme: str
    one_off: bool
    used_before: bool
    bank_country: str = "NL"
    bic: str = ""
    has_address: bool = False


def problem_of(debit: Candidate, largest_minor: int) -> Problem | None:
    """The first reason why no bank would take this debit, or ours must not send it."""
    return _wrong_amount(debit, largest_minor) or _wrong_mandate(debit) or _wrong_words(debit) or _too_little(debit)


def _wrong_amount(debit: Candidate, largest_minor: int) -> Problem | None:
    if debit.currency != CURRENCY:
        return Problem("currency", debit.currency, "SEPA debits are in EUR: let the customer pay another way.")
    most = min(largest_minor, MOST_MINOR)
    if not 0 < debit.amount_minor <= most:
        remedy = f"One debit takes 1 to {most} minor units: raise the creditor's largest_minor, or collect another way."
        return Problem("amount_minor", str(debit.amount_minor), remedy)
    return None


def _wrong_mandate(debit: Candidate) -> Problem | None:
    if not is_identification(debit.mandate_reference):
        remedy = "A mandate reference has 35 letters, digits and / - ? : ( ) . , ' + at most: store the mandate anew."
        return Problem("mandate_reference", debit.mandate_reference, remedy)
    if debit.signed_on > debit.due_on:
        remedy = "The mandate must be signed before the debit: store it anew with its true date."
        return Problem("signed_on", debit.signed_on.isoformat(), remedy)
    if months_between(debit.last_used_on, debit.due_on) >= MANDATE_LIVES_MONTHS:
        remedy = f"A mandate not used for {MANDATE_LIVES_MONTHS} months has ended: ask the customer for a new one."
        return Problem("last_used_on", debit.last_used_on.isoformat(), remedy)
    if debit.one_off and debit.used_before:
        remedy = "This mandate was for one debit only: ask the customer for a new one."
        return Problem("one_off", "true", remedy)
    return None


def _wrong_words(debit: Candidate) -> Problem | None:
    if not epc_text(debit.holder_name, 70):
        remedy = "Nothing of the holder's name can be written for the bank: store the account anew with a Latin name."
        return Problem("holder_name", debit.holder_name, remedy)
    if not is_identification(debit.end_to_end_id):
        return Problem("end_to_end_id", debit.end_to_end_id, "This is a fault of ours: report it.")
    return None


def _too_little(debit: Candidate) -> Problem | None:
    """Outside the European Economic Area the schemes ask for the bank and the debtor's address too."""
    if debit.bank_country in EEA:
        return None
    if not debit.bic:
        remedy = f"A debit in {debit.bank_country} needs the bank's BIC: store the account anew with it."
        return Problem("bic", "", remedy)
    if not debit.has_address:
        remedy = f"A debit in {debit.bank_country} needs town and country of the holder: store the account anew."
        return Problem("address", "", remedy)
    return None


def months_between(earlier: date, later: date) -> int:
    """Whole months from one date to another."""
    months = (later.year - earlier.year) * 12 + later.month - earlier.month
    return months - (later.day < earlier.day)


def end_to_end_id_of(account_id: str, attempt_id: str) -> str:
    """The debit's own reference at every bank: the attempt's id where it fits, else a hash of it."""
    written = attempt_id.replace("_", "-")
    if is_identification(written, LONGEST_ID):
        return written
    return "EV" + hashlib.sha256(f"{account_id}/{attempt_id}".encode()).hexdigest()[:32].upper()
