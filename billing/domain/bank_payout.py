"""What a SEPA credit transfer to a customer must be before it may go into a file.

Source: EPC implementation guidelines of the credit transfer scheme (EPC132-08).
"""

from __future__ import annotations

from billing.domain.bank_debit import CURRENCY, EEA, MOST_MINOR, Problem
from billing.domain.epc_text import epc_text


def problem_of_payout(
    amount_minor: int, currency: str, holder_name: str, bank_country: str, bic: str, largest_minor: int
) -> Problem | None:
    """The first reason why no bank would carry it out, or ours must not send it."""
    if currency != CURRENCY:
        return Problem("currency", currency, "SEPA transfers are in EUR: pay it out another way.")
    most = min(largest_minor, MOST_MINOR)
    if not 0 < amount_minor <= most:
        remedy = f"One payout is of 1 to {most} minor units: raise the creditor's largest_minor, or cancel it."
        return Problem("amount_minor", str(amount_minor), remedy)
    if not epc_text(holder_name, 70):
        remedy = "Nothing of the holder's name can be written for the bank: cancel it, and order it with a Latin name."
        return Problem("holder_name", holder_name, remedy)
    if bank_country not in EEA and not bic:
        remedy = f"A transfer to {bank_country} needs the bank's BIC: cancel it, and order it with the BIC."
        return Problem("bic", "", remedy)
    return None


def end_to_end_id_of_payout(payout_id: str) -> str:
    """The payout's own reference at every bank, unique over all accounts."""
    return f"PAYOUT-{payout_id.rpartition('_')[2]}"
