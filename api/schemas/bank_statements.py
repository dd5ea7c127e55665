"""Files of banks and what they led to, as the API shows them. Amounts are whole minor units."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import Request, Response
from billing.ports.bank_statements import BankStatementFile, FileEffects
from billing.services.bank_statement_reports import BankFileReport, as_text

A_STATEMENT_FILE = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>
<GrpHdr><MsgId>STM00000007</MsgId><CreDtTm>2027-02-01T18:00:00</CreDtTm></GrpHdr>
<Stmt><Id>STM00000007</Id><ElctrncSeqNb>7</ElctrncSeqNb>
<Acct><Id><IBAN>NL39RABO0300065264</IBAN></Id><Ccy>EUR</Ccy></Acct></Stmt></BkToCstmrStmt></Document>
"""
A_DOUBT: dict[str, Any] = {
    "kind": "balances",
    "message": "The balance 100.00 EUR and entries of 19.99 EUR lead to 119.99 EUR, but it closes with 120.00 EUR.",
    "expected_minor": 11999,
    "found_minor": 12000,
    "difference_minor": 1,
}


class DoubtOut(BaseModel):
    """Why a file is held, with the amounts that differ where there are two."""

    kind: str = Field(examples=["balances"], description="foreign_account, currency, balances, totals, details, ...")
    message: str = Field(examples=[A_DOUBT["message"]], description="The doubt in words.")
    expected_minor: int | None = Field(default=None, examples=[11999], description="What follows from the rest.")
    found_minor: int | None = Field(default=None, examples=[12000], description="What the file says.")
    difference_minor: int | None = Field(default=None, examples=[1], description="Found less expected.")


class BankStatementOut(Response):
    """A file as it was taken or held."""

    file_id: str = Field(examples=["bkf_1001"], description="Its identity.")
    name: str = Field(examples=["camt053-00000007.xml"], description="Its name when it came.")
    kind: str = Field(examples=["camt.053"], description="camt.052, camt.053, camt.054 or pain.002.")
    version: str = Field(examples=["camt.053.001.08"], description="As the file declares it.")
    message_id: str = Field(examples=["STM00000007"], description="The bank's name of the message.")
    source: str = Field(examples=["folder"], description="How it came: api or folder.")
    author: str = Field(examples=["finance"], description="Whose key handed it in.")
    received_at: datetime = Field(description="When it came.")
    status: str = Field(examples=["taken"], description="held, taken or rejected.")
    doubts: Sequence[DoubtOut] = Field(description="Why it is, or was, held.")
    entries: int = Field(examples=[12], description="Entries in it; 0 while it is held.")
    new_entries: int = Field(examples=[3], description="Those that no other file had brought.")
    not_booked: int = Field(examples=[0], description="Those that the bank only announces.")
    decided_by: str = Field(examples=[""], description="Who released or rejected it.")
    decision_reason: str = Field(examples=[""], description="Why.")


class EffectOut(BaseModel):
    """How many payments led to the same, with their sum."""

    effect: str = Field(
        examples=["settled"], description="settled, returned, transfer, fee, suspense, ...; empty: waits."
    )
    count: int = Field(examples=[3], description="How many.")
    amount_minor: int = Field(examples=[12630], description="Their sum, negative where money left.")
    currency: str = Field(examples=["EUR"], description="Empty for statuses, which move no money.")

    @classmethod
    def of(cls, effects: FileEffects) -> Self:
        return cls(**{name: getattr(effects, name) for name in cls.model_fields})


class BankPaymentOut(Response):
    """One payment of an entry; position 0 is the whole entry."""

    entry_id: str = Field(examples=["bke_1001"], description="The entry.")
    position: int = Field(examples=[1], description="Its place within the entry.")
    amount_minor: int = Field(examples=[1999], description="Negative where money left.")
    end_to_end_id: str = Field(examples=["inv-1042-1"], description="The payer's or our own reference.")
    return_code: str = Field(examples=["AM04"], description="Why it came back; empty when it did not.")
    counterparty_name: str = Field(examples=["J. Jansen"], description="Who is at the other end.")
    counterparty_last_four: str = Field(examples=["4300"], description="Of their account.")
    remittance: str = Field(examples=["Invoice VONK-20270131-0007"], description="What the payer wrote.")
    effect: str = Field(examples=["transfer"], description="What it led to; empty while it waits.")
    explanation: str = Field(examples=["Paid by acc_1001: it names VONK-20270131-0007."], description="Why.")


class BankReportOut(BaseModel):
    """A file with what it led to. ``text`` is the same for people; Accept: text/plain answers only that."""

    file: BankStatementOut = Field(description="The file.")
    effects: Sequence[EffectOut] = Field(description="Of payments that this file was the first to bring.")
    unassigned: Sequence[BankPaymentOut] = Field(description="Payments of it that belong to nobody yet.")
    needs_a_person: bool = Field(examples=[False], description="It is held, or something of it waits in suspense.")
    text: str = Field(examples=["bkf_1001  camt053-00000007.xml\nstatus          taken\n"], description="The report.")

    @classmethod
    def of(cls, report: BankFileReport) -> Self:
        return cls(
            file=BankStatementOut.model_validate(_shown(report.file)),
            effects=[EffectOut.of(one) for one in report.effects],
            unassigned=[BankPaymentOut.model_validate(one) for one in report.unassigned],
            needs_a_person=report.needs_a_person,
            text=as_text(report),
        )


class TakenInOut(BankReportOut):
    """``already_known``: the same content was handed in before, and nothing more happened."""

    already_known: bool = Field(examples=[False], description="The content was handed in before.")


class StatementDecisionIn(Request):
    """Why something is decided so: it stays, beside the author."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "The bank confirmed the difference by phone"}]}
    )

    reason: str = Field(min_length=1, max_length=500, description="Why, in a few words.")


def shown_file(file: BankStatementFile) -> BankStatementOut:
    """A file as it is listed."""
    return BankStatementOut.model_validate(_shown(file))


def _shown(file: BankStatementFile) -> dict[str, Any]:
    values = {name: getattr(file, name) for name in BankStatementOut.model_fields}
    return values | {"doubts": [DoubtOut.model_validate(one) for one in file.doubts]}


class SuspenseItemOut(Response):
    """Money that belongs to nobody yet, or what became of it."""

    suspense_id: str = Field(examples=["sus_1001"], description="The item.")
    brand: str = Field(examples=["vonk"], description="Whose bank account it is on.")
    amount_minor: int = Field(examples=[1999], description="Negative: money that left.")
    currency: str = Field(examples=["EUR"], description="ISO 4217.")
    booked_on: date = Field(description="The bank's booking date.")
    why: str = Field(examples=["names_nobody"], description="Why nobody was found.")
    explanation: str = Field(examples=["It names no invoice of ours."], description="The same in words.")
    end_to_end_id: str = Field(examples=[""], description="The reference that came with it.")
    remittance: str = Field(examples=["January bill"], description="What the payer wrote.")
    counterparty_name: str = Field(examples=["J. Jansen"], description="Who is at the other end.")
    counterparty_last_four: str = Field(examples=["4300"], description="Of their account; the bank has all of it.")
    return_code: str = Field(examples=[""], description="The bank's reason, for a return.")
    entry_id: str = Field(examples=["bke_1001"], description="The entry on the bank account.")
    status: str = Field(examples=["open"], description="open, sending_back, assigned, sent_back or explained.")
    transfer_reference: str = Field(examples=["SUS-1001"], description="The end-to-end id to send it back with.")
    opened_at: datetime = Field(description="Since when it waits.")
    closed_at: datetime | None = Field(description="When it was settled.")
    author: str = Field(examples=[""], description="Who decided.")
    reason: str = Field(examples=[""], description="Why.")
    to_account_id: str | None = Field(examples=["acc_1001"], description="Whose it is, once assigned.")
    to_attempt_id: str = Field(examples=["sus_1001"], description="The payment that it became, or took back.")


class CandidateOut(Response):
    """Somebody whose money it may be, with everything that speaks for it."""

    account_id: str = Field(examples=["acc_1001"], description="The account.")
    number: str = Field(examples=["V-1001"], description="Its number.")
    customer_name: str = Field(examples=["J. Jansen"], description="Its customer.")
    because: str = Field(examples=["this is open on it; the customer is called so"], description="What speaks for it.")
    invoice_id: str = Field(examples=["inv_1001"], description="The invoice meant; empty for none.")
    invoice_number: str = Field(examples=["VONK-20270131-0007"], description="Its number.")
    open_minor: int = Field(examples=[1999], description="What is open on it.")
    attempt_id: str = Field(examples=[""], description="For money that left: the debit that it may take back.")


class SuspenseViewOut(BaseModel):
    """An item with everybody it may belong to, those with the most to say for them first."""

    item: SuspenseItemOut = Field(description="The item.")
    candidates: Sequence[CandidateOut] = Field(description="Who may be meant; a person decides.")


class AssignmentIn(Request):
    """To whom an item belongs, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account_id": "acc_1001",
                    "invoice_ids": ["inv_1001"],
                    "reason": "She called and sent her bank's receipt",
                }
            ]
        }
    )

    account_id: str = Field(pattern=r"^acc_(0|[1-9][0-9]{0,17})$", description="The account whose money it is.")
    invoice_ids: list[str] = Field(
        default_factory=list, max_length=100, description="Invoices to pay, in this order; none: the oldest open ones."
    )
    attempt_id: str = Field(
        default="", max_length=100, description="For money that left: the debit by bank file that it takes back."
    )
    reason: str = Field(min_length=1, max_length=500, description="Why; it stays with the item.")


class OffsetIn(Request):
    """The item's counterpart, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"other_id": "sus_1002", "reason": "Sent back by hand on the first of February"}]
        }
    )

    other_id: str = Field(pattern=r"^sus_(0|[1-9][0-9]{0,17})$", description="The item of the opposite amount.")
    reason: str = Field(min_length=1, max_length=500, description="Why; it stays with both items.")
