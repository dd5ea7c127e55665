"""Files of credit transfers as the bank reads and carries them out: each payout leaves our account by itself.

A payout to a test account that refuses debits as closed or unknown is refused, or comes back, in the same way; any
other arrives.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import date

from lxml import etree

from simulator.bank.orders import Debit, Refused, schema_of
from simulator.bank.outcomes import REJECT, RETURN, BankOutcome, decide
from simulator.bank.reports import Refusal
from simulator.bank.xml import every, minor, text
from simulator.business_time import is_banking_day
from simulator.store import Json, Transaction
from simulator.stripe.test_values import is_iban

VERSIONS = ("pain.001.001.03", "pain.001.001.09")
# Reasons for which an account takes no money; others are of debits only.
_NO_SUCH_ACCOUNT = frozenset({"AC01", "AC04", "AC06", "AG01", "MD07"})
_EPC = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]+")


@dataclass(frozen=True, slots=True)
class PayoutOrder:
    """A file of payouts that was taken; ``payer_iban`` is our account."""

    version: str
    message_id: str
    payment_information_id: str
    payer_iban: str
    pay_on: date
    payouts: tuple[Debit, ...]
    message_name: str = "pain.001"


def is_payouts(root: etree._Element) -> bool:
    """True for a message that sends money, whatever its version."""
    return ":pain.001.001." in str(root.tag)


def read_payouts(root: etree._Element, today: date) -> PayoutOrder:
    """The order in a file. Raises Refused."""
    version = str(root.tag).partition("}")[0].rpartition(":")[2]
    message_id = text(root[0], "GrpHdr/MsgId") or "NOTPROVIDED" if len(root) else "NOTPROVIDED"
    if version not in VERSIONS:
        raise Refused("FF01", f"{version} is none of {', '.join(VERSIONS)}.", message_id)
    try:
        schema_of(version).assertValid(root)
    except etree.DocumentInvalid as invalid:
        raise Refused("FF01", str(invalid), message_id) from None
    blocks = list(every(root[0], "PmtInf"))
    if len(blocks) != 1:
        raise Refused("FF01", "One payment information block is taken per file.", message_id)
    _refuse_wrong_sums(root[0], blocks[0], message_id)
    order = _order(version, message_id, blocks[0])
    if not is_banking_day(order.pay_on) or order.pay_on < today:
        raise Refused("DT01", f"{order.pay_on} is over, or no banking day.", message_id)
    return order


def _refuse_wrong_sums(message: etree._Element, block: etree._Element, message_id: str) -> None:
    amounts = [minor(one.text or "") or 0 for one in every(block, "CdtTrfTxInf/Amt/InstdAmt")]
    for place, told in (("GrpHdr", next(every(message, "GrpHdr"))), ("PmtInf", block)):
        if text(told, "NbOfTxs") != str(len(amounts)):
            raise Refused("AM18", f"{place} declares another number of payouts than {len(amounts)}.", message_id)
        if minor(text(told, "CtrlSum")) != sum(amounts):
            raise Refused("AM10", f"{place} declares another control sum than {sum(amounts)} cents.", message_id)


def _order(version: str, message_id: str, block: etree._Element) -> PayoutOrder:
    day = text(block, "ReqdExctnDt/Dt") or text(block, "ReqdExctnDt")
    return PayoutOrder(
        version=version,
        message_id=message_id,
        payment_information_id=text(block, "PmtInfId"),
        payer_iban=text(block, "DbtrAcct/Id/IBAN"),
        pay_on=date.fromisoformat(day[:10]),
        payouts=tuple(_payout(one) for one in every(block, "CdtTrfTxInf")),
    )


def _payout(entry: etree._Element) -> Debit:
    amount = next(every(entry, "Amt/InstdAmt"))
    name, iban, reference = text(entry, "Cdtr/Nm"), text(entry, "CdtrAcct/Id/IBAN"), text(entry, "PmtId/EndToEndId")
    problem, why = "", ""
    if amount.get("Ccy") != "EUR":
        problem, why = "AM03", "The currency is not EUR."
    elif not is_iban(iban):
        problem, why = "AC01", "The IBAN is not correct."
    elif not all(_EPC.fullmatch(one) for one in (reference, name)):
        problem, why = "FF01", "A character is not taken."
    cents = minor(amount.text or "") or 0
    return Debit(reference, cents, "", name, iban, text(entry, "RmtInf/Ustrd"), problem, why)


def sorted_out(tx: Transaction, order: PayoutOrder) -> tuple[list[Refusal], list[Json]]:
    """Payouts that are refused at once, and those carried out with what becomes of them."""
    refused, ends = [], []
    for payout in order.payouts:
        outcome = _outcome(tx, payout)
        if payout.problem:
            refused.append(Refusal(payout.end_to_end_id, payout.problem, payout.why))
        elif outcome.kind == REJECT:
            refused.append(Refusal(payout.end_to_end_id, outcome.code))
        else:
            ends.append({"debit": asdict(payout), "outcome": asdict(outcome)})
    return refused, ends


def _outcome(tx: Transaction, payout: Debit) -> BankOutcome:
    found = decide(tx, payout)
    return found if found.kind in (REJECT, RETURN) and found.code in _NO_SUCH_ACCOUNT else BankOutcome()
