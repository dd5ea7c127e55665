"""Bulk actions by filter: a preview that changes nothing, a confirmation, progress, and the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal
from uuid import uuid4

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from api.account_desk import IdempotencyKey
from api.console.exports import csv_answer
from api.container import Container
from api.dependencies import Agent, ContainerDep, Viewer
from api.routers.collections import CSV_FILE
from api.schemas.actions import ActionIn
from api.schemas.base import identity_pattern
from api.schemas.bulk_actions import (
    BulkAccountOut,
    BulkActionOut,
    BulkListOut,
    BulkPreviewOut,
    BulkResultsOut,
    ConfirmBulkIn,
    PreviewBulkIn,
    StatusName,
)
from api.schemas.problems import problems
from billing.ports.bulk_actions import BulkAction

router = APIRouter(prefix="/v1/bulk-actions", tags=["bulk actions"])
BulkId = Annotated[
    str, Path(pattern=identity_pattern("blk"), description="As the preview answered it.", examples=["blk_1001"])
]
SAMPLE = 20
_AT_ONCE = 1000


@router.post("/preview", status_code=201, summary="Preview a bulk action", responses=problems(404))
async def preview(wanted: PreviewBulkIn, container: ContainerDep, caller: Agent) -> BulkPreviewOut:
    """Takes down the chosen accounts and says what would become of each. Nothing of them is changed."""
    action = await container.bulk_actions.preview(wanted.as_order(), wanted.chosen_by(), caller.name)
    return await previewed(container, action)


async def previewed(container: Container, action: BulkAction) -> BulkPreviewOut:
    """A preview with its samples."""
    desk = container.bulk_actions
    sample = await desk.accounts(action.bulk_id, limit=SAMPLE)
    refused = await desk.accounts(action.bulk_id, limit=SAMPLE, foreseen=True)
    return BulkPreviewOut.with_samples(await shown(container, action), sample, refused)


async def shown(container: Container, action: BulkAction) -> BulkActionOut:
    """An action with its counts."""
    return BulkActionOut.of(action, await container.bulk_actions.report(action.bulk_id))


@router.post("", status_code=202, summary="Begin a bulk action", responses=problems(404, 409))
async def confirm(said: ConfirmBulkIn, container: ContainerDep, caller: Agent) -> BulkActionOut:
    """What was previewed, and nothing else: an account that does not match any more is skipped. Repeating is safe.

    Agents and finance may change so many accounts at once as the installation allows; administrators any number.
    """
    return await shown(container, await container.bulk_actions.confirm(said.bulk_id, said.count, said.reason, caller))


@router.get("", summary="List bulk actions")
async def list_actions(
    container: ContainerDep,
    _: Viewer,
    before: Annotated[
        str,
        Query(pattern=identity_pattern("blk", optional=True), description="Older than this one.", examples=[""]),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=100, description="The most listed.", examples=[20])] = 20,
) -> BulkListOut:
    """The newest first, previews included."""
    found = await container.bulk_actions.all(before, limit + 1)
    listed = [await shown(container, one) for one in found[:limit]]
    return BulkListOut(actions=listed, next_before=listed[-1].bulk_id if len(found) > limit else None)


@router.get("/{bulk_id}", summary="Look at a bulk action", responses=problems(404))
async def get_action(bulk_id: BulkId, container: ContainerDep, _: Viewer) -> BulkActionOut:
    """How far it is: accounts by what became of them."""
    return await shown(container, await container.bulk_actions.get(bulk_id))


@router.get("/{bulk_id}/results", summary="What became of each account", responses=problems(404))
async def results(
    bulk_id: BulkId,
    container: ContainerDep,
    _: Viewer,
    status: Annotated[StatusName | None, Query(description="Only these.", examples=["refused"])] = None,
    after: Annotated[
        str,
        Query(
            pattern=identity_pattern("acc", optional=True),
            description="Accounts after this one.",
            examples=["acc_1001"],
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="Accounts on a page.", examples=[100])] = 100,
) -> BulkResultsOut:
    """By account, with the reasons."""
    found = await container.bulk_actions.accounts(bulk_id, status or "", after, limit + 1)
    listed = [BulkAccountOut.model_validate(one) for one in found[:limit]]
    return BulkResultsOut(accounts=listed, next_after=listed[-1].account_id if len(found) > limit else None)


@router.get(
    "/{bulk_id}/results.csv",
    summary="What became of each account, as CSV",
    response_class=Response,
    responses=problems(404) | CSV_FILE,
)
async def results_csv(bulk_id: BulkId, container: ContainerDep, _: Viewer) -> Response:
    """Every account, one a row."""
    return await results_file(container, bulk_id)


async def results_file(container: Container, bulk_id: str, status: str = "") -> Response:
    """The same columns as the list's own. Raises NotFound."""
    await container.bulk_actions.get(bulk_id)
    return csv_answer(f"{bulk_id}-results", tuple(BulkAccountOut.model_fields), _rows(container, bulk_id, status))


async def _rows(container: Container, bulk_id: str, status: str) -> AsyncIterator[Sequence[object]]:
    after = ""
    while found := await container.bulk_actions.accounts(bulk_id, status, after, _AT_ONCE):
        for one in found:
            yield [getattr(one, name) for name in BulkAccountOut.model_fields]
        after = found[-1].account_id


@router.post("/{bulk_id}/undo", status_code=201, summary="Preview the way back", responses=problems(404, 409))
async def undo(bulk_id: BulkId, container: ContainerDep, caller: Agent) -> BulkPreviewOut:
    """Takes down the accounts that the action really changed, as a further action: confirm that one to put them back.

    What somebody changed since is left as it is.
    """
    return await previewed(container, await container.bulk_actions.preview_undo(bulk_id, caller.name))


@router.post("/{bulk_id}/{command}", summary="Pause, resume or cancel", responses=problems(404, 409))
async def change(
    bulk_id: BulkId,
    command: Annotated[
        Literal["pause", "resume", "cancel"],
        Path(description="pause: begin nothing more; resume: go on; cancel: for good.", examples=["pause"]),
    ],
    said: ActionIn,
    container: ContainerDep,
    caller: Agent,
    idempotency_key: IdempotencyKey = "",
) -> BulkActionOut:
    """Accounts whose command is on the way are still ended; what was done stays done."""
    key = idempotency_key or str(uuid4())
    await container.bulk_actions.command(bulk_id, command, key, caller.name, said.reason)
    return await shown(container, await container.bulk_actions.get(bulk_id))
