"""Invoices and credit notes: as data, as PDF, as CSV."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from api.container import Container
from api.dependencies import ContainerDep, Viewer
from api.parameters import AccountId, InvoiceId
from api.schemas.invoices import InvoiceDetail, InvoiceList, InvoiceView
from api.schemas.problems import problems
from billing.ports.documents import Syntax


def _bytes(media_type: str) -> dict[int | str, dict[str, Any]]:
    """A document in the place of JSON."""
    return {200: {"content": {media_type: {"schema": {"type": "string", "format": "binary"}}}}}


router = APIRouter(prefix="/v1/accounts/{account_id}/invoices", tags=["invoices"], responses=problems(404))
PDF = _bytes("application/pdf")
CSV = _bytes("text/csv")
XML = _bytes("application/xml")


@router.get("", summary="The documents of an account")
async def list_invoices(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> InvoiceList:
    """Invoices and credit notes, newest first, each with what is open of it now."""
    documents = await container.invoicing.documents(account_id)
    return InvoiceList(invoices=[InvoiceView.of(*each) for each in documents])


@router.get("/{invoice_id}", summary="One document with its lines and VAT")
async def get_invoice(
    account_id: AccountId, invoice_id: InvoiceId, container: ContainerDep, _caller: Viewer
) -> InvoiceDetail:
    """Every line carries the arithmetic that leads to its amount."""
    return InvoiceDetail.of_document(await container.invoicing.document(account_id, invoice_id))


@router.get("/{invoice_id}/pdf", summary="The document as the customer gets it", response_class=Response, responses=PDF)
async def get_invoice_pdf(
    account_id: AccountId, invoice_id: InvoiceId, container: ContainerDep, _caller: Viewer
) -> Response:
    """Drawn from what is stored, in the customer's language."""
    name, content = await container.invoicing.pdf(account_id, invoice_id)
    return Response(content, media_type="application/pdf", headers=named(name, "inline"))


@router.get(
    "/{invoice_id}/ubl.xml",
    summary="The electronic invoice as UBL",
    response_class=Response,
    responses={**XML, **problems(409)},
)
async def get_invoice_ubl(
    account_id: AccountId, invoice_id: InvoiceId, container: ContainerDep, _caller: Viewer
) -> Response:
    """EN 16931 as Peppol BIS Billing 3.0 writes it; 409 names what is missing."""
    return await _electronic(container, account_id, invoice_id, Syntax.UBL)


@router.get(
    "/{invoice_id}/cii.xml",
    summary="The electronic invoice as CII",
    response_class=Response,
    responses={**XML, **problems(409)},
)
async def get_invoice_cii(
    account_id: AccountId, invoice_id: InvoiceId, container: ContainerDep, _caller: Viewer
) -> Response:
    """EN 16931 as Factur-X and ZUGFeRD write it: the XML that a business's PDF carries; 409 names what is missing."""
    return await _electronic(container, account_id, invoice_id, Syntax.CII)


async def _electronic(container: Container, account_id: str, invoice_id: str, syntax: Syntax) -> Response:
    name, content = await container.invoicing.electronic(account_id, invoice_id, syntax)
    return Response(content, media_type="application/xml", headers=named(name, "attachment"))


@router.get("/{invoice_id}/details.csv", summary="The lines as CSV", response_class=Response, responses=CSV)
async def get_invoice_details(
    account_id: AccountId, invoice_id: InvoiceId, container: ContainerDep, _caller: Viewer
) -> Response:
    """One row per line; amounts in minor units."""
    name, content = await container.invoicing.details_csv(account_id, invoice_id)
    return Response(content, media_type="text/csv; charset=utf-8", headers=named(name, "attachment"))


@router.get("/{invoice_id}/usage.csv", summary="The itemised records as CSV", response_class=Response, responses=CSV)
async def get_invoice_usage(
    account_id: AccountId, invoice_id: InvoiceId, container: ContainerDep, _caller: Viewer
) -> Response:
    """One row per call, message or session of the invoice's cycle, for as long as records are kept."""
    name, content = await container.invoicing.usage_csv(account_id, invoice_id)
    return Response(content, media_type="text/csv; charset=utf-8", headers=named(name, "attachment"))


def named(name: str, disposition: str) -> dict[str, str]:
    return {"Content-Disposition": f'{disposition}; filename="{name}"'}
