"""The bank's statements (camt.053, one per account and booking day) and notifications (camt.054, at once)."""

from __future__ import annotations

from datetime import date

from lxml import etree

from simulator.bank.reports import keep, next_number
from simulator.bank.xml import Message
from simulator.store import Json, Transaction

STATEMENT = {"08": "camt.053.001.08", "02": "camt.053.001.02"}
NOTIFICATION = {"08": "camt.054.001.08", "02": "camt.054.001.02"}
OWNER_BANK = "BANKSIMDEXXX"


def notify(tx: Transaction, account: str, entry: Json, family: str) -> Json:
    """Tell of one entry, as soon as it is booked."""
    number = next_number(tx, "bank_notifications")
    message, block = _begin(tx, NOTIFICATION[family], "BkToCstmrDbtCdtNtfctn", "Ntfctn", f"NTF{number:08d}", account)
    _entry(message, block, entry, family, with_details=True)
    return keep(tx, "camt.054", number, message.as_text())


def state(tx: Transaction, account: str, day: date, entries: list[Json], family: str) -> Json:
    """The statement of one day; balances and numbers go on from the one before."""
    number = next_number(tx, f"bank_statements:{account}")
    opening = int(tx.setting(f"bank_balance:{account}") or 0)
    closing = opening + sum(entry["amount_minor"] for entry in entries)
    tx.keep(f"bank_balance:{account}", closing)
    file_number = next_number(tx, "bank_statement_files")
    message, block = _begin(
        tx, STATEMENT[family], "BkToCstmrStmt", "Stmt", f"STM{file_number:08d}", account, sequence=number
    )
    for code, amount in (("OPBD", opening), ("CLBD", closing)):
        balance = message.add(block, "Bal")
        message.add(balance, "Tp/CdOrPrtry/Cd", code)
        message.amount(balance, "Amt", amount)
        message.add(balance, "CdtDbtInd", _sign(amount))
        message.add(balance, "Dt/Dt", day.isoformat())
    for entry in entries:
        _entry(message, block, entry, family, with_details=entry["batch"] is None)
    return keep(tx, "camt.053", file_number, message.as_text())


def _begin(
    tx: Transaction, version: str, root: str, block_name: str, message_id: str, account: str, sequence: int = 0
) -> tuple[Message, etree._Element]:
    message = Message(version, root)
    written = tx.business_now.strftime("%Y-%m-%dT%H:%M:%S")
    header = message.add(message.root, "GrpHdr")
    message.add(header, "MsgId", message_id)
    message.add(header, "CreDtTm", written)
    block = message.add(message.root, block_name)
    message.add(block, "Id", message_id)
    if sequence:
        message.add(block, "ElctrncSeqNb", str(sequence))
    message.add(block, "CreDtTm", written)
    owner = message.add(block, "Acct")
    message.add(owner, "Id/IBAN", account)
    message.add(owner, "Ccy", "EUR")
    return message, block


def _sign(amount_minor: int) -> str:
    return "DBIT" if amount_minor < 0 else "CRDT"


def _entry(message: Message, block: etree._Element, entry: Json, family: str, *, with_details: bool) -> None:
    """An entry; a collection booked in one sum has its single debits in the notification only, as many banks do."""
    booked = message.add(block, "Ntry")
    message.add(booked, "NtryRef", entry["id"])
    message.amount(booked, "Amt", entry["amount_minor"])
    message.add(booked, "CdtDbtInd", _sign(entry["amount_minor"]))
    message.add(booked, "Sts/Cd" if family == "08" else "Sts", "BOOK")
    message.add(booked, "BookgDt/Dt", entry["booked_on"])
    message.add(booked, "ValDt/Dt", entry["booked_on"])
    message.add(booked, "AcctSvcrRef", entry["id"])
    domain = message.add(booked, "BkTxCd/Domn")
    message.add(domain, "Cd", "PMNT")
    kind = message.add(domain, "Fmly")
    message.add(kind, "Cd", entry["family"])
    message.add(kind, "SubFmlyCd", entry["sub_family"])
    details = message.add(booked, "NtryDtls")
    if entry["batch"] is not None:
        batch = message.add(details, "Btch")
        message.add(batch, "MsgId", entry["batch"]["message_id"])
        message.add(batch, "PmtInfId", entry["batch"]["payment_information_id"])
        message.add(batch, "NbOfTxs", str(len(entry["details"])))
        message.amount(batch, "TtlAmt", entry["amount_minor"])
        message.add(batch, "CdtDbtInd", _sign(entry["amount_minor"]))
    for detail in entry["details"] if with_details else ():
        _detail(message, details, detail, family)


def _detail(message: Message, parent: etree._Element, detail: Json, family: str) -> None:
    one = message.add(parent, "TxDtls")
    references = message.add(one, "Refs")
    message.add(references, "AcctSvcrRef", detail["id"])
    message.add(references, "EndToEndId", detail["end_to_end_id"] or "NOTPROVIDED")
    if detail["mandate_id"]:
        message.add(references, "MndtId", detail["mandate_id"])
    message.amount(one, "Amt", detail["amount_minor"])
    message.add(one, "CdtDbtInd", _sign(detail["amount_minor"]))
    if detail["fee_minor"]:
        message.amount(one, "AmtDtls/InstdAmt/Amt", abs(detail["amount_minor"]) - detail["fee_minor"])
        charge = message.add(one, "Chrgs/Rcrd" if family == "08" else "Chrgs")
        message.amount(charge, "Amt", detail["fee_minor"])
        if family == "08":
            message.add(charge, "CdtDbtInd", "DBIT")
    parties = message.add(one, "RltdPties")
    party = detail.get("party", "Dbtr")
    message.add(parties, f"{party}/Pty/Nm" if family == "08" else f"{party}/Nm", detail["name"])
    message.add(parties, f"{party}Acct/Id/IBAN", detail["iban"])
    if detail["remittance"]:
        message.add(one, "RmtInf/Ustrd", detail["remittance"])
    if detail["return_code"]:
        message.add(one, "RtrInf/Rsn/Cd", detail["return_code"])
