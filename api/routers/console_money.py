"""The console's lists of documents and payments of all accounts, and its search."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from fastapi import APIRouter
from starlette.responses import Response

from api.console.exports import csv_answer
from api.console.listing import Asked, Choice, Day, Listing, Text
from api.console.visit import ViewerVisit
from billing.domain.errors import InvalidValue
from billing.ports.money_lists import InvoiceFilter, InvoiceRow, PaymentFilter, PaymentRow
from billing.ports.search import SearchHit

router = APIRouter(prefix="/console", include_in_schema=False)
PAGE_SIZE = 50
AGES = ("not due", "1-30 days", "31-60 days", "61-90 days", "over 90 days")
STAGES = ("announced", "not_announced", "dunning", "written_off", "open")
STATUSES = ("succeeded", "pending", "failed", "action_required", "unknown", "cancelled", "disputed")
PURPOSES = ("debit", "pay_session", "transfer")
INVOICES = Listing(
    "invoices",
    filters=(Day("issued_on"), Day("month"), Day("debit_on"), Choice("age", AGES), Choice("stage", STAGES),
             Text("currency", 3)),
    sorts=("-date", "open"),
)  # fmt: skip
PAYMENTS = Listing(
    "payments",
    filters=(Day("created_on"), Day("settled_on"), Day("taken_back_on"), Choice("status", STATUSES),
             Choice("purpose", PURPOSES), Text("currency", 3)),
    sorts=("-date",),
)  # fmt: skip
INVOICE_COLUMNS = ("account", "number", "customer", "invoice", "date", "due", "currency", "total minor", "open minor")
PAYMENT_COLUMNS = ("account", "number", "customer", "payment", "purpose", "status", "category", "code", "currency",
                   "asked minor", "received minor", "created at", "ended at")  # fmt: skip

Row = TypeVar("Row")


@router.get("/search")
async def search(visit: ViewerVisit) -> Response:
    """Straight to the page when one account is found; everything that was found otherwise."""
    text = visit.request.query_params.get("q", "")
    found = refused = None
    if text.strip():
        try:
            found = await visit.container.account_search.find(text)
        except InvalidValue as refusal:
            refused = refusal
    if found is not None and found.only is not None:
        return visit.to(page_of(found.only))
    status = 422 if refused else 200
    return visit.page("search.html", status, title="Search", text=text[:100], found=found, refused=refused)


def page_of(hit: SearchHit) -> str:
    """Where a hit leads: the account's page, at the part that shows it."""
    part = {"line": "/services", "invoice": "/documents", "method": "/methods", "mandate": "/methods"}.get(hit.kind, "")
    return f"/console/accounts/{hit.account_id}{part}"


@router.get("/invoices")
async def invoices(visit: ViewerVisit) -> Response:
    """Invoices by day, month, age or what became of them."""
    asked = INVOICES.read(visit.request)
    month = asked.day("month")
    wanted = InvoiceFilter(
        asked.day("issued_on"), month.replace(day=1) if month else None, asked.day("debit_on"), asked.text("age"),
        asked.text("stage"), asked.text("currency").upper(), asked.sort, asked.descending, limit=PAGE_SIZE,
    )  # fmt: skip
    if asked.as_csv:
        every = visit.container.money_lists.every_invoice(wanted, visit.container.clock.now())
        return csv_answer("invoices", INVOICE_COLUMNS, _cells(every, _invoice_cells))
    wanted = replace(wanted, offset=(asked.page - 1) * PAGE_SIZE)
    found = await visit.container.money_lists.invoices(wanted, visit.container.clock.now())
    return visit.page(
        "invoices.html", title="Invoices", asked=asked, rows=found[:PAGE_SIZE], pages=_pages(asked, found),
        ages=[(age, age) for age in AGES], stages=[(stage, stage.replace("_", " ")) for stage in STAGES],
    )  # fmt: skip


@router.get("/payments")
async def payments(visit: ViewerVisit) -> Response:
    """Tries at payments by day and outcome."""
    asked = PAYMENTS.read(visit.request)
    wanted = PaymentFilter(
        asked.day("created_on"), asked.day("settled_on"), asked.day("taken_back_on"), asked.text("status"),
        asked.text("purpose"), asked.text("currency").upper(), asked.descending, limit=PAGE_SIZE,
    )  # fmt: skip
    if asked.as_csv:
        every = visit.container.money_lists.every_payment(wanted)
        return csv_answer("payments", PAYMENT_COLUMNS, _cells(every, _payment_cells))
    found = await visit.container.money_lists.payments(replace(wanted, offset=(asked.page - 1) * PAGE_SIZE))
    return visit.page(
        "payments.html", title="Payments", asked=asked, rows=found[:PAGE_SIZE], pages=_pages(asked, found),
        statuses=[(each, each.replace("_", " ")) for each in STATUSES],
        purposes=[("debit", "debit"), ("pay_session", "pay page"), ("transfer", "transfer")],
    )  # fmt: skip


def _pages(asked: Asked, found: Sequence[object]) -> int:
    """The pages that are known of: how many there are is not counted."""
    return asked.page + (len(found) > PAGE_SIZE)


async def _cells(rows: AsyncIterator[Row], cells: Callable[[Row], Sequence[object]]) -> AsyncIterator[Sequence[object]]:
    async for one in rows:
        yield cells(one)


def _invoice_cells(one: InvoiceRow) -> Sequence[object]:
    return (one.account_id, one.account_number, one.customer_name, one.number, one.invoice_date, one.due_on,
            one.currency, one.total_minor, one.open_minor)  # fmt: skip


def _payment_cells(one: PaymentRow) -> Sequence[object]:
    return (one.account_id, one.account_number, one.customer_name, one.attempt_id, one.purpose, one.status,
            one.category, one.code, one.currency, one.expected_minor, one.received_minor, one.created_at,
            one.settled_at)  # fmt: skip
