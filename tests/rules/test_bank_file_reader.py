"""Bank files as they are read: every version the same, exactly, and nothing that is not one."""

from __future__ import annotations

from datetime import date
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.adapters.bank_statements import read_bank_file
from billing.adapters.bank_statements.xml_tree import NotABankFile
from billing.domain.bank_statement import BankMessage, MessageKind, StatementEntry
from billing.domain.errors import InvalidValue
from tests.builders_bank_statements import (
    DAY,
    OUR_IBAN,
    THEIR_IBAN,
    Account,
    Booking,
    Pay,
    camt053,
    camt054,
    incoming,
    pain002,
    returned,
    settlement,
)

BOOKINGS = (
    settlement(4210, "inv_1042-1", "REF1"),
    returned(4210, "inv_1041-1", "AM04", fee=300, reference="REF2"),
    incoming(1999, "Invoice VONK-20270131-0007", "REF3"),
    Booking((Pay(1000, "inv_1-1"), Pay(2000, "inv_2-1")), reference="REF4", batch="MSG-1", code="PMNT/IDDT/ESDD"),
    Booking(minor=-250, reference="REF5", code="ACMT/MDOP/FEES", text="Fees of January"),
    Booking((Pay(77),), status="PDNG"),
)


def read(content: bytes) -> BankMessage:
    return read_bank_file(BytesIO(content))


def entries(content: bytes) -> tuple[StatementEntry, ...]:
    return read(content).statements[0].entries


@pytest.mark.parametrize("version", ["02", "04", "08", "10"])
def test_a_statement_is_read_the_same_in_every_version(version: str) -> None:
    message = read(camt053(Account(BOOKINGS, opening=100_00, sequence=7), version))
    statement = message.statements[0]
    assert (message.kind, message.version, message.message_id) == (
        MessageKind.STATEMENT,
        f"camt.053.001.{version}",
        "CAMT-1",
    )
    assert (statement.account, statement.currency, statement.sequence) == (OUR_IBAN, "EUR", 7)
    assert (statement.opening_minor, statement.closing_minor, statement.closing_on) == (10_000, 14_449, DAY)
    assert [one.amount_minor for one in statement.entries] == [4210, -4510, 1999, 3000, -250, 77]
    assert [one.is_booked for one in statement.entries] == [True] * 5 + [False]
    assert [one.is_fee for one in statement.entries] == [False] * 4 + [True, False]


@pytest.mark.parametrize("version", ["02", "08"])
def test_every_payment_of_an_entry_is_read_with_all_that_names_it(version: str) -> None:
    settled, back, transfer, batch, fee, _ = entries(camt054(Account(BOOKINGS), version))
    assert (settled.details[0].end_to_end_id, settled.details[0].counterparty.account) == ("inv_1042-1", THEIR_IBAN)
    detail = back.details[0]
    assert (detail.amount_minor, detail.original_minor, detail.charges_minor) == (-4510, 4210, 300)
    assert (detail.return_code, back.is_reversal, detail.counterparty.name) == ("AM04", True, "J. Jansen")
    assert transfer.details[0].remittance == "Invoice VONK-20270131-0007"
    assert transfer.details[0].end_to_end_id == ""  # NOTPROVIDED names nothing
    assert [one.amount_minor for one in batch.details] == [1000, 2000]
    assert (batch.payment_information_id, batch.transaction_code) == ("MSG-1", "PMNT/IDDT/ESDD")
    assert (fee.details, fee.text) == ((), "Fees of January")


@pytest.mark.parametrize("version", ["03", "10"])
def test_a_status_names_the_file_its_batch_and_its_debits(version: str) -> None:
    content = pain002(
        "MSG-1", group="PART", debits=[("inv_1-1", "RJCT", "AC04"), ("inv_2-1", "ACCP", "")], version=version
    )
    found = [
        (one.payment_information_id, one.end_to_end_id, one.status, one.reason_code) for one in read(content).statuses
    ]
    assert found == [("", "", "PART", ""), ("MSG-1", "inv_1-1", "RJCT", "AC04"), ("MSG-1", "inv_2-1", "ACCP", "")]
    rejected = read(pain002("MSG-1", batch="RJCT", reason="FF01", version=version)).statuses
    assert [(one.message_id, one.status, one.reason_code, one.reason_text) for one in rejected] == [
        ("MSG-1", "RJCT", "FF01", "as the bank says")
    ]


def test_a_message_within_a_wrapper_and_with_prefixes_is_the_same_message() -> None:
    plain = camt053(Account(BOOKINGS)).decode()
    body = plain[plain.index("<Document") :]
    wrapped = f"<Envelope xmlns='urn:some:bank'><AppHdr><MsgDefIdr>x</MsgDefIdr></AppHdr>{body}</Envelope>"
    prefixed = plain.replace("<Document xmlns=", "<Document xmlns:c=").replace("<", "<c:").replace("<c:/", "</c:")
    prefixed = prefixed.replace("<c:?xml", "<?xml").replace("<c:Document xmlns:c=", "<c:Document xmlns:c=")
    assert read(wrapped.encode()) == read(plain.encode()) == read(prefixed.encode())


# A damage, and the element that the refusal names.
DAMAGES = {
    "not XML": (b"MT940 :20:STARTUMS", "file"),
    "empty": (b"", "file"),
    "another document": (b"<html><body/></html>", "file"),
    "a file to the bank": (camt053(Account()).replace(b"BkToCstmrStmt", b"CstmrCdtTrfInitn"), "CstmrCdtTrfInitn"),
    "a file of ours": (camt053(Account()).replace(b"BkToCstmrStmt", b"CstmrDrctDbtInitn"), "CstmrDrctDbtInitn"),
    "an entity": (b"<!DOCTYPE d [<!ENTITY a 'x'>]>" + camt053(Account()).split(b"\n")[1], "DOCTYPE"),
    "a document type": (b"<!DOCTYPE Document>" + camt053(Account()).split(b"\n")[1], "DOCTYPE"),
    "no amount": (camt053(Account((incoming(1),))).replace(b">0.01<", b">a cent<"), "Amt"),
    "a signed amount": (camt053(Account((incoming(1),))).replace(b">0.01<", b">-0.01<"), "Amt"),
    "not a number": (camt053(Account((incoming(1),))).replace(b">0.01<", b">NaN<"), "Amt"),
    "an exponent": (camt053(Account((incoming(1),))).replace(b">0.01<", b">1e9<"), "Amt"),
    "half a cent": (camt053(Account((incoming(1),))).replace(b">0.01<", b">0.005<"), "Amt"),
    "more than there is": (camt053(Account((incoming(1),))).replace(b">0.01<", b">" + b"9" * 30 + b"<"), "Amt"),
    "no currency": (camt053(Account((incoming(1),))).replace(b"Ccy='EUR'>0.01", b"Ccy=''>0.01"), "Amt/@Ccy"),
    "no sign": (camt053(Account((incoming(1),))).replace(b"CRDT", b"BOTH"), "CdtDbtInd"),
    "no such day": (camt053(Account((incoming(1),))).replace(b"2027-02-01<", b"2027-02-31<"), "BookgDt"),
    "no booking date": (camt053(Account((incoming(1),))).replace(b"BookgDt", b"OtherDt"), "Ntry/BookgDt"),
    "no account": (camt053(Account()).replace(b"IBAN", b"Nmbr"), "Acct/Id"),
    "no name": (camt053(Account()).replace(b"MsgId", b"MsgNo"), "GrpHdr/MsgId"),
    "a sequence of words": (camt053(Account()).replace(b"Nb>1<", b"Nb>one<"), "ElctrncSeqNb"),
    "cut off": (camt053(Account(BOOKINGS))[:-200], "file"),
    "too deep": (camt053(Account()).replace(b"<Stmt>", b"<Stmt>" + b"<a>" * 50 + b"</a>" * 50), "a"),
    "an unknown encoding": (camt053(Account()).replace(b"UTF-8", b"martian"), "encoding"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_no_bank_file_is_refused_with_field_value_and_way_out(name: str) -> None:
    content, field = DAMAGES[name]
    with pytest.raises(NotABankFile) as refused:
        read(content)
    assert refused.value.field == field
    assert refused.value.remedy


def test_a_file_of_any_size_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.adapters.bank_statements.xml_tree.LARGEST_FILE_BYTES", 20_000)
    with pytest.raises(NotABankFile, match="too large"):
        read(camt053(Account(BOOKINGS * 100)))
    monkeypatch.setattr("billing.adapters.bank_statements.reader.MOST_PAYMENTS", 10)
    with pytest.raises(NotABankFile, match="too many"):
        read(camt053(Account(BOOKINGS)))


SAMPLE = camt053(Account(BOOKINGS))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(SAMPLE) - 1), st.integers(0, 60), st.binary(max_size=30))
def test_a_file_damaged_anywhere_is_read_or_refused_and_nothing_else(at: int, cut: int, inserted: bytes) -> None:
    found = read_or_refusal(SAMPLE[:at] + inserted + SAMPLE[at + cut :])
    if isinstance(found, InvalidValue):
        assert (bool(found.field), bool(found.remedy)) == (True, True)
    else:
        assert found.kind in MessageKind
        assert all(isinstance(one.amount_minor, int) for each in found.statements for one in each.entries)


def read_or_refusal(content: bytes) -> BankMessage | InvalidValue:
    """What is said about a file; anything else that is raised is a failure."""
    try:
        return read(content)
    except InvalidValue as refusal:
        return refusal


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**15 - 1), st.sampled_from(["EUR", "JPY", "KWD"]), st.booleans())
def test_amounts_are_exact_at_any_height(units: int, currency: str, credit: bool) -> None:
    digits = {"EUR": 2, "JPY": 0, "KWD": 3}[currency]
    written = f"{units}.{'7' * digits}" if digits else str(units)
    content = camt054(Account((incoming(123456),))).replace(
        b"Ccy='EUR'>1234.56", f"Ccy='{currency}'>{written}".encode()
    )
    content = content if credit else content.replace(b"CRDT", b"DBIT")
    minor = int(f"{units}{'7' * digits}")
    assert entries(content)[0].amount_minor == (minor if credit else -minor)


def test_dates_with_times_and_zones_are_the_banks_own_day() -> None:
    content = camt053(Account((incoming(1),)))
    for written in (b"<BookgDt><DtTm>2027-02-01T23:59:59+01:00</DtTm>", b"<BookgDt><Dt>2027-02-01+01:00</Dt>"):
        changed = content.replace(b"<BookgDt><Dt>2027-02-01</Dt>", written)
        assert entries(changed)[0].booked_on == date(2027, 2, 1)
