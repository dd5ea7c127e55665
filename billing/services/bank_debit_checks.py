"""A debit as it would stand in a file, or the reason why it cannot: asked when it is written down and when it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billing.domain.bank_dates import CutOff
from billing.domain.bank_debit import Candidate, Problem, problem_of
from billing.ports.bank_file_writing import Amendment, CreditorParty, DebitLine, Seal, SealBroken
from billing.ports.bank_files import Address, BankAccount, BankDebit, Creditor
from billing.ports.unit_of_work import UnitOfWork
from billing.services.bank_mandate_history import amendment_of, history_of


def account_context(account_id: str, mandate_reference: str) -> str:
    """What an account number is sealed with, so that it opens only where it belongs."""
    return f"bank_accounts/{account_id}/{mandate_reference}"


async def line_of(work: UnitOfWork, debit: BankDebit, creditor: Creditor | None, seal: Seal) -> DebitLine | Problem:
    """The debit's line of a file, or the first thing wrong with it."""
    if creditor is None:
        remedy = f"PUT /v1/brands/{debit.brand}/bank-creditor says whose account the money goes to."
        return Problem("creditor", debit.brand, remedy)
    account = await work.bank_files.account(debit.account_id, debit.method_id)
    history = await history_of(work, account, debit.attempt_id)
    try:
        iban = opened(account, seal)
        account_changed = history.told is not None and opened(history.told, seal) != iban
    except SealBroken as broken:
        return Problem("iban", account.mandate_reference, f"{broken} Set EVENFLOW_SECRETS_IBAN_KEYS as it was then.")
    candidate = Candidate(
        amount_minor=debit.amount_minor,
        currency=debit.currency,
        end_to_end_id=debit.end_to_end_id,
        mandate_reference=debit.mandate_reference,
        signed_on=debit.signed_on,
        last_used_on=max(debit.signed_on, history.last_on or debit.signed_on),
        holder_name=account.holder_name,
        due_on=debit.due_on,
        scheme=debit.scheme,
        one_off=account.one_off,
        used_before=history.is_used,
        bank_country=iban[:2],
        bic=account.bic,
        has_address=bool(account.address),
    )
    problem = problem_of(candidate, creditor.largest_minor)
    if problem is not None:
        return problem
    amendment = await amendment_of(work, history, account, creditor, account_changed=account_changed)
    return _line(debit, account, iban, amendment)


def opened(account: BankAccount, seal: Seal) -> str:
    """The account number in clear. Raises SealBroken."""
    return seal.open(account.iban_sealed, account_context(account.account_id, account.mandate_reference)).decode()


def _line(debit: BankDebit, account: BankAccount, iban: str, amendment: Amendment) -> DebitLine:
    return DebitLine(
        end_to_end_id=debit.end_to_end_id,
        amount_minor=debit.amount_minor,
        mandate_reference=debit.mandate_reference,
        signed_on=debit.signed_on,
        holder_name=account.holder_name,
        iban=iban,
        bic=account.bic,
        text=debit.description,
        address=address_of(account.address),
        amendment=amendment,
    )


def address_of(data: Mapping[str, Any]) -> Address | None:
    """An address as it is kept; None where there is none."""
    return Address(**{**data, "lines": tuple(data.get("lines", ()))}) if data else None


def party_of(creditor: Creditor) -> CreditorParty:
    """The creditor as a file names it."""
    return CreditorParty(creditor.name, creditor.iban, creditor.bic, creditor.creditor_id, address_of(creditor.address))


def cut_off_of(creditor: Creditor, zone: str) -> CutOff:
    """The creditor's bank's cut-off."""
    return CutOff(creditor.lead_banking_days, creditor.cut_off_hour_local, creditor.make_hours_before, zone)
