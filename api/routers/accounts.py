"""Accounts: open, list, look at, and what happened on them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.container import Container
from api.dependencies import Agent, ContainerDep, Viewer
from api.parameters import AccountId
from api.schemas.accounts import (
    AccountIn,
    AccountOut,
    AccountPageOut,
    AccountView,
    ProcessOut,
    ServiceOut,
    TimelineEntryOut,
)
from api.schemas.problems import problems
from billing.domain.errors import NotFound
from billing.messages.identities import account_workflow_id
from billing.ports.accounts import Account
from billing.ports.queries import AccountFilter

router = APIRouter(prefix="/v1/accounts", tags=["accounts"])
WORDS = "How the number begins, part of a line, or words of the name."
Limit = Annotated[int, Query(ge=1, le=2000, description="The most entries answered.")]


@router.post("", status_code=201, summary="Open an account", responses=problems(404, 409))
async def open_account(account: AccountIn, container: ContainerDep, caller: Agent) -> AccountOut:
    """Opens the account, its lines and its first cycle, and starts its workflow ``account/<brand>/<number>``."""
    return AccountOut.model_validate(await container.accounts.open(account.as_account(), caller.name))


@router.get("", summary="List accounts")
async def list_accounts(
    container: ContainerDep,
    _: Viewer,
    brand: Annotated[str, Query(description="Of this brand only.")] = "",
    status: Annotated[Literal["", "active", "closing", "closed"], Query(description="In this state only.")] = "",
    cycle_day: Annotated[int | None, Query(ge=1, le=31, description="Billed on this day of the month.")] = None,
    q: Annotated[
        str, Query(max_length=100, description="How the number begins, part of a line, or words of the name.")
    ] = "",
    in_dunning: Annotated[bool, Query(description="Only accounts with an open dunning case.")] = False,
    after: Annotated[str, Query(description="The next_after of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=200, description="Accounts on a page.")] = 50,
) -> AccountPageOut:
    """In order of opening, page by page."""
    wanted = AccountFilter(brand, status, cycle_day, q, in_dunning, after, limit)
    return AccountPageOut.model_validate(await container.queries.accounts(wanted, container.clock.now()))


@router.get("/{account_id}", summary="Look at an account", responses=problems(404))
async def get_account(account_id: AccountId, container: ContainerDep, _: Viewer) -> AccountView:
    """The account, its lines, and where its process stands."""
    account = await container.accounts.get(account_id)
    services = await container.accounts.services_of(account_id)
    return AccountView(
        **AccountOut.model_validate(account).model_dump(),
        services=[ServiceOut.model_validate(service) for service in services],
        process=await process_of(container, account),
    )


async def process_of(container: Container, account: Account) -> ProcessOut | None:
    """The account's process; None when no workflow is there (closed, or not started yet)."""
    workflow_id = account_workflow_id(account.brand, account.number)
    try:
        view = await container.process.view(workflow_id)
    except NotFound:
        return None
    seen = {name: getattr(view, name) for name in ProcessOut.model_fields if name != "workflow_id"}
    return ProcessOut.model_validate({"workflow_id": workflow_id, **seen})


@router.get("/{account_id}/timeline", summary="What happened and why", responses=problems(404))
async def get_timeline(
    account_id: AccountId, container: ContainerDep, _: Viewer, limit: Limit = 500
) -> list[TimelineEntryOut]:
    """From the oldest on: each entry with its rule, version, inputs and author."""
    entries = await container.accounts.timeline(account_id, limit)
    return [TimelineEntryOut.model_validate(entry) for entry in entries]
