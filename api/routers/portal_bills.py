"""Self-service, bills: the list, one bill with its files, compared with the one before; disputes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response

from api.parameters import InvoiceId
from api.portal.pages import Words, back_to, page
from api.portal.session import SignedForm, Visitor, VisitorDep
from api.portal.words_of_refusals import told_of
from billing.domain.errors import InvalidValue, NotFound, Refusal
from billing.domain.invoice import DocumentKind, Section
from billing.domain.invoice_lines import line_id
from billing.ports.documents import InvoiceDocument, Syntax
from billing.services.customer_sessions import BY_CUSTOMER
from billing.services.disputable import decided_before
from billing.services.owed_lines import OwedLine, owed_by_line

router = APIRouter(prefix="/my/bills", tags=["self-service"], include_in_schema=False)
SHOWN_IN_CHART = 6


@dataclass(frozen=True)
class Bar:
    """One bill of the picture; ``height`` of 100."""

    name: str
    total_minor: int
    height: int


@router.get("")
async def list_bills(visitor: VisitorDep) -> Response:
    """Newest first."""
    documents = await visitor.container.invoicing.documents(visitor.account_id)
    bills = [one for one, _, _ in documents if one.kind == DocumentKind.INVOICE][:SHOWN_IN_CHART]
    tallest = max((one.total_minor for one in bills), default=0)
    bars = [
        Bar(one.number, one.total_minor, max(0, one.total_minor) * 100 // tallest if tallest > 0 else 0)
        for one in reversed(bills)
    ]
    money = await visitor.container.customer_money.now(visitor.account, visitor.brand)
    return page("bills.html", visitor.look, section="bills", documents=documents, bars=bars, money=money)


@router.get("/{invoice_id}")
async def show_bill(
    visitor: VisitorDep, invoice_id: InvoiceId, disputed: Annotated[str, Query(max_length=5)] = ""
) -> Response:
    """One bill: total, lines, VAT, files, and what may be disputed."""
    told = Words(visitor.look.language)["dispute_sent"] if disputed else ""
    return await _bill(visitor, invoice_id, told=told)


async def _bill(visitor: Visitor, invoice_id: str, status: int = 200, **told: Any) -> Response:
    container = visitor.container
    document = await container.invoicing.document(visitor.account_id, invoice_id)
    disputes = await container.disputes.all(visitor.account_id)
    decided = decided_before(disputes, invoice_id)
    return page(
        "bill.html",
        visitor.look,
        status,
        section="bills",
        document=document,
        invoice=document.invoice,
        groups=_groups(document),
        disputable=_disputable(document, decided),
        may_dispute=None not in decided,
        left=document.open_minor - document.disputed_minor,
        disputes=[one for one in disputes if one.invoice_id == invoice_id],
        is_business=visitor.account.customer_kind == "business",
        form=visitor.form(),
        **told,
    )


def _groups(document: InvoiceDocument) -> list[tuple[str, list[Any], int]]:
    """The lines by service, each with its sum; what is no service's comes last under an empty name."""
    names = {line.service_id if line.section is Section.SERVICE else None: "" for line in document.lines}
    groups = []
    for service_id in sorted(names, key=lambda one: one or "~"):
        lines = [
            line
            for line in document.lines
            if (line.service_id if line.section is Section.SERVICE else None) == service_id
        ]
        service = document.services.get(service_id or "")
        groups.append((service.identifier if service else "", lines, sum(one.amount.amount_minor for one in lines)))
    return groups


@router.post("/{invoice_id}/dispute")
async def dispute(
    visitor: VisitorDep,
    invoice_id: InvoiceId,
    form: SignedForm,
    reason: Annotated[str, Form(max_length=500)] = "",
    line: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """All that is open of the bill, or one line of it; the rest stays payable."""
    visitor.command_of(form)
    container, words = visitor.container, Words(visitor.look.language)
    document = await container.invoicing.document(visitor.account_id, invoice_id)
    if not reason.strip():
        return await _bill(visitor, invoice_id, 422, told=words["needs_reason"], is_problem=True)
    about = reason.strip()
    try:
        if line:
            chosen = _chosen(document, line)
            about = f"{chosen.line.description}: {about}"[:500]
        await container.disputes.open(visitor.account_id, invoice_id, 0, about, BY_CUSTOMER, line)
    except NotFound:
        raise
    except Refusal as refusal:
        told = told_of(words, "dispute", refusal.field)
        return await _bill(visitor, invoice_id, 409, told=told, is_problem=True)
    return back_to(f"/my/bills/{invoice_id}?disputed=1")


def _disputable(document: InvoiceDocument, decided: Collection[int | None] = ()) -> dict[str, OwedLine]:
    """Lines for which something is owed, by their identity, but those that were decided already."""
    owed = owed_by_line(document.lines, document.taxes, document.brand.tax_table)
    return {
        line_id(document.invoice.invoice_id, one.position): one
        for one in owed
        if (one.gross_minor or 0) > 0 and one.position not in decided
    }


def _chosen(document: InvoiceDocument, line: str) -> OwedLine:
    found = _disputable(document).get(line)
    if found is None:
        raise InvalidValue("There is no such line.", field="line_id", value=line, remedy="Choose a line of the bill.")
    return found


@router.get("/{invoice_id}/bill.pdf")
async def pdf(visitor: VisitorDep, invoice_id: InvoiceId) -> Response:
    """The bill as it was sent."""
    name, content = await visitor.container.invoicing.pdf(visitor.account_id, invoice_id)
    return _file(content, "application/pdf", name)


@router.get("/{invoice_id}/lines.csv")
async def lines_csv(visitor: VisitorDep, invoice_id: InvoiceId) -> Response:
    """Every line with its arithmetic."""
    name, content = await visitor.container.invoicing.details_csv(visitor.account_id, invoice_id)
    return _file(content, "text/csv; charset=utf-8", name)


@router.get("/{invoice_id}/usage.csv")
async def usage_csv(visitor: VisitorDep, invoice_id: InvoiceId) -> Response:
    """Every call, message and session, while they are kept."""
    name, content = await visitor.container.invoicing.usage_csv(visitor.account_id, invoice_id)
    return _file(content, "text/csv; charset=utf-8", name)


@router.get("/{invoice_id}/{syntax}.xml")
async def structured(visitor: VisitorDep, invoice_id: InvoiceId, syntax: Syntax) -> Response:
    """For a business: the electronic invoice of EN 16931."""
    name, content = await visitor.container.invoicing.electronic(visitor.account_id, invoice_id, syntax)
    return _file(content, "application/xml", name)


def _file(content: str | bytes, media_type: str, name: str) -> Response:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
