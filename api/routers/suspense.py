"""Money that belongs to nobody yet: see who may be meant, and decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from api.dependencies import ContainerDep, Finance, Viewer
from api.schemas.bank_statements import (
    AssignmentIn,
    CandidateOut,
    OffsetIn,
    StatementDecisionIn,
    SuspenseItemOut,
    SuspenseViewOut,
)
from api.schemas.base import identity_pattern
from api.schemas.problems import problems
from billing.ports.suspense import SuspenseFilter
from billing.services.suspense import Assignment

router = APIRouter(prefix="/v1/suspense-items", tags=["bank files"])
SuspenseId = Annotated[str, Path(pattern=identity_pattern("sus"), description="The item.", examples=["sus_1001"])]


@router.get("", summary="List suspense items, newest first")
async def list_items(
    container: ContainerDep,
    _: Viewer,
    status: Annotated[
        Literal["", "open", "sending_back", "assigned", "sent_back", "explained"],
        Query(description="In this state only."),
    ] = "",
    brand: Annotated[str, Query(max_length=64, description="Of this brand only.")] = "",
    before: Annotated[
        str, Query(pattern=identity_pattern("sus", optional=True), description="The last item of the page before.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="The most listed.")] = 100,
) -> Sequence[SuspenseItemOut]:
    """Amounts on our bank accounts that belong to nobody yet; negative ones are money that left."""
    found = await container.suspense.items(SuspenseFilter(status, brand, before, limit))
    return [SuspenseItemOut.model_validate(one) for one in found]


@router.get("/{suspense_id}", summary="A suspense item with its candidates", responses=problems(404))
async def get_item(suspense_id: SuspenseId, container: ContainerDep, _: Viewer) -> SuspenseViewOut:
    """Everybody that something speaks for: a number, an amount, a name."""
    view = await container.suspense.view(suspense_id)
    return SuspenseViewOut(
        item=SuspenseItemOut.model_validate(view.item),
        candidates=[CandidateOut.model_validate(one) for one in view.candidates],
    )


@router.post("/{suspense_id}/assign", summary="Give an item to an account", responses=problems(404, 409))
async def assign_item(
    suspense_id: SuspenseId, wanted: AssignmentIn, container: ContainerDep, caller: Finance
) -> SuspenseItemOut:
    """Money that came is booked as the account's payment: on the invoices named, else the oldest open; the rest is
    credit. Money that left takes back the debit named, as if the bank had named it.
    """
    assignment = Assignment(
        suspense_id, wanted.account_id, caller.name, wanted.reason, wanted.invoice_ids, wanted.attempt_id
    )
    return SuspenseItemOut.model_validate(await container.suspense.assign(assignment))


@router.post("/{suspense_id}/send-back", summary="Send money back to its payer", responses=problems(404, 409))
async def send_item_back(
    suspense_id: SuspenseId, decision: StatementDecisionIn, container: ContainerDep, caller: Finance
) -> SuspenseItemOut:
    """Order the transfer at the bank with `transfer_reference` as end-to-end id; the statement that shows it closes the
    item.
    """
    done = await container.suspense.send_back(suspense_id, caller.name, decision.reason)
    return SuspenseItemOut.model_validate(done)


@router.post("/{suspense_id}/reopen", summary="Do not send it back after all", responses=problems(404, 409))
async def reopen_item(
    suspense_id: SuspenseId, decision: StatementDecisionIn, container: ContainerDep, caller: Finance
) -> SuspenseItemOut:
    """As long as the money has not left."""
    done = await container.suspense.reopen(suspense_id, caller.name, decision.reason)
    return SuspenseItemOut.model_validate(done)


@router.post("/{suspense_id}/offset", summary="Close two items that add up to zero", responses=problems(404, 409))
async def offset_items(
    suspense_id: SuspenseId, wanted: OffsetIn, container: ContainerDep, caller: Finance
) -> Sequence[SuspenseItemOut]:
    """What came and what left, of one bank account: for money that was sent back without its reference."""
    done = await container.suspense.offset(suspense_id, wanted.other_id, caller.name, wanted.reason)
    return [SuspenseItemOut.model_validate(one) for one in done]
