"""pain.002: what the bank says of a file, its batches and its debits."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from billing.adapters.bank_statements.entries import said
from billing.adapters.bank_statements.xml_tree import LONGEST_TEXT, children, code_of, find, text_of
from billing.domain.bank_statement import StatusReport


class StatusReading:
    """Collects statuses, the narrowest that is named: of one debit, of a batch, of the file."""

    def __init__(self) -> None:
        self.found: list[StatusReport] = []
        self._message_id = ""
        self._waiting: list[Element] = []

    def take(self, name: str, element: Element, depth: int) -> None:
        """One element that was read to its end; ``depth`` below the message's content."""
        if depth == 1 and name == "OrgnlGrpInfAndSts":
            self._message_id = said(element, "OrgnlMsgId")
            self._add(text_of(element, "GrpSts"), element)
        elif depth == 2 and name == "TxInfAndSts":
            self._waiting.append(_kept(element))
            element.clear()
        elif depth == 1 and name == "OrgnlPmtInfAndSts":
            self._batch(said(element, "OrgnlPmtInfId"), element)
        elif depth == 1 and name == "TxInfAndSts":  # older versions name debits without their batch
            self._debit("", _kept(element))

    def _batch(self, batch: str, element: Element) -> None:
        self._add(text_of(element, "PmtInfSts"), element, batch)
        for one in self._waiting:
            self._debit(batch, one)
        self._waiting = []

    def _debit(self, batch: str, element: Element) -> None:
        self._add(text_of(element, "TxSts"), element, batch, said(element, "OrgnlEndToEndId"))

    def _add(self, status: str, element: Element, batch: str = "", end_to_end_id: str = "") -> None:
        if status:
            code, text = _reason(element)
            self.found.append(StatusReport(status, self._message_id, batch, end_to_end_id, code, text))


_OF_A_DEBIT = ("TxSts", "OrgnlEndToEndId", "StsRsnInf")


def _kept(element: Element) -> Element:
    """The few parts of a debit's status that are read: the original debit that many banks repeat in it is not."""
    kept = Element(element.tag)
    kept.extend([one for name in _OF_A_DEBIT for one in children(element, name)])
    return kept


def _reason(element: Element) -> tuple[str, str]:
    information = find(element, "StsRsnInf")
    words = " ".join(text for one in children(information, "AddtlInf") if (text := text_of(one)))
    return code_of(information, "Rsn"), words[:LONGEST_TEXT]
