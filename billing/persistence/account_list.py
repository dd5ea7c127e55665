"""The list of accounts: which ones, in which order, and what a line says of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    union,
)
from sqlalchemy.sql.selectable import NamedFromClause

from billing.domain import identity
from billing.persistence.open_amounts import open_now
from billing.persistence.tables import accounts as t
from billing.persistence.tables import dunning
from billing.ports.queries import AccountFilter

_accounts, _services, _brands = t.accounts.c, t.services.c, t.brands.c
FEWEST_LETTERS = 3  # of a word that names are searched by: the index holds threes


def summaries(wanted: AccountFilter, now: datetime) -> Select[Any]:
    """The accounts of one page and one more, which tells whether there is a further page."""
    page = _page(wanted, now)
    owed, lines = _owed(page, now), _lines(page)
    cases = dunning.dunning_cases.c
    return (
        select(
            *(each for each in page.c if each.name != "place"),
            _brands.currency,
            func.coalesce(owed.c.open_minor, 0).label("open_minor"),
            func.coalesce(owed.c.overdue_minor, 0).label("overdue_minor"),
            func.coalesce(lines.c.services, 0).label("services"),
            func.coalesce(lines.c.barred_services, 0).label("barred_services"),
            func.coalesce(cases.stage, "").label("dunning_stage"),
        )
        .join(t.brands, _brands.brand == page.c.brand)
        .outerjoin(owed, owed.c.account_id == page.c.account_id)
        .outerjoin(lines, lines.c.account_id == page.c.account_id)
        .outerjoin(dunning.dunning_cases, (cases.account_id == page.c.account_id) & cases.closed_at.is_(None))
        .order_by(*_order(wanted, page.c.place, page.c.account_id))
    )


def number_of(wanted: AccountFilter, now: datetime) -> Select[int]:
    """How many accounts there are of that kind."""
    query = select(func.count()).select_from(t.accounts)
    for condition in _conditions(wanted, now):
        query = query.where(condition)
    return query


def _page(wanted: AccountFilter, now: datetime) -> Subquery:
    query, by = _with_key(wanted, now)
    chosen = query.add_columns(by.label("place")).order_by(*_order(wanted, by, _accounts.account_id))
    for condition in _conditions(wanted, now):
        chosen = chosen.where(condition)
    return chosen.offset(wanted.offset).limit(wanted.limit + 1).subquery("page")


def _order(
    wanted: AccountFilter, by: ColumnElement[Any], account_id: ColumnElement[Any]
) -> Sequence[ColumnElement[Any]]:
    """The identity decides between equals, so that pages never overlap."""
    return (by.desc(), account_id.desc()) if wanted.descending else (by, account_id)


def _with_key(wanted: AccountFilter, now: datetime) -> tuple[Select[Any], ColumnElement[Any]]:
    """The accounts, and by what they are ordered."""
    query = select(t.accounts)
    if wanted.sort in ("open", "overdue"):
        sums = _sums(open_now(now, "sorted"))
        query = query.outerjoin(sums, sums.c.account_id == _accounts.account_id)
        return query, func.coalesce(sums.c[f"{wanted.sort}_minor"], 0)
    keys: dict[str, ColumnElement[Any]] = {
        "name": func.lower(_accounts.customer_name),
        "number": func.lower(_accounts.number),
        "cycle_day": _accounts.cycle_day,
    }
    return query, keys.get(wanted.sort, _accounts.account_id)


def _conditions(wanted: AccountFilter, now: datetime) -> Sequence[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.account_id:
        conditions.append(_accounts.account_id == wanted.account_id)
    if wanted.after:
        conditions.append(_accounts.account_id > literal(wanted.after, _accounts.account_id.type))
    exactly = [name for name in ("brand", "status", "segment") if getattr(wanted, name)]
    conditions += [_accounts[name] == getattr(wanted, name) for name in exactly]
    if wanted.cycle_day is not None:
        conditions.append(_accounts.cycle_day == wanted.cycle_day)
    if wanted.closed_on is not None:
        conditions.append(_closed_on(wanted.closed_on))
    if wanted.text:
        conditions.append(_mentions(wanted.text))
    if wanted.in_dunning:
        conditions.append(_has_case(wanted.dunning_stage))
    if wanted.is_barred:
        conditions.append(_has_barred_line())
    if wanted.is_paused:
        conditions.append(_accounts.paused | (_accounts.hold_until > now))
    if wanted.is_overdue:
        owed = open_now(now, "late")
        conditions.append(_accounts.account_id.in_(select(owed.c.account_id).where(owed.c.is_overdue)))
    return conditions


def _closed_on(day: date) -> ColumnElement[bool]:
    """A cycle closed on that day where the account is; within two days of it, for the index."""
    cycles, near = t.cycles.c, datetime.combine(day, time(), UTC)
    return exists().where(
        cycles.account_id == _accounts.account_id,
        cycles.closes_at > near - timedelta(days=2),
        cycles.closes_at < near + timedelta(days=3),
        func.date(func.timezone(_accounts.zone, cycles.closes_at)) == day,
        cycles.status != "cancelled",
    )


def _mentions(text: str) -> ColumnElement[bool]:
    """The text, taken literally: how the number begins, in a line's identifier, or its words in the name.

    An account_id counts in full. Each way is a list of its own, so that each is answered by its own index.
    """
    some = t.accounts.alias("mentioned")
    ways = [
        select(some.c.account_id).where(func.lower(some.c.number).startswith(text.lower(), autoescape=True)),
        select(_services.account_id).where(_services.identifier.contains(text, autoescape=True)),
        select(some.c.account_id).where(named_so(text, some)),
    ]
    if text.startswith(f"{identity.ACCOUNT}_") and text.partition("_")[2].isdigit():
        ways.append(select(some.c.account_id).where(some.c.account_id == text))
    return _accounts.account_id.in_(union(*ways))


def named_so(text: str, accounts: FromClause = t.accounts) -> ColumnElement[bool]:
    """Every word of the text is in the name, or every one in the company's; words of fewer letters begin the name."""
    words = text.lower().split()[:6]
    if all(len(word) < FEWEST_LETTERS for word in words):
        return func.lower(accounts.c.customer_name).startswith(" ".join(words), autoescape=True)
    names = [func.lower(accounts.c[name]) for name in ("customer_name", "company")]
    return or_(*(and_(*(name.contains(word, autoescape=True) for word in words)) for name in names))


def _has_case(stage: str) -> ColumnElement[bool]:
    cases = dunning.dunning_cases.c
    of_account = (cases.account_id == _accounts.account_id) & cases.closed_at.is_(None)
    return exists().where(of_account & (cases.stage == stage) if stage else of_account)


def _has_barred_line() -> ColumnElement[bool]:
    of_account = _services.account_id == _accounts.account_id
    return exists().where(of_account & _services.active_to.is_(None) & (_services.barring_level != "none"))


def _sums(owed: NamedFromClause, *conditions: ColumnElement[bool]) -> Subquery:
    overdue = case((owed.c.is_overdue, owed.c.open_minor), else_=0)
    return (
        select(
            owed.c.account_id,
            func.sum(owed.c.open_minor).label("open_minor"),
            func.sum(overdue).label("overdue_minor"),
        )
        .where(*conditions)
        .group_by(owed.c.account_id)
        .subquery()
    )


def _owed(page: Subquery, now: datetime) -> Subquery:
    """What the ledger says is open of a page's accounts, and the part past the day it falls due now."""
    owed = open_now(now, "owed_by_page")
    return _sums(owed, owed.c.account_id.in_(select(page.c.account_id)))


def _lines(page: Subquery) -> Subquery:
    return (
        select(
            page.c.account_id,
            func.count().label("services"),
            func.count().filter(_services.barring_level != "none").label("barred_services"),
        )
        .join(t.services, _services.account_id == page.c.account_id)
        .where(_services.active_to.is_(None))
        .group_by(page.c.account_id)
        .subquery("lines")
    )
