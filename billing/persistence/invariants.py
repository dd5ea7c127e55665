"""What must always hold of the books, each as a function that finds the accounts where it does not.

A violation says what is wrong, what that means and what to do; an empty answer means that the rule holds. The functions
only read. `docs/invoicing.md` and the design's list of book invariants name the rules.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from billing.domain import identity
from billing.persistence import bank_file_invariants as bank
from billing.persistence import invariant_queries as queries
from billing.persistence.bank_statement_invariants import ENTRIES_THAT_DO_NOT_ADD_UP, SUSPENSE_WITHOUT_ITEMS
from billing.persistence.scoped_checks import ScopedQuery
from billing.persistence.usage_invariants import counters_disagree


@dataclass(frozen=True)
class Violation:
    """One place where a rule does not hold; ``account_id`` is empty where the rule is about no single account."""

    account_id: str
    what: str


@dataclass(frozen=True)
class Invariant:
    """A rule of the books: ``holds`` as a sentence, ``means`` when it does not, ``remedy`` what a person does then."""

    name: str
    holds: str
    means: str
    remedy: str
    find: Callable[[AsyncConnection], Awaitable[list[Violation]]]


@dataclass(frozen=True)
class Finding:
    """What one rule's check found."""

    invariant: Invariant
    violations: Sequence[Violation]


class _ByQuery(ScopedQuery):
    """A check by one query whose rows are ``account_id`` (or null) and ``what``, a sentence.

    It may be asked of some accounts alone: what it finds of an account depends on that account's rows only.
    """

    async def __call__(self, connection: AsyncConnection) -> list[Violation]:
        return as_violations(await self.everywhere(connection))


def _by_query(statement: str) -> Callable[[AsyncConnection], Awaitable[list[Violation]]]:
    return _ByQuery(statement)


def _as_a_whole(statement: str) -> Callable[[AsyncConnection], Awaitable[list[Violation]]]:
    """A check by one query that looks across accounts."""

    async def find(connection: AsyncConnection) -> list[Violation]:
        return as_violations((await connection.execute(text(statement))).all())

    return find


def as_violations(rows: Sequence[Any]) -> list[Violation]:
    """The rows of a rule's query."""
    return [Violation(_account(row.account_id), row.what) for row in rows]


def _account(number: Any) -> str:
    return "" if number is None else identity.show(identity.ACCOUNT, number)


async def _counters(connection: AsyncConnection) -> list[Violation]:
    return [Violation(sentence.split()[1], sentence) for sentence in await counters_disagree(connection)]


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "ledger balances",
        "Every ledger entry sums to zero per currency, and so does every account.",
        "Money appeared or vanished in the books.",
        "Find what wrote the entry; correct it by a new entry, never by changing this one.",
        _by_query(queries.UNBALANCED_ENTRIES),
    ),
    Invariant(
        "invoice adds up",
        "The total of a document is the sum of its lines and of its VAT per rate.",
        "The customer was shown lines that do not lead to the total.",
        "Credit the document and issue a correct one; keep both for the auditor.",
        _by_query(queries.TOTALS_THAT_DO_NOT_ADD_UP),
    ),
    Invariant(
        "open amount is the ledger's",
        "Each document is booked with its total; what is open lies between zero and the total, and lists show it.",
        "A document and the books disagree on what the customer owes.",
        "Compare the account's ledger with its documents and payments, and book the difference with a reason.",
        _by_query(queries.DOCUMENTS_AND_BOOKS_THAT_DISAGREE),
    ),
    Invariant(
        "cycles join",
        "Each cycle opens where the one before it closes, and an issued cycle has its one invoice.",
        "A period would be billed twice or never.",
        "Stop billing the account and correct its cycles before the next close.",
        _by_query(queries.CYCLES_THAT_DO_NOT_JOIN),
    ),
    Invariant(
        "no debit without its notice",
        "A notice in time named each debit's amount and date before it was made.",
        "A customer was debited without warning and may have the money taken back.",
        "Tell the customer, offer the refund, and find how the collect step was passed by.",
        _by_query(queries.DEBITS_WITHOUT_NOTICE),
    ),
    Invariant(
        "no unfair bar",
        "Dunning bars only after a delivered warning, never while all of a case is promised, in a plan or disputed.",
        "A customer lost service against the policy and perhaps the law.",
        "Unbar the account at once, and see in its timeline which step decided it.",
        _by_query(queries.UNFAIR_BARS),
    ),
    Invariant(
        "numbers have no hole",
        "Every number of a series up to its last one belongs to a document.",
        "The tax office may ask for a document that does not exist.",
        "Find the transaction that took the number; document the gap for the auditor.",
        _as_a_whole(queries.HOLES_IN_NUMBERS),
    ),
    Invariant(
        "one live attempt",
        "No invoice is being collected by two attempts at once.",
        "The customer may pay twice.",
        "Settle both attempts with the provider; refund the later payment.",
        _by_query(queries.INVOICES_WITH_TWO_LIVE_ATTEMPTS),
    ),
    Invariant(
        "notices once",
        "Every notice exists once per subject, kind, occasion and channel, and one vendor took it once.",
        "A customer got the same message twice.",
        "See the notice's evidence; a vendor's time-out marked as possible duplicate explains it.",
        _by_query(queries.NOTICES_TWICE),
    ),
    Invariant(
        "bank debits once",
        "Every debit that was filed stands in one file that counts, and the bank has that file when the debit says so.",
        "A customer may be debited twice, or a debit was never asked for.",
        "Ask the bank about the debit's end-to-end id before anything else; hold its file if it has not left.",
        _as_a_whole(bank.BANK_DEBITS_NOT_IN_ONE_FILE),
    ),
    Invariant(
        "bank files add up",
        "The count and control sum of every file to the bank are those of the debits or payouts in it.",
        "The bank would refuse the file, or move other amounts than the books expect.",
        "Hold the file if it has not left; compare it with what it carries.",
        _as_a_whole(bank.BANK_FILES_THAT_DO_NOT_ADD_UP),
    ),
    Invariant(
        "bank payouts are booked",
        "Every payout by file is in the books once, as long as it reached the customer or may, and stands in one file.",
        "A customer gets money twice, or got none and has no credit either.",
        "Ask the bank about the payout's end-to-end id; hold its file if it has not left.",
        _as_a_whole(bank.BANK_PAYOUTS_THAT_ARE_NOT_BOOKED),
    ),
    Invariant(
        "suspense is its items",
        "The suspense ledger of each brand is the sum of the amounts that nobody has decided about.",
        "Money of nobody is lost sight of, or is shown though it was given to somebody.",
        "Compare the house account's ledger with the items; book the difference with a reason.",
        _as_a_whole(SUSPENSE_WITHOUT_ITEMS),
    ),
    Invariant(
        "VAT of bad debts is given up",
        "VAT is taken back only of what is given up, and never more than the invoice's own.",
        "VAT was claimed from the state for money that came, or that is still owed.",
        "See the account's write-offs; give up or restore what is wrong, or correct the return of that period.",
        _as_a_whole(queries.VAT_OF_BAD_DEBTS_TOO_HIGH),
    ),
    Invariant(
        "entries are their payments",
        "The payments of every entry on a bank account of ours add up to it, or say that it waits as a whole.",
        "Something that the bank booked was left out, or counted twice.",
        "Compare the entry with the bank's statement; see what became of each of its payments.",
        _as_a_whole(ENTRIES_THAT_DO_NOT_ADD_UP),
    ),
    Invariant(
        "counters are the events",
        "Counting the stored events again gives the counters.",
        "Balances and bills would differ from the itemised records.",
        "No command counts again: find the import or correction that moved them, and put the difference of a billed "
        "cycle on the next invoice with adjust-balance.",
        _counters,
    ),
)


async def check_books(engine: AsyncEngine, more: Sequence[Invariant] = ()) -> list[Finding]:
    """Check all rules, and ``more`` of other parts, on one consistent view of the database."""
    async with engine.connect() as connection:
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        return [Finding(each, await each.find(connection)) for each in (*INVARIANTS, *more)]


async def broken_rules(engine: AsyncEngine) -> list[str]:
    """One sentence per violation; empty when the books are in order. For tests, after every scenario."""
    return [
        f"{finding.invariant.name}: {violation.account_id} {violation.what}"
        for finding in await check_books(engine)
        for violation in finding.violations
    ]
