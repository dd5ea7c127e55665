"""The console's lists of one account: documents, payments and notices, each paged, filtered, sorted and exported."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.responses import Response

from api.console.exports import csv_answer
from api.console.listing import Asked, Choice, Listing
from api.console.pages import words
from api.console.visit import ViewerVisit
from api.routers.console_account import part
from api.routers.console_money import PURPOSES, STATUSES
from billing.messages.notices import NoticeKind
from billing.ports.queries import InvoiceLine, NoticeLine, PartFilter, PaymentLine

router = APIRouter(prefix="/console/accounts/{account_id}", include_in_schema=False)
PAGE_SIZE = 50
DOCUMENT_KINDS, DOCUMENT_STATES = ("invoice", "credit_note"), ("open", "settled")
NOTICE_KINDS = tuple(kind.value for kind in NoticeKind)
NOTICE_STATES = ("waiting", "sending", "unknown", "accepted", "delivered", "failed")
DOCUMENTS = Listing(
    "documents",
    filters=(Choice("kind", DOCUMENT_KINDS), Choice("state", DOCUMENT_STATES)),
    sorts=("-date", "due", "total", "open"),
)
PAYMENTS = Listing(
    "payments",
    filters=(Choice("kind", PURPOSES), Choice("state", STATUSES)),
    sorts=("-date", "asked", "received"),
)
NOTICES = Listing(
    "notices",
    filters=(Choice("kind", NOTICE_KINDS), Choice("state", NOTICE_STATES)),
    sorts=("-date", "kind", "amount"),
)
DOCUMENT_COLUMNS = ("document", "kind", "number", "date", "due", "currency", "total minor", "open minor")
PAYMENT_COLUMNS = ("payment", "purpose", "method", "status", "category", "code", "currency", "asked minor",
                   "received minor", "debit on", "created at", "ended at")  # fmt: skip
NOTICE_COLUMNS = ("notice", "kind", "channel", "status", "recipient", "currency", "amount minor", "date named",
                  "created at", "accepted at", "delivered at", "failure", "evidence")  # fmt: skip


def _wanted(asked: Asked) -> PartFilter:
    """The page; all rows for a file."""
    chosen = (asked.text("kind"), asked.text("state"), asked.order)
    return PartFilter(*chosen) if asked.as_csv else PartFilter(*chosen, (asked.page - 1) * PAGE_SIZE, PAGE_SIZE)


def _options(values: Sequence[str]) -> Sequence[tuple[str, str]]:
    return [(value, words(value).lower()) for value in values]


@router.get("/documents")
async def documents(account_id: str, visit: ViewerVisit) -> Response:
    """Invoices and credit notes with their files, and the statement of account."""
    asked = DOCUMENTS.read(visit.request)
    shown = await visit.container.accounts.get(account_id)
    found = await visit.container.queries.documents(account_id, _wanted(asked))
    if asked.as_csv:
        return csv_answer(f"documents-{account_id}", DOCUMENT_COLUMNS, map(_document_cells, found.rows))
    kinds, states = _options(DOCUMENT_KINDS), _options(DOCUMENT_STATES)
    due_now = await visit.container.invoicing.due_now(account_id)
    return await part(
        visit, shown, "account_documents.html", asked=asked, found=found, pages=_pages(found.total), kinds=kinds,
        states=states, due_now=due_now,
    )  # fmt: skip


@router.get("/payments")
async def payments(account_id: str, visit: ViewerVisit) -> Response:
    """Every try at a payment, with the reason of its outcome."""
    asked = PAYMENTS.read(visit.request)
    shown = await visit.container.accounts.get(account_id)
    found = await visit.container.queries.payments(account_id, _wanted(asked))
    if asked.as_csv:
        return csv_answer(f"payments-{account_id}", PAYMENT_COLUMNS, map(_payment_cells, found.rows))
    kinds, states = _options(PURPOSES), _options(STATUSES)
    return await part(
        visit, shown, "account_payments.html", asked=asked, found=found, pages=_pages(found.total), kinds=kinds,
        states=states,
    )  # fmt: skip


@router.get("/notices")
async def notices(account_id: str, visit: ViewerVisit) -> Response:
    """What the customer was told, with the proof."""
    asked = NOTICES.read(visit.request)
    shown = await visit.container.accounts.get(account_id)
    found = await visit.container.queries.notices(account_id, _wanted(asked))
    if asked.as_csv:
        return csv_answer(f"notices-{account_id}", NOTICE_COLUMNS, map(_notice_cells, found.rows))
    kinds, states = _options(NOTICE_KINDS), _options(NOTICE_STATES)
    return await part(
        visit, shown, "account_notices.html", asked=asked, found=found, pages=_pages(found.total), kinds=kinds,
        states=states,
    )  # fmt: skip


def _pages(total: int) -> int:
    return -(-total // PAGE_SIZE)


def _document_cells(one: InvoiceLine) -> Sequence[object]:
    return (one.invoice_id, one.kind, one.number, one.invoice_date, one.due_on, one.currency, one.total_minor,
            one.open_minor)  # fmt: skip


def _payment_cells(one: PaymentLine) -> Sequence[object]:
    return (one.attempt_id, one.purpose, one.method_label, one.status, one.category, one.code, one.currency,
            one.expected_minor, one.received_minor, one.debit_on, one.created_at, one.settled_at)  # fmt: skip


def _notice_cells(one: NoticeLine) -> Sequence[object]:
    proof = "; ".join(f"{seen.at.isoformat()} {seen.event} {seen.vendor}" for seen in one.evidence)
    return (one.notice_id, one.kind, one.channel, one.status, one.recipient, one.currency, one.amount_minor,
            one.named_on, one.created_at, one.accepted_at, one.delivered_at, one.failure, proof)  # fmt: skip
