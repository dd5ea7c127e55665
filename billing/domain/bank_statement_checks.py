"""May a statement be believed? Whose account it is of, whether it adds up, and whether it follows the one before.

Each check answers doubts: a sentence with the difference in it. A file with a doubt is held for a person; nothing of it
is booked. A notification has no balances and no order: only its account and its details are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from billing.domain.bank_statement import Statement, StatementEntry
from billing.domain.money import Money


class DoubtKind(StrEnum):
    """What is wrong with a statement."""

    FOREIGN_ACCOUNT = "foreign_account"  # not one of our bank accounts
    CURRENCY = "currency"  # an entry or balance of another currency than the account's
    BALANCES = "balances"  # opening balance and entries do not lead to the closing balance
    TOTALS = "totals"  # the entries are not those that the statement sums up
    DETAILS = "details"  # the payments of an entry do not add up to it
    SEQUENCE = "sequence"  # a statement before this one is missing
    CHAIN = "chain"  # it opens with another balance than the one before closed with
    AMENDED = "amended"  # this statement was taken already, with other balances


# Doubts that end by themselves when the statement before arrives.
WAITS_FOR_ANOTHER = frozenset({DoubtKind.SEQUENCE, DoubtKind.CHAIN})


@dataclass(frozen=True, slots=True)
class Doubt:
    """One reason to hold a file. The amounts, minor units of the account's currency, are there where two differ."""

    kind: DoubtKind
    message: str
    expected_minor: int | None = None
    found_minor: int | None = None

    @property
    def difference_minor(self) -> int | None:
        """Found less expected."""
        if self.expected_minor is None or self.found_minor is None:
            return None
        return self.found_minor - self.expected_minor


@dataclass(frozen=True, slots=True)
class StatementPlace:
    """Where a statement that was taken stands in the row of its account's."""

    sequence: int | None
    page: int
    is_last_page: bool
    opening_minor: int | None
    closing_minor: int | None


def doubts_about(statement: Statement, own_accounts: Collection[str]) -> Iterator[Doubt]:
    """What is wrong with a statement or notification in itself. ``own_accounts`` are our IBANs."""
    if statement.account not in own_accounts:
        yield Doubt(
            DoubtKind.FOREIGN_ACCOUNT, f"Account {_masked(statement.account)} is none of the accounts of our creditors."
        )
        return
    other = sorted({one.currency for one in statement.entries} - {statement.currency})
    if other:
        message = f"The account is kept in {statement.currency}, but entries are in {', '.join(other)}."
        yield Doubt(DoubtKind.CURRENCY, message)
        return
    yield from _balances(statement)
    yield from _totals(statement)
    for place, entry in enumerate(statement.entries, start=1):
        yield from _details(place, entry)


def _balances(statement: Statement) -> Iterator[Doubt]:
    if statement.opening_minor is None or statement.closing_minor is None:
        return
    booked = sum(one.amount_minor for one in statement.entries if one.is_booked)
    expected, found = statement.opening_minor + booked, statement.closing_minor
    if expected != found:
        show = _shown(statement.currency)
        yield Doubt(
            DoubtKind.BALANCES,
            f"The balance {show(statement.opening_minor)} and entries of {show(booked)} lead to {show(expected)}, but "
            f"statement {statement.statement_id} closes with {show(found)}: {show(found - expected)} too much.",
            expected,
            found,
        )


def _totals(statement: Statement) -> Iterator[Doubt]:
    """The summary counts every entry of the statement, or of all its pages: then it cannot be compared."""
    if statement.page > 1 or not statement.is_last_page:
        return
    amounts = [one.amount_minor for one in statement.entries]
    credits, debits = [one for one in amounts if one >= 0], [-one for one in amounts if one < 0]
    totals = statement.totals
    compared = (
        ("entries", totals.count, len(amounts)),
        ("credits", totals.credit_count, len(credits)),
        ("debits", totals.debit_count, len(debits)),
        ("minor units of credits", totals.credit_minor, sum(credits)),
        ("minor units of debits", totals.debit_minor, sum(debits)),
    )
    for what, declared, counted in compared:
        if declared is not None and declared != counted:
            message = f"Statement {statement.statement_id} sums up {declared} {what}, but holds {counted}."
            yield Doubt(DoubtKind.TOTALS, message, declared, counted)


def _details(place: int, entry: StatementEntry) -> Iterator[Doubt]:
    """The payments add up to their booking, before or after the bank took its charges from it."""
    if not entry.details:
        return
    found = sum(one.amount_minor for one in entry.details)
    if found not in (entry.amount_minor, entry.amount_minor + entry.charges_minor):
        show = _shown(entry.currency)
        yield Doubt(
            DoubtKind.DETAILS,
            f"Entry {place} ({entry.bank_reference or 'without reference'}) is of {show(entry.amount_minor)}, but its "
            f"{len(entry.details)} payments add up to {show(found)}.",
            entry.amount_minor,
            found,
        )


def doubts_about_order(
    statement: Statement, last: StatementPlace | None, same: StatementPlace | None
) -> Iterator[Doubt]:
    """Whether a statement follows the ``last`` taken of its account; ``same`` was taken under its number and page.

    Without numbers the balances alone have to join. A number that begins again at one joins by its balance.
    """
    if same is not None:
        yield from _amended(statement, same)
    elif last is not None:
        yield from _sequence(statement, last)
        yield from _chain(statement, last)


def _amended(statement: Statement, same: StatementPlace) -> Iterator[Doubt]:
    if (statement.opening_minor, statement.closing_minor) != (same.opening_minor, same.closing_minor):
        yield Doubt(
            DoubtKind.AMENDED,
            f"Statement {statement.sequence} was taken before with other balances.",
            same.closing_minor,
            statement.closing_minor,
        )


def _sequence(statement: Statement, last: StatementPlace) -> Iterator[Doubt]:
    if statement.sequence is None or last.sequence is None:
        return
    wanted = (last.sequence + 1, 1) if last.is_last_page else (last.sequence, last.page + 1)
    here = (statement.sequence, statement.page)
    if here not in (wanted, (1, 1)):
        yield Doubt(
            DoubtKind.SEQUENCE,
            f"Statement {_place(*here)} came after {_place(last.sequence, last.page)}: {_place(*wanted)} is missing.",
        )


def _chain(statement: Statement, last: StatementPlace) -> Iterator[Doubt]:
    if statement.opening_minor is None or last.closing_minor is None or statement.opening_minor == last.closing_minor:
        return
    show = _shown(statement.currency)
    yield Doubt(
        DoubtKind.CHAIN,
        f"Statement {statement.statement_id} opens with {show(statement.opening_minor)}, but the one before closed "
        f"with {show(last.closing_minor)}: {show(statement.opening_minor - last.closing_minor)} are not explained.",
        last.closing_minor,
        statement.opening_minor,
    )


def _place(sequence: int, page: int) -> str:
    return f"{sequence}" if page == 1 else f"{sequence} page {page}"


def _masked(account: str) -> str:
    return f"ending in {account[-4:]}"


def _shown(currency: str) -> Callable[[int], str]:
    return lambda amount_minor: str(Money(amount_minor, currency))
