"""Money and messages as the outside world has them, held against the books: to the cent, and one for one.

Cash is in two places: at the provider of payments, and on our own accounts at the bank. Each is compared with its part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.domain.identity import BANK_ENTRY, SUSPENSE
from billing.ports.bank_files import BANK_FILES
from billing.ports.bank_statements import BANK_TRANSFER
from evenflow.demo.doors import Door

_AT_THE_BANK = f"('{BANK_FILES}', '{BANK_TRANSFER}')"
_CASH = f"""
SELECT e.account_id, e.reference, p.currency, sum(p.amount_minor) AS minor
FROM ledger_entries e JOIN ledger_postings p USING (account_id, entry_id)
WHERE p.ledger_account = 'cash' AND e.provider NOT IN {_AT_THE_BANK} GROUP BY 1, 2, 3
"""
# The bank names a payment by its end-to-end id. Our entries name the debit or payout, the payment of a statement, or
# the item as which money of nobody waited.
_CASH_AT_THE_BANK = f"""
WITH named AS (
    SELECT end_to_end_id AS reference, end_to_end_id FROM bank_debits
    UNION SELECT end_to_end_id, end_to_end_id FROM bank_payouts
    UNION SELECT format('{BANK_ENTRY}_%s-%s', entry_id, position), end_to_end_id FROM bank_entry_payments
    UNION SELECT format('{SUSPENSE}_%s', suspense_id), end_to_end_id FROM suspense_items
), ibans AS (SELECT DISTINCT ON (brand) brand, iban FROM bank_creditors ORDER BY brand, revision DESC)
SELECT coalesce(i.iban, '(none)') AS iban, coalesce(n.end_to_end_id, e.reference) AS payment, p.currency,
    sum(p.amount_minor) AS minor
FROM ledger_entries e JOIN ledger_postings p USING (account_id, entry_id)
    LEFT JOIN named n USING (reference)
    LEFT JOIN accounts a USING (account_id) LEFT JOIN house_accounts h USING (account_id)
    LEFT JOIN ibans i ON i.brand = coalesce(a.brand, h.brand)
WHERE p.ledger_account = 'cash' AND e.provider IN {_AT_THE_BANK} GROUP BY 1, 2, 3
"""
_ATTEMPTS = """
SELECT a.attempt_id, a.provider_payment, string_agg(i.number, ', ' ORDER BY i.number) AS invoices
FROM payment_attempts a JOIN payment_allocations l USING (account_id, attempt_id)
    JOIN invoices i USING (account_id, invoice_id)
WHERE a.provider_payment <> '' GROUP BY a.account_id, a.attempt_id
"""
_NOTICES = "SELECT notice_id, vendor_reference FROM notices"
UNKNOWN, UNNAMED = "(of no attempt)", "(without a name)"
BANK_CURRENCY = "EUR"  # SEPA has no other

# Minor units by name (an account, an attempt, the invoices of a payment) and currency.
Sums = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Money:
    """What was compared, and a sentence about everything that differs."""

    accounts: int
    attempts: int
    invoices: int
    at_the_bank: int
    troubles: Sequence[str]


def differences(what: str, theirs: Sums, ours: Sums, who: str = "the provider") -> list[str]:
    """Where the two disagree; ``who`` has the others' money."""
    return [
        f"{what} {name}: {who} has {theirs.get((name, currency), 0)} {currency}, "
        f"the books have {ours.get((name, currency), 0)}"
        for name, currency in sorted({*theirs, *ours})
        if theirs.get((name, currency), 0) != ours.get((name, currency), 0)
    ]


def messages_twice(inbox: Iterable[Mapping[str, Any]], notices: Mapping[str, str]) -> list[str]:
    """Messages that a customer got more than once, or that belong to no notice.

    ``notices`` are vendors' references by notice. An email names its notice; an SMS is the one whose reference it is.
    """
    by_reference = {reference: name for name, reference in notices.items() if reference}
    got: Counter[str] = Counter()
    troubles = []
    for message in inbox:
        name = message["custom_args"].get("notice_id") or by_reference.get(message["id"], "")
        if name in notices:
            got[name] += 1
        else:
            troubles.append(f"{message['channel']} {message['id']} to {message['to']} belongs to no notice of ours")
    return troubles + [f"notice {name} reached the customer {times} times" for name, times in got.items() if times > 1]


class Auditor:
    """Compares the simulator with the books, which it reads by statements of its own."""

    def __init__(self, engine: AsyncEngine, world: Door, provider_key: str) -> None:
        self._engine = engine
        self._world = world
        self._provider_key = provider_key

    async def money(self) -> Money:
        """What provider and bank hold for each account, attempt, invoice and payment is what the ledger calls cash."""
        objects = await self._payments_of_objects()
        cash, attempts = await self._rows(_CASH), {row.provider_payment: row for row in await self._rows(_ATTEMPTS)}
        by_account, by_attempt, by_invoices = Counter[Any](), Counter[Any](), Counter[Any]()
        for row in cash:
            attempt = attempts.get(objects.get(row.reference, row.reference))
            by_account[f"acc_{row.account_id}", row.currency] += int(row.minor)
            by_attempt[attempt.attempt_id if attempt else UNKNOWN, row.currency] += int(row.minor)
            by_invoices[attempt.invoices if attempt else UNKNOWN, row.currency] += int(row.minor)
        troubles = differences("account", await self._held("account_id"), by_account)
        troubles += differences("attempt", await self._held("attempt_id"), by_attempt)
        troubles += differences("invoices", await self._held("invoices"), by_invoices)
        payments, differing = await self._at_the_bank()
        return Money(len(by_account), len(by_attempt), len(by_invoices), payments, troubles + differing)

    async def _at_the_bank(self) -> tuple[int, list[str]]:
        """How many payments our bank accounts had, and where the bank and the books disagree about one or in sum."""
        told = await self._world.get("/bank/balances", by="end_to_end_id")
        by_iban, by_payment = Counter[Any](), Counter[Any]()
        for row in await self._rows(_CASH_AT_THE_BANK):
            by_iban[row.iban, row.currency] += int(row.minor)
            by_payment[row.payment or UNNAMED, row.currency] += int(row.minor)
        held = {(name or UNNAMED, BANK_CURRENCY): int(minor) for name, minor in told["payments"].items()}
        accounts = {(name, BANK_CURRENCY): int(minor) for name, minor in told["accounts"].items()}
        troubles = differences("bank account", accounts, by_iban, "the bank")
        return len(held), troubles + differences("payment", held, by_payment, "the bank")

    async def messages(self) -> tuple[int, list[str]]:
        """How many messages customers got, and what is wrong with them."""
        inbox = (await self._world.get("/inbox.json"))["messages"]
        rows = await self._rows(_NOTICES)
        return len(inbox), messages_twice(inbox, {f"ntc_{row.notice_id}": row.vendor_reference for row in rows})

    async def _held(self, by: str) -> Counter[Any]:
        """The provider's net sums; invoices of a payment in the order of their numbers."""
        totals = await self._world.get("/_control/totals", by=by)
        held = Counter[Any]()
        for value, currencies in totals["groups"].items():
            for currency, sums in currencies.items():
                held[", ".join(sorted(value.split(", "))), currency.upper()] += int(sums["net"])
        return held

    async def _payments_of_objects(self) -> dict[str, str]:
        """The payments that refunds and disputes are of, by the objects' ids."""
        client = self._world.client
        found: dict[str, str] = {}
        for kind in ("refunds", "disputes"):
            page: dict[str, Any] = {"has_more": True, "data": []}
            while page["has_more"]:
                after = {"starting_after": page["data"][-1]["id"]} if page["data"] else {}
                page = await self._page(client, kind, {"limit": 100, **after})
                found |= {one["id"]: one["payment_intent"] for one in page["data"]}
        return found

    async def _page(self, client: httpx.AsyncClient, kind: str, query: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._provider_key}"}
        answer = await client.get(f"/stripe/v1/{kind}", params=query, headers=headers)
        answer.raise_for_status()
        page: dict[str, Any] = answer.json()
        return page

    async def _rows(self, statement: str) -> list[Any]:
        async with self._engine.connect() as connection:
            return list((await connection.execute(text(statement))).all())
