"""Statements of account: as data, as CSV, as PDF."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.dependencies import ContainerDep, Viewer
from api.parameters import AccountId
from api.routers.invoices import CSV, PDF
from api.schemas.base import Day
from api.schemas.problems import problems
from api.schemas.statements import StatementOut

router = APIRouter(prefix="/v1/accounts/{account_id}", tags=["invoices"], responses=problems(404))
From = Annotated[
    Day | None,
    Query(alias="from", description="The first local day; the account's first when left out.", examples=["2027-01-01"]),
]
To = Annotated[
    Day | None,
    Query(alias="to", description="The day after the last one; tomorrow when left out.", examples=["2027-04-01"]),
]


@router.get("/statement", summary="A statement of account")
async def get_statement(
    account_id: AccountId, container: ContainerDep, _: Viewer, first: From = None, end: To = None
) -> StatementOut:
    """Opening balance, every invoice, credit note, payment, reversal, refund and write-off with the balance after it,
    closing balance, and what is open by age; read from the ledger."""
    return StatementOut.of(await container.statements.statement(account_id, first, end))


@router.get("/statement.csv", summary="A statement of account as CSV", response_class=Response, responses=CSV)
async def get_statement_csv(
    account_id: AccountId, container: ContainerDep, _: Viewer, first: From = None, end: To = None
) -> Response:
    """One row per event between an opening and a closing one, for each currency; amounts in minor units."""
    name, content = await container.statements.csv(account_id, first, end)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/statement.pdf", summary="A statement of account as PDF", response_class=Response, responses=PDF)
async def get_statement_pdf(
    account_id: AccountId, container: ContainerDep, _: Viewer, first: From = None, end: To = None
) -> Response:
    """In the customer's language; reasons that staff wrote are left out."""
    name, content = await container.statements.pdf(account_id, first, end)
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return Response(content, media_type="application/pdf", headers=headers)
