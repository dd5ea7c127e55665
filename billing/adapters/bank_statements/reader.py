"""Read a bank's file piece by piece: no more of it is in memory than its entries, each without its XML.

Four messages, known by the name of their content and not by their namespace: ``CstmrPmtStsRpt`` (pain.002),
``BkToCstmrStmt`` (camt.053), ``BkToCstmrDbtCdtNtfctn`` (camt.054) and ``BkToCstmrAcctRpt`` (camt.052), each in the
versions .02 or .03 to .10 and later, which write some elements differently.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import BinaryIO
from xml.etree.ElementTree import Element

from billing.adapters.bank_statements.entries import EntryReading
from billing.adapters.bank_statements.headers import statement_of
from billing.adapters.bank_statements.statuses import StatusReading
from billing.adapters.bank_statements.xml_tree import NotABankFile, local_name, namespace, text_of, walk
from billing.domain.bank_statement import (
    BankMessage,
    DeclaredTotals,
    EntryDetail,
    MessageKind,
    Statement,
    StatementEntry,
)

MOST_PAYMENTS = 200_000
_CONTENT = {
    "CstmrPmtStsRpt": MessageKind.STATUS,
    "BkToCstmrStmt": MessageKind.STATEMENT,
    "BkToCstmrDbtCdtNtfctn": MessageKind.NOTIFICATION,
    "BkToCstmrAcctRpt": MessageKind.REPORT,
}
_OTHER = {
    "CstmrDrctDbtInitn": "pain.008 goes to the bank",
    "CstmrCdtTrfInitn": "pain.001 goes to the bank",
}
_VERSION = re.compile(r"(?:pain|camt)\.[0-9]{3}\.[0-9]{3}\.[0-9]{2}")


def read_bank_file(opened: BinaryIO) -> BankMessage:
    """The message in a file. Raises NotABankFile, which names the element, its value and the way out."""
    reading: _Reading | None = None
    for event, element, around in walk(opened):
        if reading is not None:
            reading.take(event, element, around)
        elif event == "start":
            reading = _reading_of(element, len(around))
    if reading is None:
        raise NotABankFile("This is no message of a bank that can be read.", remedy=f"Send {_known()}.")
    return reading.message()


def _reading_of(element: Element, depth: int) -> _Reading | None:
    name = local_name(element)
    if name in _OTHER:
        raise NotABankFile(f"{_OTHER[name]}.", field=name, remedy=f"Send {_known()}.")
    if name not in _CONTENT:
        return None
    declared = _VERSION.search(namespace(element))
    return _Reading(_CONTENT[name], declared.group() if declared else "", depth)


def _known() -> str:
    return ", ".join(MessageKind)


def _of_the_day(statement: Statement) -> Statement:
    """A report's balances and sums are of the day so far, which it need not list: nothing is held against them."""
    return replace(statement, opening_minor=None, closing_minor=None, closing_on=None, totals=DeclaredTotals())


class _Reading:
    """What has been read so far of one message, whose content is at ``depth``."""

    def __init__(self, kind: MessageKind, version: str, depth: int) -> None:
        self._kind, self._version, self._depth = kind, version, depth
        self._head: Element | None = None
        self._is_over = False
        self._statements: list[Statement] = []
        self._entries: list[StatementEntry] = []
        self._details: list[EntryDetail] = []
        self._statuses = StatusReading()
        self._payments = 0

    def take(self, event: str, element: Element, around: tuple[Element, ...]) -> None:
        """One step of the walk."""
        if event != "end" or self._is_over:
            return
        name, depth = local_name(element), len(around) - self._depth
        if depth == 0:
            self._is_over = True
        elif depth == 1 and name == "GrpHdr":
            self._head = element
        elif self._kind is MessageKind.STATUS:
            self._statuses.take(name, element, depth)
            self._count(name == "TxInfAndSts")
        else:
            self._of_account(name, element, around, depth)

    def _of_account(self, name: str, element: Element, around: tuple[Element, ...], depth: int) -> None:
        if name == "TxDtls" and depth == 4:
            entry = around[self._depth + 2]
            self._details.append(EntryReading(entry).detail(element))
            self._count(True)
            element.clear()
        elif name == "Ntry" and depth == 2:
            self._entries.append(EntryReading(element).entry(tuple(self._details)))
            self._details = []
            self._count(True)
            around[-1].remove(element)
        elif name in ("Stmt", "Ntfctn", "Rpt") and depth == 1:
            statement = statement_of(element, tuple(self._entries), self._head)
            self._statements.append(_of_the_day(statement) if self._kind is MessageKind.REPORT else statement)
            self._entries = []
            around[-1].remove(element)

    def _count(self, one: bool) -> None:
        self._payments += one
        if self._payments > MOST_PAYMENTS:
            raise NotABankFile(
                "The file holds too many payments.", value=f"more than {MOST_PAYMENTS}", remedy="Ask for smaller files."
            )

    def message(self) -> BankMessage:
        """All of it. Raises NotABankFile for one without a name or without content."""
        message_id = text_of(self._head, "MsgId")
        if not message_id:
            raise NotABankFile("The message has no identification.", field="GrpHdr/MsgId")
        statuses = tuple(self._statuses.found)
        if not statuses and not self._statements:
            raise NotABankFile("The message says nothing of any account or payment.", field=self._kind)
        created_at = text_of(self._head, "CreDtTm")
        return BankMessage(self._kind, self._version, message_id, created_at, tuple(self._statements), statuses)
