"""Everything that is kept about a customer, as files (regulation (EU) 2016/679, articles 15 and 20)."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.customer_sessions import BY_CUSTOMER
from billing.services.invoicing import InvoicingService
from billing.services.text_cells import harmless

NamedFile = tuple[str, bytes]
# Ours, or a secret of the provider: nothing that is about the customer.
_LEFT_OUT = frozenset(
    {
        "provider_customer",
        "provider_method",
        "provider_payment",
        "provider_session",
        "session_url",
        "fingerprint",
        "call_number",
        "vendor_reference",
        "dunning_policy_code",
        "dunning_policy_version",
    }
)
MOST_ENTRIES = 100_000
# The entry of a decided dispute up to the words of whoever decided.
_DECIDED = re.compile(r"(Dispute .*? (?:accepted|rejected)): ", re.DOTALL)
_README = """All data we keep about your account, of {at} UTC.

account.json            who you are to us, and what you chose
services.json           your lines and plans
bills.json, bills/      bills and credit notes; each as PDF, its lines and its usage as CSV
usage/                  calls, messages and sessions that are not billed yet
payments.json           payments, payment methods and mandates
agreements.json         promises, instalments and disputes
limits.json             limits you set
messages.json           messages we sent you, and what became of them
timeline.json           what happened on your account

Amounts ending in _minor are in cents. Usage is kept only for as long as a bill can be challenged.
"""


class CustomerExport:
    """Reads it, file by file, so that nothing has to be held at once."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, invoicing: InvoicingService) -> None:
        self._make_work = make_work
        self._clock = clock
        self._invoicing = invoicing

    async def tell(self, account_id: str, author: str) -> None:
        """Write down on the timeline that somebody took it all."""
        summary = "All data of the account was downloaded."
        async with self._make_work() as work:
            entry = TimelineEntry(account_id, self._clock.now(), "data_downloaded", summary, {}, author)
            await work.timeline.add(entry)
            await work.commit()

    async def files(self, account_id: str) -> AsyncIterator[NamedFile]:
        """Name and content of each file. Raises NotFound."""
        yield "README.txt", _README.format(at=f"{self._clock.now():%Y-%m-%d %H:%M}").encode()
        for name, found in (await self._records(account_id)).items():
            yield f"{name}.json", _json(found)
        for name, rows in (await self._tables(account_id)).items():
            yield f"{name}.csv", _csv(rows)
        documents = await self._invoicing.documents(account_id)
        for invoice, _, _ in documents:
            for read in (self._invoicing.pdf, self._invoicing.details_csv, self._invoicing.usage_csv):
                name, content = await read(account_id, invoice.invoice_id)
                yield f"bills/{name}", content if isinstance(content, bytes) else content.encode()
        for cycle_number in await self._open_cycles(account_id):
            content = await self._invoicing.cycle_usage_csv(account_id, cycle_number)
            yield f"usage/period-{cycle_number}.csv", content.encode()

    async def _records(self, account_id: str) -> Mapping[str, Any]:
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            evidence = await work.notices.evidence(account_id)
            mandates, acceptances = await work.payments.mandates(account_id), await work.evidence.all(account_id)
            return {
                "account": asdict(account),
                "services": _dicts(await work.accounts.services(account_id)),
                "bills": _dicts(await work.invoices.of_account(account_id)),
                "payments": {
                    "payments": _dicts(await work.payments.attempts(account_id)),
                    "methods": _dicts(await work.payments.methods(account_id)),
                    "mandates": _dicts(mandates),
                    "agreed_texts": _dicts(acceptances),
                },
                "agreements": {
                    "promises": _without_staff(await work.dunning.promises(account_id)),
                    "instalments": _without_staff(await work.arrangements.plans(account_id)),
                    "disputes": _without_staff(await work.dunning.disputes(account_id)),
                },
                "limits": _without_staff(await work.limits.changes([account_id])),
                "messages": {
                    "messages": _dicts(await work.notices.of(account_id, MOST_ENTRIES)),
                    "what_became_of_them": _dicts(evidence),
                },
                "timeline": await self._timeline(account_id),
            }

    async def _timeline(self, account_id: str) -> list[dict[str, Any]]:
        """What happened, without the names of staff."""
        async with self._make_work() as work:
            entries = await work.timeline.of(account_id, MOST_ENTRIES)
        return [
            {"at": one.at, "kind": one.kind, "what": _what(one), "by": "you" if one.actor == BY_CUSTOMER else "us"}
            for one in entries
        ]

    async def _tables(self, account_id: str) -> Mapping[str, list[dict[str, Any]]]:
        """The same lists for a spreadsheet."""
        async with self._make_work() as work:
            return {
                "payments": _dicts(await work.payments.attempts(account_id)),
                "bills": _dicts(await work.invoices.of_account(account_id)),
                "timeline": await self._timeline(account_id),
            }

    async def _open_cycles(self, account_id: str) -> list[int]:
        async with self._make_work() as work:
            return [one.cycle_number for one in await work.accounts.cycles(account_id) if one.status == "open"]


def _what(entry: TimelineEntry) -> str:
    """What happened, without what staff wrote about a decision."""
    if entry.kind != "dispute_closed":
        return entry.summary
    decided = _DECIDED.match(entry.summary)
    return decided.group(1) if decided else "Dispute decided"


def _without_staff(records: Sequence[Any]) -> list[dict[str, Any]]:
    """As they are kept, but for the names of staff and what staff noted: the customer's own words stay."""
    return [_told(asdict(one)) for one in records]


def _told(record: dict[str, Any]) -> dict[str, Any]:
    is_theirs = record["author"] == BY_CUSTOMER
    notes = ("decision", "end_reason") if is_theirs else ("reason", "decision", "end_reason")
    kept = {name: value for name, value in record.items() if name != "author" and name not in notes}
    return kept | {"by": "you" if is_theirs else "us"}


def _dicts(records: Sequence[Any]) -> list[dict[str, Any]]:
    return [asdict(one) for one in records]


def _json(found: Any) -> bytes:
    return json.dumps(_plain(found), ensure_ascii=False, indent=1).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items() if name not in _LEFT_OUT}
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return [_plain(each) for each in value]


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    out = io.StringIO()
    plain = [_plain(row) for row in rows]
    writer = csv.writer(out)
    names = list(plain[0]) if plain else []
    writer.writerow(names)
    writer.writerows([[harmless(_cell(row[name])) for name in names] for row in plain])
    return out.getvalue().encode()


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
