"""A file of direct debits as the bank reads it: what it is, and why it would be refused.

Checks of the file come before those of single debits; a file that fails is refused as a whole, as banks do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files

import sepaxml
from lxml import etree

from simulator.bank.xml import PARSER, every, minor, text
from simulator.business_time import is_banking_day
from simulator.stripe.test_values import is_iban

VERSIONS = ("pain.008.001.02", "pain.008.001.08")
SEQUENCES = ("FRST", "RCUR", "OOFF", "FNAL")
_EPC = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]+")
_NAMESPACE = re.compile(r"^\{urn:iso:std:iso:20022:tech:xsd:(pain\.008\.001\.\d\d)\}Document$")


class Refused(Exception):
    """The whole file is refused; ``code`` is the reason of ISO 20022."""

    def __init__(self, code: str, why: str, message_id: str = "NOTPROVIDED") -> None:
        super().__init__(why)
        self.code, self.why, self.message_id = code, why, message_id


@dataclass(frozen=True, slots=True)
class Debit:
    """One debit of a file; ``problem`` is the code with which the bank refuses it at once, or empty."""

    end_to_end_id: str
    amount_minor: int
    mandate_id: str
    name: str
    iban: str
    remittance: str
    problem: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A file that was taken."""

    version: str
    message_id: str
    payment_information_id: str
    creditor_name: str
    creditor_iban: str
    creditor_id: str
    collect_on: date
    sequence: str
    scheme: str
    debits: tuple[Debit, ...] = field(default=())
    message_name: str = "pain.008"


def parsed(content: bytes) -> etree._Element:
    """The document in a file. Raises Refused."""
    try:
        return etree.fromstring(content, PARSER)
    except etree.XMLSyntaxError as broken:
        raise Refused("FF01", f"The file is no XML: {broken.msg}.") from None


def read_order(content: bytes) -> Order:
    """The order in a file of debits. Raises Refused."""
    return order_in(parsed(content))


def order_in(root: etree._Element) -> Order:
    """The order in a document of debits. Raises Refused."""
    version = _version(root)
    message = root[0]
    message_id = text(message, "GrpHdr/MsgId") or "NOTPROVIDED"
    try:
        schema_of(version).assertValid(root)
    except etree.DocumentInvalid as invalid:
        raise Refused("FF01", str(invalid), message_id) from None
    blocks = list(every(message, "PmtInf"))
    if len(blocks) != 1:
        raise Refused("FF01", "One payment information block is taken per file.", message_id)
    _refuse_wrong_sums(message, blocks[0], message_id)
    return _order(version, message_id, blocks[0])


def _version(root: etree._Element) -> str:
    found = _NAMESPACE.match(str(root.tag))
    if found is None or found[1] not in VERSIONS:
        raise Refused("FF01", f"The root {root.tag} is none of {', '.join(VERSIONS)}.")
    return found[1]


@cache
def schema_of(version: str) -> etree.XMLSchema:
    """The schema of a version, of debits or transfers."""
    return etree.XMLSchema(etree.fromstring(files(sepaxml).joinpath("schemas", f"{version}.xsd").read_bytes()))


def _refuse_wrong_sums(message: etree._Element, block: etree._Element, message_id: str) -> None:
    amounts = [minor(one.text or "") or 0 for one in every(block, "DrctDbtTxInf/InstdAmt")]
    for place, told in (("GrpHdr", next(every(message, "GrpHdr"))), ("PmtInf", block)):
        if text(told, "NbOfTxs") != str(len(amounts)):
            raise Refused("AM18", f"{place} declares another number of debits than {len(amounts)}.", message_id)
        if minor(text(told, "CtrlSum")) != sum(amounts):
            raise Refused("AM10", f"{place} declares another control sum than {sum(amounts)} cents.", message_id)


def _order(version: str, message_id: str, block: etree._Element) -> Order:
    collect_on = date.fromisoformat(text(block, "ReqdColltnDt")[:10])
    sequence, creditor_id = text(block, "PmtTpInf/SeqTp"), text(block, "CdtrSchmeId/Id/PrvtId/Othr/Id")
    if not is_banking_day(collect_on):
        raise Refused("DT01", f"{collect_on} is no banking day.", message_id)
    if sequence not in SEQUENCES:
        raise Refused("AG02", f"The sequence type {sequence or 'none'} is not taken.", message_id)
    if not has_check_digits(creditor_id):
        raise Refused("BE05", f"The creditor identifier {creditor_id or 'none'} is not valid.", message_id)
    return Order(
        version=version,
        message_id=message_id,
        payment_information_id=text(block, "PmtInfId"),
        creditor_name=text(block, "Cdtr/Nm"),
        creditor_iban=text(block, "CdtrAcct/Id/IBAN"),
        creditor_id=creditor_id,
        collect_on=collect_on,
        sequence=sequence,
        scheme=text(block, "PmtTpInf/LclInstrm/Cd"),
        debits=tuple(_debit(one) for one in every(block, "DrctDbtTxInf")),
    )


def has_check_digits(creditor_id: str) -> bool:
    """True when the check digits of a creditor identifier are right; the business code does not count."""
    digits = creditor_id[7:] + creditor_id[:4]
    if not (8 < len(creditor_id) <= 35 and digits.isalnum() and creditor_id.isascii()):
        return False
    return int("".join(str(int(letter, 36)) for letter in digits)) % 97 == 1


def _debit(entry: etree._Element) -> Debit:
    amount = next(every(entry, "InstdAmt"))
    mandate, name = text(entry, "DrctDbtTx/MndtRltdInf/MndtId"), text(entry, "Dbtr/Nm")
    iban, reference = text(entry, "DbtrAcct/Id/IBAN"), text(entry, "PmtId/EndToEndId")
    problem, why = "", ""
    if amount.get("Ccy") != "EUR":
        problem, why = "AM03", "The currency is not EUR."
    elif not is_iban(iban):
        problem, why = "AC01", "The IBAN is not correct."
    elif not mandate or not text(entry, "DrctDbtTx/MndtRltdInf/DtOfSgntr"):
        problem, why = "MD02", "The mandate's reference or date is missing."
    elif not all(_EPC.fullmatch(one) for one in (reference, mandate, name)):
        problem, why = "FF01", "A character is not taken."
    cents = minor(amount.text or "") or 0
    return Debit(reference, cents, mandate, name, iban, text(entry, "RmtInf/Ustrd"), problem, why)
