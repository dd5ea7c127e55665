"""Search on PostgreSQL: one statement for each thing that a text may be, each answered by an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.persistence.account_list import named_so
from billing.persistence.statements import fetch_all
from billing.persistence.tables import accounts as t
from billing.persistence.tables import invoicing, payments
from billing.ports.search import MOST_HITS, SearchHit, SearchTerms

_accounts, _services = t.accounts.c, t.services.c
LOOKED_THROUGH = 200  # names that match, before the best of them are put first


class SqlSearch:
    """Takes a connection of its own and writes nothing."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, terms: SearchTerms) -> Sequence[SearchHit]:
        """Everything found, kind by kind."""
        async with self._engine.connect() as connection:
            return [hit for query in _queries(terms) for hit in await fetch_all(connection, SearchHit, query)]


def _queries(terms: SearchTerms) -> Iterator[Select[Any]]:
    if terms.account_id:
        yield _hits("account", _accounts.number, _accounts.account_id == terms.account_id)
    if terms.begins:
        yield _hits("account", _accounts.number, func.lower(_accounts.number).startswith(terms.begins, autoescape=True))
    if terms.email:
        yield _hits("email", _accounts.email, func.lower(_accounts.email).startswith(terms.email, autoescape=True))
    if terms.words:
        yield _by_name(terms.words)
    if terms.numbers:
        yield _by_line(terms.numbers)
        yield _hits("line", _accounts.mobile, _accounts.mobile.in_(terms.numbers))
    yield from _by_document(terms)
    if terms.last_four:
        yield _by_method(terms.last_four)
    if terms.mandate:
        yield _by_mandate(terms.mandate)


def _found(kind: str, found: ColumnElement[Any], object_id: ColumnElement[Any] | None = None) -> Select[Any]:
    return select(
        literal(kind).label("kind"),
        _accounts.account_id,
        _accounts.brand,
        _accounts.number.label("account_number"),
        _accounts.customer_name,
        found.label("found"),
        (literal("") if object_id is None else object_id).label("object_id"),
    ).limit(MOST_HITS + 1)


def _hits(kind: str, found: ColumnElement[Any], condition: ColumnElement[bool]) -> Select[Any]:
    return _found(kind, found).where(condition).order_by(_accounts.number)


def _by_name(words: str) -> Select[Any]:
    """Names that begin so first. Of a word that thousands share only some are looked through, as the index has them."""
    some = select(_accounts.account_id).where(named_so(words)).limit(LOOKED_THROUGH).subquery("some")
    name = func.concat_ws(" · ", _accounts.customer_name, func.nullif(_accounts.company, ""), type_=String)
    begins = func.lower(_accounts.customer_name).startswith(words, autoescape=True)
    query = _found("name", name).join(some, some.c.account_id == _accounts.account_id)
    return query.order_by(begins.desc(), func.lower(_accounts.customer_name), _accounts.account_id)


def _by_line(numbers: Sequence[str]) -> Select[Any]:
    begins = or_(*(_services.identifier.startswith(each, autoescape=True) for each in numbers))
    query = _found("line", _services.identifier, _services.service_id)
    joined = query.join(t.services, _services.account_id == _accounts.account_id)
    return joined.where(begins).order_by(_services.identifier)


def _by_document(terms: SearchTerms) -> Iterator[Select[Any]]:
    issued, invoices = invoicing.issued_numbers.c, invoicing.invoices.c
    if terms.document:
        query = _found("invoice", issued.number, issued.invoice_id)
        joined = query.join(invoicing.issued_numbers, issued.account_id == _accounts.account_id)
        yield joined.where(issued.number == terms.document)
    if terms.invoice_id:
        query = _found("invoice", issued.number, issued.invoice_id)
        joined = query.join(invoicing.issued_numbers, issued.account_id == _accounts.account_id)
        yield joined.where(issued.invoice_id == literal(terms.invoice_id, invoices.invoice_id.type))


def _by_method(last_four: str) -> Select[Any]:
    methods = payments.payment_methods.c
    shown = func.concat_ws(" ", methods.kind, methods.last_four, type_=String)
    query = _found("method", shown, methods.method_id)
    joined = query.join(payments.payment_methods, methods.account_id == _accounts.account_id)
    return joined.where(methods.last_four == last_four, methods.status != "removed").order_by(_accounts.number)


def _by_mandate(reference: str) -> Select[Any]:
    mandates, methods = payments.payment_mandates.c, payments.payment_methods.c
    query = _found("mandate", mandates.reference, mandates.method_id)
    joined = query.join(payments.payment_mandates, mandates.account_id == _accounts.account_id).join(
        payments.payment_methods,
        and_(methods.account_id == mandates.account_id, methods.method_id == mandates.method_id),
    )
    return joined.where(mandates.reference == reference).order_by(_accounts.number)
