"""Builders of direct debit by bank file: creditors, debit lines, and files as our writer makes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from billing.adapters.bank_files.pain008 import PainWriter
from billing.ports.bank_file_writing import CreditorParty, DebitFile, DebitLine

CREDITOR_ID = "NL69ZZZ123456780000"
CREDITOR_IBAN = "NL39RABO0300065264"
A_MONDAY = date(2027, 3, 22)
GOOD_IBAN = "DE89370400440532013000"


def an_iban(code: str) -> str:
    """The IBAN of the simulated bank's account with this behaviour (``simulator.bank.outcomes.BY_ACCOUNT``)."""
    bban = f"3704004405320131{code}"
    return f"DE{98 - int(f'{bban}131400') % 97:02d}{bban}"


def a_creditor_party(**changes: Any) -> CreditorParty:
    return replace(CreditorParty("Vonk Mobiel", CREDITOR_IBAN, "RABONL2U", CREDITOR_ID), **changes)


def a_line(number: int = 1, **changes: Any) -> DebitLine:
    """A debit of 42.10 EUR under the mandate VONK-<number>."""
    line = DebitLine(
        f"inv-{number}-1", 4210, f"VONK-{number}", date(2027, 1, 4), "Sanne de Vries", GOOD_IBAN, "", "Vonk V27-1"
    )
    return replace(line, **changes)


def a_file(*lines: DebitLine, **changes: Any) -> DebitFile:
    """A file for Monday 22 March 2027."""
    file = DebitFile(
        message_id="EF20270322-1001",
        version="pain.008.001.08",
        made_at=datetime(2027, 3, 18, 12, 0, tzinfo=UTC),
        creditor=a_creditor_party(),
        collect_on=A_MONDAY,
        sequence="RCUR",
        scheme="CORE",
        debits=lines or (a_line(),),
    )
    return replace(file, **changes)


def the_bytes(*lines: DebitLine, **changes: Any) -> bytes:
    """The same, written."""
    return PainWriter().write(a_file(*lines, **changes))
