"""Writes ``pain.008``: the message with which a creditor asks its bank to collect direct debits.

Our own writer, because the same batch must give the same bytes for ever: the library at hand (sepaxml) puts the current
time and random identifications into each file. Its schemas are used to check every file before it leaves.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from billing.adapters.bank_files.iso20022 import IsoMessage, decimal_of
from billing.domain.bank_debit import CURRENCY
from billing.domain.epc_text import epc_text
from billing.domain.errors import InvalidValue
from billing.ports.bank_file_writing import Amendment, CreditorParty, DebitFile, DebitLine

VERSIONS = ("pain.008.001.02", "pain.008.001.08")
SAME_MANDATE_NEW_ACCOUNT = "SMNDA"
# The name of a bank's identifier changed between the versions.
_BIC = {"pain.008.001.02": "BIC", "pain.008.001.08": "BICFI"}


class PainWriter:
    """One payment information block per file: one date, one sequence type, one scheme."""

    @property
    def versions(self) -> Sequence[str]:
        return VERSIONS

    def write(self, file: DebitFile) -> bytes:
        """The file in UTF-8. Raises InvalidValue for a version not written here, or a file that the schema refuses."""
        if file.version not in VERSIONS:
            remedy = f"Use one of {', '.join(VERSIONS)}."
            raise InvalidValue(
                "This version is not written.", field="message_version", value=file.version, remedy=remedy
            )
        return _Document(file).as_bytes(file.message_id)


class _Document(IsoMessage):
    """Builds the tree of one file."""

    def __init__(self, file: DebitFile) -> None:
        super().__init__(file.version, _BIC[file.version])
        self._file = file
        message = self._add(self.root, "CstmrDrctDbtInitn")
        self._header(message)
        self._payment_information(message)

    def _sums(self, parent: etree._Element) -> None:
        self._add(parent, "NbOfTxs", str(len(self._file.debits)))
        self._add(parent, "CtrlSum", decimal_of(sum(one.amount_minor for one in self._file.debits)))

    def _header(self, message: etree._Element) -> None:
        header = self._add(message, "GrpHdr")
        self._add(header, "MsgId", self._file.message_id)
        self._add(header, "CreDtTm", self._file.made_at.strftime("%Y-%m-%dT%H:%M:%S"))
        self._sums(header)
        self._add(header, "InitgPty/Nm", epc_text(self._file.creditor.name, 70))

    def _payment_information(self, message: etree._Element) -> None:
        file, block = self._file, self._add(message, "PmtInf")
        self._add(block, "PmtInfId", file.message_id)
        self._add(block, "PmtMtd", "DD")
        self._add(block, "BtchBookg", "true")
        self._sums(block)
        kind = self._add(block, "PmtTpInf")
        self._add(kind, "SvcLvl/Cd", "SEPA")
        self._add(kind, "LclInstrm/Cd", file.scheme)
        self._add(kind, "SeqTp", file.sequence)
        self._add(block, "ReqdColltnDt", file.collect_on.isoformat())
        self._creditor(block, file.creditor)
        for debit in file.debits:
            self._debit(block, debit)

    def _creditor(self, block: etree._Element, creditor: CreditorParty) -> None:
        party = self._add(block, "Cdtr")
        self._add(party, "Nm", epc_text(creditor.name, 70))
        self._address(party, creditor.address)
        self._add(block, "CdtrAcct/Id/IBAN", creditor.iban)
        self._bank(self._add(block, "CdtrAgt/FinInstnId"), creditor.bic)
        self._add(block, "ChrgBr", "SLEV")
        scheme = self._add(block, "CdtrSchmeId/Id/PrvtId/Othr")
        self._add(scheme, "Id", creditor.creditor_id)
        self._add(scheme, "SchmeNm/Prtry", "SEPA")

    def _debit(self, block: etree._Element, debit: DebitLine) -> None:
        entry = self._add(block, "DrctDbtTxInf")
        self._add(entry, "PmtId/EndToEndId", debit.end_to_end_id)
        self._add(entry, "InstdAmt", decimal_of(debit.amount_minor)).set("Ccy", CURRENCY)
        mandate = self._add(entry, "DrctDbtTx/MndtRltdInf")
        self._add(mandate, "MndtId", debit.mandate_reference)
        self._add(mandate, "DtOfSgntr", debit.signed_on.isoformat())
        if debit.amendment:
            self._amendment(mandate, debit.amendment)
        self._bank(self._add(entry, "DbtrAgt/FinInstnId"), debit.bic)
        party = self._add(entry, "Dbtr")
        self._add(party, "Nm", epc_text(debit.holder_name, 70))
        self._address(party, debit.address)
        self._add(entry, "DbtrAcct/Id/IBAN", debit.iban)
        if text := epc_text(debit.text, 140):
            self._add(entry, "RmtInf/Ustrd", text)

    def _amendment(self, mandate: etree._Element, amended: Amendment) -> None:
        """What the mandate was before; another account, at whichever bank, is written SMNDA (EPC130-08, AT-24)."""
        self._add(mandate, "AmdmntInd", "true")
        details = self._add(mandate, "AmdmntInfDtls")
        if amended.mandate_reference:
            self._add(details, "OrgnlMndtId", amended.mandate_reference)
        if amended.creditor_id:
            scheme = self._add(details, "OrgnlCdtrSchmeId")
            self._add(scheme, "Nm", epc_text(amended.creditor_name, 70))
            other = self._add(scheme, "Id/PrvtId/Othr")
            self._add(other, "Id", amended.creditor_id)
            self._add(other, "SchmeNm/Prtry", "SEPA")
        if amended.account_changed:
            self._add(details, "OrgnlDbtrAcct/Id/Othr/Id", SAME_MANDATE_NEW_ACCOUNT)
