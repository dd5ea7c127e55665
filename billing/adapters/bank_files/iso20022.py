"""What all messages to the bank share: elements by path, banks, addresses, the schema that checks them."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import sepaxml
from lxml import etree

from billing.domain.epc_text import epc_text
from billing.domain.errors import InvalidValue
from billing.ports.bank_files import Address

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:{}"
NOT_PROVIDED = "NOTPROVIDED"


@cache
def schema_of(version: str) -> etree.XMLSchema:
    """The schema of a version."""
    source = files(sepaxml).joinpath("schemas", f"{version}.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(source))


def decimal_of(amount_minor: int) -> str:
    """Cents as the message writes an amount: ``42.10``."""
    return f"{Decimal(amount_minor).scaleb(-2):.2f}"


class IsoMessage:
    """A document being built. ``bic_name``: the name of a bank's identifier, which changed between versions."""

    def __init__(self, version: str, bic_name: str) -> None:
        self._version = version
        self._namespace = NAMESPACE.format(version)
        self._bic_name = bic_name
        default: Any = {None: self._namespace}
        self.root = etree.Element(self._tag("Document"), nsmap=default)

    def as_bytes(self, message_id: str) -> bytes:
        """The document in UTF-8. Raises InvalidValue for one that its schema refuses."""
        content = bytes(etree.tostring(self.root, xml_declaration=True, encoding="UTF-8", pretty_print=True))
        try:
            schema_of(self._version).assertValid(etree.fromstring(content))
        except etree.DocumentInvalid as invalid:
            raise InvalidValue(
                f"The file {message_id} is not valid: {invalid}",
                field="message_version",
                value=self._version,
                remedy="This is a fault of ours, or of the creditor's data: mend it and make the file again.",
            ) from None
        return content

    def _tag(self, name: str) -> str:
        return f"{{{self._namespace}}}{name}"

    def _add(self, parent: etree._Element, path: str, text: str | None = None) -> etree._Element:
        """A new element below the parent, and others within it where the path has several names."""
        for name in path.split("/"):
            parent = etree.SubElement(parent, self._tag(name))
        parent.text = text
        return parent

    def _bank(self, parent: etree._Element, bic: str) -> None:
        if bic:
            self._add(parent, self._bic_name, bic)
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
