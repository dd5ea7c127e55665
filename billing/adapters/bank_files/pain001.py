"""Writes ``pain.001``: the message with which we ask our bank to send money to customers (SEPA credit transfers).

Like files of debits it is our own writer, since the same batch must give the same bytes for ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from billing.adapters.bank_files.iso20022 import IsoMessage, decimal_of
from billing.domain.bank_debit import CURRENCY
from billing.domain.epc_text import epc_text
from billing.domain.errors import InvalidValue
from billing.ports.bank_file_writing import CreditorParty, PayoutFile, PayoutLine

VERSIONS = ("pain.001.001.03", "pain.001.001.09")
_BIC = {"pain.001.001.03": "BIC", "pain.001.001.09": "BICFI"}


class PayoutWriter:
    """One payment information block per file: one date, one account of ours."""

    @property
    def versions(self) -> Sequence[str]:
        return VERSIONS

    def write(self, file: PayoutFile) -> bytes:
        """The file in UTF-8. Raises InvalidValue for a version not written here, or a file that the schema refuses."""
        if file.version not in VERSIONS:
            remedy = f"Use one of {', '.join(VERSIONS)}."
            raise InvalidValue(
                "This version is not written.", field="message_version", value=file.version, remedy=remedy
            )
        return _Document(file).as_bytes(file.message_id)


class _Document(IsoMessage):
    """Builds the tree of one file."""

    def __init__(self, file: PayoutFile) -> None:
        super().__init__(file.version, _BIC[file.version])
        self._file = file
        message = self._add(self.root, "CstmrCdtTrfInitn")
        header = self._add(message, "GrpHdr")
        self._add(header, "MsgId", file.message_id)
        self._add(header, "CreDtTm", file.made_at.strftime("%Y-%m-%dT%H:%M:%S"))
        self._sums(header)
        self._add(header, "InitgPty/Nm", epc_text(file.payer.name, 70))
        self._payment_information(message)

    def _sums(self, parent: etree._Element) -> None:
        self._add(parent, "NbOfTxs", str(len(self._file.payouts)))
        self._add(parent, "CtrlSum", decimal_of(sum(one.amount_minor for one in self._file.payouts)))

    def _payment_information(self, message: etree._Element) -> None:
        file, block = self._file, self._add(message, "PmtInf")
        self._add(block, "PmtInfId", file.message_id)
        self._add(block, "PmtMtd", "TRF")
        # Each by itself, so that the statement says of each payout whether it left.
        self._add(block, "BtchBookg", "false")
        self._sums(block)
        self._add(block, "PmtTpInf/SvcLvl/Cd", "SEPA")
        day = self._add(block, "ReqdExctnDt" if file.version == "pain.001.001.03" else "ReqdExctnDt/Dt")
        day.text = file.pay_on.isoformat()
        self._payer(block, file.payer)
        for payout in file.payouts:
            self._payout(block, payout)

    def _payer(self, block: etree._Element, payer: CreditorParty) -> None:
        party = self._add(block, "Dbtr")
        self._add(party, "Nm", epc_text(payer.name, 70))
        self._address(party, payer.address)
        self._add(block, "DbtrAcct/Id/IBAN", payer.iban)
        self._bank(self._add(block, "DbtrAgt/FinInstnId"), payer.bic)
        self._add(block, "ChrgBr", "SLEV")

    def _payout(self, block: etree._Element, payout: PayoutLine) -> None:
        entry = self._add(block, "CdtTrfTxInf")
        self._add(entry, "PmtId/EndToEndId", payout.end_to_end_id)
        self._add(entry, "Amt/InstdAmt", decimal_of(payout.amount_minor)).set("Ccy", CURRENCY)
        if payout.bic:
            self._bank(self._add(entry, "CdtrAgt/FinInstnId"), payout.bic)
        party = self._add(entry, "Cdtr")
        self._add(party, "Nm", epc_text(payout.holder_name, 70))
        self._address(party, payout.address)
        self._add(entry, "CdtrAcct/Id/IBAN", payout.iban)
        if text := epc_text(payout.text, 140):
            self._add(entry, "RmtInf/Ustrd", text)
