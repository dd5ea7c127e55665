"""Writes ``pain.008``: the message with which a creditor asks its bank to collect direct debits.

Our own writer, because the same batch must give the same bytes for ever: the library at hand (sepaxml) puts the current
time and random identifications into each file. Its schemas are used to check every file before it leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import sepaxml
from lxml import etree

from billing.domain.bank_debit import CURRENCY
from billing.domain.epc_text import epc_text
from billing.domain.errors import InvalidValue
from billing.ports.bank_file_writing import CreditorParty, DebitFile, DebitLine
from billing.ports.bank_files import Address

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:{}"
VERSIONS = ("pain.008.001.02", "pain.008.001.08")
# The name of a bank's identifier changed between the versions.
_BIC = {"pain.008.001.02": "BIC", "pain.008.001.08": "BICFI"}
NOT_PROVIDED = "NOTPROVIDED"


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
        content = etree.tostring(_Document(file).root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
        _refuse_invalid(content, file)
        return bytes(content)


def _refuse_invalid(content: bytes, file: DebitFile) -> None:
    try:
        schema_of(file.version).assertValid(etree.fromstring(content))
    except etree.DocumentInvalid as invalid:
        raise InvalidValue(
            f"The file {file.message_id} is not valid: {invalid}",
            field="message_version",
            value=file.version,
            remedy="This is a fault of ours, or of the creditor's data: mend it and make the file again.",
        ) from None


@cache
def schema_of(version: str) -> etree.XMLSchema:
    """The schema of a version."""
    source = files(sepaxml).joinpath("schemas", f"{version}.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(source))


def decimal_of(amount_minor: int) -> str:
    """Cents as the message writes an amount: ``42.10``."""
    return f"{Decimal(amount_minor).scaleb(-2):.2f}"


class _Document:
    """Builds the tree of one file."""

    def __init__(self, file: DebitFile) -> None:
        self._file = file
        self._namespace = NAMESPACE.format(file.version)
        default: Any = {None: self._namespace}
        self.root = etree.Element(self._tag("Document"), nsmap=default)
        message = self._add(self.root, "CstmrDrctDbtInitn")
        self._header(message)
        self._payment_information(message)

    def _tag(self, name: str) -> str:
        return f"{{{self._namespace}}}{name}"

    def _add(self, parent: etree._Element, path: str, text: str | None = None) -> etree._Element:
        """A new element below the parent, and others within it where the path has several names."""
        for name in path.split("/"):
            parent = etree.SubElement(parent, self._tag(name))
        parent.text = text
        return parent

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
        self._bank(self._add(entry, "DbtrAgt/FinInstnId"), debit.bic)
        party = self._add(entry, "Dbtr")
        self._add(party, "Nm", epc_text(debit.holder_name, 70))
        self._address(party, debit.address)
        self._add(entry, "DbtrAcct/Id/IBAN", debit.iban)
        if text := epc_text(debit.text, 140):
            self._add(entry, "RmtInf/Ustrd", text)

    def _bank(self, parent: etree._Element, bic: str) -> None:
        if bic:
            self._add(parent, _BIC[self._file.version], bic)
        else:
            self._add(parent, "Othr/Id", NOT_PROVIDED)

    def _address(self, party: etree._Element, address: Address | None) -> None:
        """Structured, or hybrid: town and country in fields, the street in at most two lines."""
        if address is None:
            return
        place = self._add(party, "PstlAdr")
        fields = (
            ("StrtNm", address.street, 70),
            ("BldgNb", address.building, 16),
            ("PstCd", address.postal_code, 16),
            ("TwnNm", address.town, 35),
            ("Ctry", address.country, 2),
        )
        for name, value, most in fields:
            if written := epc_text(value, most):
                self._add(place, name, written)
        for line in address.lines[:2]:
            if written := epc_text(line, 70):
                self._add(place, "AdrLine", written)
