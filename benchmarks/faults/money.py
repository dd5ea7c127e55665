"""Money and messages as the outside world has them, held against the books: to the cent, and one for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from evenflow.demo.doors import Door

_CASH = """
SELECT e.account_id, e.reference, p.currency, sum(p.amount_minor) AS minor
FROM ledger_entries e JOIN ledger_postings p USING (account_id, entry_id)
WHERE p.ledger_account = 'cash' GROUP BY 1, 2, 3
"""
_ATTEMPTS = """
SELECT a.attempt_id, a.provider_payment, string_agg(i.number, ', ' ORDER BY i.number) AS invoices
FROM payment_attempts a JOIN payment_allocations l USING (account_id, attempt_id)
    JOIN invoices i USING (account_id, invoice_id)
WHERE a.provider_payment <> '' GROUP BY a.account_id, a.attempt_id
"""
_NOTICES = "SELECT notice_id, vendor_reference FROM notices"
UNKNOWN = "(of no attempt)"

# Minor units by name (an account, an attempt, the invoices of a payment) and currency.
Sums = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Money:
    """What was compared, and a sentence about everything that differs."""

    accounts: int
    attempts: int
    invoices: int
    troubles: Sequence[str]


def differences(what: str, theirs: Sums, ours: Sums) -> list[str]:
    """Where the two disagree."""
    return [
        f"{what} {name}: the provider has {theirs.get((name, currency), 0)} {currency}, "
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
        """What the provider holds for each account, attempt and invoice is what the ledger calls cash."""
        payments = await self._payments_of_objects()
        cash, attempts = await self._rows(_CASH), {row.provider_payment: row for row in await self._rows(_ATTEMPTS)}
        by_account, by_attempt, by_invoices = Counter[Any](), Counter[Any](), Counter[Any]()
        for row in cash:
            attempt = attempts.get(payments.get(row.reference, row.reference))
            by_account[f"acc_{row.account_id}", row.currency] += int(row.minor)
            by_attempt[attempt.attempt_id if attempt else UNKNOWN, row.currency] += int(row.minor)
            by_invoices[attempt.invoices if attempt else UNKNOWN, row.currency] += int(row.minor)
        troubles = differences("account", await self._held("account_id"), by_account)
        troubles += differences("attempt", await self._held("attempt_id"), by_attempt)
        troubles += differences("invoices", await self._held("invoices"), by_invoices)
        return Money(len(by_account), len(by_attempt), len(by_invoices), troubles)

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
