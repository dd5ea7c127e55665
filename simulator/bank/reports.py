"""The bank's status report (pain.002): what became of a file and of the debits that it refuses before settlement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lxml import etree

from simulator.bank.xml import Message
from simulator.store import Json, Transaction

REPORT = {"08": "pain.002.001.10", "02": "pain.002.001.03"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One debit that the bank refuses."""

    end_to_end_id: str
    code: str
    why: str = ""


class TakenFile(Protocol):
    """A file as its report names it."""

    @property
    def message_id(self) -> str: ...
    @property
    def payment_information_id(self) -> str: ...
    @property
    def message_name(self) -> str: ...


def file_refused(tx: Transaction, message_id: str, code: str, why: str, family: str = "08") -> Json:
    """The report on a file that is refused as a whole."""
    message, number = _begin(tx, family)
    group = _original(message, message_id)
    message.add(group, "GrpSts", "RJCT")
    _reason(message, group, code, why)
    return keep(tx, "pain.002", number, message.as_text())


def file_taken(tx: Transaction, order: TakenFile, refused: Sequence[Refusal], family: str = "08") -> Json:
    """The report on a file that was taken, with the debits that were not."""
    message, number = _begin(tx, family)
    group = _original(message, order.message_id, order.message_name)
    message.add(group, "GrpSts", "PART" if refused else "ACCP")
    block = message.add(message.root, "OrgnlPmtInfAndSts")
    message.add(block, "OrgnlPmtInfId", order.payment_information_id)
    message.add(block, "PmtInfSts", "PART" if refused else "ACCP")
    for refusal in refused:
        entry = message.add(block, "TxInfAndSts")
        message.add(entry, "OrgnlEndToEndId", refusal.end_to_end_id)
        message.add(entry, "TxSts", "RJCT")
        _reason(message, entry, refusal.code, refusal.why)
    return keep(tx, "pain.002", number, message.as_text())


def _begin(tx: Transaction, family: str) -> tuple[Message, int]:
    number = next_number(tx, "bank_reports")
    message = Message(REPORT[family], "CstmrPmtStsRpt")
    header = message.add(message.root, "GrpHdr")
    message.add(header, "MsgId", f"STS{number:08d}")
    message.add(header, "CreDtTm", tx.business_now.strftime("%Y-%m-%dT%H:%M:%S"))
    return message, number


def _original(message: Message, message_id: str, name: str = "pain.008") -> etree._Element:
    group = message.add(message.root, "OrgnlGrpInfAndSts")
    message.add(group, "OrgnlMsgId", message_id)
    message.add(group, "OrgnlMsgNmId", name)
    return group


def _reason(message: Message, parent: etree._Element, code: str, why: str) -> None:
    info = message.add(parent, "StsRsnInf")
    message.add(info, "Rsn/Cd", code)
    if why:
        message.add(info, "AddtlInf", why[:105])


def next_number(tx: Transaction, series: str) -> int:
    """1, 2, 3 ... of a series, kept."""
    number = int(tx.setting(series) or 0) + 1
    tx.keep(series, number)
    return number


def keep(tx: Transaction, kind: str, number: int, content: str) -> Json:
    """Put a message where it is fetched from."""
    name = f"{kind.replace('.', '')}-{number:08d}.xml"
    body = {"id": name, "kind": kind, "content": content, "made_at": tx.business_now.isoformat(), "written": False}
    tx.schedule("bank_publish", {"name": name})
    return tx.save("bank_message", body)
