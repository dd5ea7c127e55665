"""The frame of a statement or notification: whose account, which number, which balances."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from billing.adapters.bank_statements.xml_tree import (
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
from billing.domain.bank_statement import DeclaredTotals, Statement, StatementEntry

# The balance that a statement or a page of one begins with, and that it ends with, the surest first. ITBD is what
# stands between two pages: the first of a page opens it, the last closes it.
OPENING, CLOSING, BETWEEN = ("OPBD", "PRCD"), ("CLBD",), "ITBD"


def statement_of(element: Element, entries: tuple[StatementEntry, ...], head: Element | None) -> Statement:
    """A <Stmt>, <Ntfctn> or <Rpt> whose entries were read before; ``head`` is the <GrpHdr>. Raises NotABankFile."""
    account = find(element, "Acct")
    number = text_of(account, "Id", "IBAN") or text_of(account, "Id", "Othr", "Id")
    if not number:
        raise NotABankFile("It is not said which account this is of.", field="Acct/Id")
    pages = _pages(element, head)
    balances = [_balance(one) for one in children(element, "Bal")]
    opening, closing = _opening(balances), _closing(balances)
    return Statement(
        statement_id=text_of(element, "Id"),
        account=number.replace(" ", "").upper(),
        currency=text_of(account, "Ccy") or _currency(element, entries),
        sequence=number_of(element, "ElctrncSeqNb"),
        page=number_of(pages, "PgNb") or 1,
        is_last_page=text_of(pages, "LastPgInd") in ("", "true", "1"),
        opening_minor=opening[1] if opening else None,
        closing_minor=closing[1] if closing else None,
        closing_on=day_of(closing[2], "Dt") if closing else None,
        totals=_totals(find(element, "TxsSummry"), _currency(element, entries)),
        entries=entries,
    )


def _pages(element: Element, head: Element | None) -> Element | None:
    """Where a long statement says which page this is: in itself, or in older versions before it."""
    names = ("StmtPgntn", "NtfctnPgntn", "RptPgntn")
    candidates = (*(find(element, name) for name in names), find(head, "MsgPgntn"))
    return next((one for one in candidates if one is not None), None)


_Balance = tuple[str, int, Element]


def _balance(element: Element) -> _Balance:
    amount = find(element, "Amt")
    if amount is None:
        raise NotABankFile("A balance has no amount.", field="Bal/Amt")
    minor = minor_of(amount, currency_of(amount))
    kind = code_of(element, "Tp", "CdOrPrtry") or code_of(element, "Tp")
    return kind, minor if is_credit(element) else -minor, element


def _opening(balances: list[_Balance]) -> _Balance | None:
    named = [one for kind in OPENING for one in balances if one[0] == kind]
    between = [one for one in balances if one[0] == BETWEEN]
    return next(iter(named or between), None)


def _closing(balances: list[_Balance]) -> _Balance | None:
    named = [one for kind in CLOSING for one in balances if one[0] == kind]
    between = [one for one in balances if one[0] == BETWEEN]
    return next(iter(named or reversed(between)), None)


def _currency(element: Element, entries: tuple[StatementEntry, ...]) -> str:
    balance = find(element, "Bal", "Amt")
    if balance is not None:
        return currency_of(balance)
    return entries[0].currency if entries else ""


def _totals(summary: Element | None, currency: str) -> DeclaredTotals:
    credits, debits = find(summary, "TtlCdtNtries"), find(summary, "TtlDbtNtries")
    return DeclaredTotals(
        number_of(summary, "TtlNtries", "NbOfNtries"),
        number_of(credits, "NbOfNtries"),
        _sum(credits, currency),
        number_of(debits, "NbOfNtries"),
        _sum(debits, currency),
    )


def _sum(total: Element | None, currency: str) -> int | None:
    element = find(total, "Sum")
    return None if element is None else minor_of(element, currency)
