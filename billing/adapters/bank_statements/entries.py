"""One booking and the payments within it."""

from __future__ import annotations

from datetime import date
from xml.etree.ElementTree import Element

from billing.adapters.bank_statements.xml_tree import (
    LONGEST_TEXT,
    NotABankFile,
    children,
    code_of,
    currency_of,
    day_of,
    find,
    is_credit,
    minor_of,
    number_of,
    text_of,
)
from billing.domain.bank_statement import Counterparty, EntryDetail, StatementEntry

# What banks write where they have nothing to say.
NOTHING = frozenset({"NOTPROVIDED", "NOT PROVIDED", "NONREF", "NONE", "N/A"})


class EntryReading:
    """Reads an <Ntry>, whose <TxDtls> may come before it is complete: amount and sign stand before them."""

    def __init__(self, element: Element) -> None:
        self._element = element
        amount = find(element, "Amt")
        if amount is None:
            raise NotABankFile("An entry has no amount.", field="Ntry/Amt")
        self._currency = currency_of(amount)
        self._minor = minor_of(amount, self._currency)
        self._is_credit = is_credit(element)

    def entry(self, details: tuple[EntryDetail, ...]) -> StatementEntry:
        """The booking with its payments. Raises NotABankFile."""
        element = self._element
        is_booked = code_of(element, "Sts") in ("", "BOOK")
        batch = find(element, "NtryDtls", "Btch")
        return StatementEntry(
            amount_minor=self._minor if self._is_credit else -self._minor,
            currency=self._currency,
            booked_on=self._booked_on(is_booked),
            value_on=day_of(element, "ValDt"),
            is_booked=is_booked,
            is_reversal=text_of(element, "RvslInd") in ("true", "1"),
            entry_reference=said(element, "NtryRef"),
            bank_reference=said(element, "AcctSvcrRef"),
            transaction_code=_transaction_code(find(element, "BkTxCd")),
            batch_message_id=said(batch, "MsgId"),
            payment_information_id=said(batch, "PmtInfId"),
            transaction_count=number_of(batch, "NbOfTxs"),
            charges_minor=_charges(element, self._currency),
            text=text_of(element, "AddtlNtryInf"),
            details=details,
        )

    def _booked_on(self, is_booked: bool) -> date:
        """The day of the booking, which is part of what makes an entry the same in two files."""
        day = day_of(self._element, "BookgDt") or (None if is_booked else day_of(self._element, "ValDt") or date.min)
        if day is None:
            reference = said(self._element, "AcctSvcrRef")
            raise NotABankFile("A booked entry has no booking date.", field="Ntry/BookgDt", value=reference)
        return day

    def detail(self, element: Element) -> EntryDetail:
        """One payment of the booking. Raises NotABankFile."""
        minor = self._amount(element)
        references, returned = find(element, "Refs"), find(element, "RtrInf")
        original = find(element, "AmtDtls", "InstdAmt", "Amt")
        same = original is not None and currency_of(original) == self._currency
        return EntryDetail(
            amount_minor=minor if is_credit(element, self._is_credit) else -minor,
            end_to_end_id=said(references, "EndToEndId"),
            mandate_id=said(references, "MndtId"),
            payment_information_id=said(references, "PmtInfId"),
            message_id=said(references, "MsgId"),
            bank_reference=said(references, "AcctSvcrRef"),
            original_minor=minor_of(original, self._currency) if same and original is not None else None,
            charges_minor=_charges(element, self._currency),
            return_code=code_of(returned, "Rsn"),
            return_text=" ".join(text for one in children(returned, "AddtlInf") if (text := text_of(one)))[
                :LONGEST_TEXT
            ],
            counterparty=self._counterparty(element),
            remittance=_remittance(find(element, "RmtInf")),
            structured_reference=_structured(find(element, "RmtInf")),
        )

    def _amount(self, element: Element) -> int:
        """What the payment adds to the booking, in the booking's currency."""
        candidates = [
            find(element, "Amt"),
            find(element, "AmtDtls", "TxAmt", "Amt"),
            find(element, "AmtDtls", "CntrValAmt", "Amt"),
            find(element, "AmtDtls", "InstdAmt", "Amt"),
        ]
        for amount in candidates:
            if amount is not None and currency_of(amount) == self._currency:
                return minor_of(amount, self._currency)
        return self._minor  # the only payment of its booking; the checks find out when it is not

    def _counterparty(self, element: Element) -> Counterparty:
        """The debtor of money that came, the creditor of money that left; for a debit sent back, the debtor again."""
        parties, agents = find(element, "RltdPties"), find(element, "RltdAgts")
        came = is_credit(element, self._is_credit)
        for role in ("Dbtr", "Cdtr") if came or find(element, "RtrInf") is not None else ("Cdtr", "Dbtr"):
            name = text_of(parties, role, "Nm") or text_of(parties, role, "Pty", "Nm")
            account = find(parties, f"{role}Acct", "Id")
            number = text_of(account, "IBAN") or text_of(account, "Othr", "Id")
            institution = find(agents, f"{role}Agt", "FinInstnId")
            bic = text_of(institution, "BICFI") or text_of(institution, "BIC")
            if name or number:
                return Counterparty(name, number.replace(" ", "").upper(), bic)
        return Counterparty()


def said(element: Element | None, *path: str) -> str:
    """A reference, empty where the bank only writes that there is none."""
    written = text_of(element, *path)
    return "" if written.upper() in NOTHING else written


def _transaction_code(element: Element | None) -> str:
    """``PMNT/RDDT/ESDD`` as ISO 20022 has it, else the bank's own code."""
    domain = find(element, "Domn")
    if domain is None:
        return text_of(element, "Prtry", "Cd")
    parts = (text_of(domain, "Cd"), text_of(domain, "Fmly", "Cd"), text_of(domain, "Fmly", "SubFmlyCd"))
    return "/".join(parts)


def _charges(element: Element, currency: str) -> int:
    """What the bank says that it took: each <Chrgs> in the old versions, each <Rcrd> of it in the new ones."""
    total = 0
    for charges in children(element, "Chrgs"):
        for record in children(charges, "Rcrd") or [charges]:
            amount = find(record, "Amt")
            if amount is not None and currency_of(amount) == currency and not is_credit(record, otherwise=False):
                total += minor_of(amount, currency)
    return total


def _remittance(element: Element | None) -> str:
    lines = [text_of(one) for one in children(element, "Ustrd")]
    lines += [text_of(one) for strd in children(element, "Strd") for one in children(strd, "AddtlRmtInf")]
    return " ".join(line for line in lines if line)[:LONGEST_TEXT]


def _structured(element: Element | None) -> str:
    for strd in children(element, "Strd"):
        reference = said(strd, "CdtrRefInf", "Ref")
        if reference:
            return reference
        for document in children(strd, "RfrdDocInf"):
            if number := said(document, "Nb"):
                return number
    return ""
