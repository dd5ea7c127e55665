"""The books of an account."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import ContainerDep, Viewer
from api.parameters import AccountId
from api.schemas.invoices import EntryView, LedgerView
from api.schemas.problems import problems

router = APIRouter(prefix="/v1/accounts", tags=["invoices"])


@router.get("/{account_id}/ledger", summary="Every money event of an account", responses=problems(404))
async def get_ledger(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> LedgerView:
    """Double entry and append-only: what is open and what is credit follows from these entries alone."""
    entries, credit_minor = await container.invoicing.ledger_of(account_id)
    return LedgerView(
        account_id=account_id, credit_minor=credit_minor, entries=[EntryView.of(each) for each in entries]
    )
