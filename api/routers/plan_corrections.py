"""A published price was wrong: one version of a plan counts as another from an instant on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import Admin, ContainerDep, Viewer
from api.schemas.base import identity_pattern
from api.schemas.plan_corrections import (
    CycleDifferenceOut,
    PlanCorrectionIn,
    PlanCorrectionOut,
    PlanCorrectionPreviewIn,
    PlanCorrectionPreviewOut,
)
from api.schemas.problems import problems

router = APIRouter(prefix="/v1/plan-corrections", tags=["plans"])
CorrectionId = Annotated[
    str, Path(pattern=identity_pattern("cor"), description="As the request answered it.", examples=["cor_1001"])
]


@router.post("", status_code=202, summary="Correct a published price", responses=problems(404, 409))
async def correct_plan(wanted: PlanCorrectionIn, container: ContainerDep, caller: Admin) -> PlanCorrectionOut:
    """Publish the corrected plan first: it gets a version of its own. Then every line that has the wrong version since
    the instant has the corrected one, its usage is rated again, and its fees too: open cycles change at once, billed
    ones owe the difference on the next invoice, line by line. Goes on in the background, as the workflow
    `plan-correction/<correction_id>`; the same request while it runs answers the one that runs.
    """
    corrections = container.usage.plan_corrections
    return PlanCorrectionOut.model_validate(await corrections.request(wanted.as_correction(wanted.reason, caller.name)))


@router.post("/preview", summary="Preview a correction", responses=problems(404, 409))
async def preview_correction(
    wanted: PlanCorrectionPreviewIn, container: ContainerDep, caller: Admin
) -> PlanCorrectionPreviewOut:
    """Carries the correction out for some accounts in a transaction that is not kept: what each cycle costs now and
    would cost, with every line that changes."""
    preview = await container.usage.plan_corrections.preview(
        wanted.as_correction("preview", caller.name), wanted.account_ids
    )
    return PlanCorrectionPreviewOut.model_validate(preview)


@router.get("", summary="List corrections")
async def list_corrections(
    container: ContainerDep,
    _: Viewer,
    plan_code: Annotated[str, Query(max_length=64, description="Of this plan only.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="The most listed.")] = 100,
) -> list[PlanCorrectionOut]:
    """The newest first."""
    return [
        PlanCorrectionOut.model_validate(each) for each in await container.usage.plan_corrections.of(plan_code, limit)
    ]


@router.get("/{correction_id}", summary="Look at a correction", responses=problems(404))
async def get_correction(correction_id: CorrectionId, container: ContainerDep, _: Viewer) -> PlanCorrectionOut:
    """How far it is, and what it changed in all."""
    return PlanCorrectionOut.model_validate(await container.usage.plan_corrections.get(correction_id))


@router.get("/{correction_id}/differences", summary="List what a correction changed", responses=problems(404))
async def list_differences(
    correction_id: CorrectionId,
    container: ContainerDep,
    _: Viewer,
    after_account_id: Annotated[
        str, Query(pattern=identity_pattern("acc", optional=True), description="After this account's ...")
    ] = "",
    after_cycle: Annotated[int, Query(ge=0, le=2**31 - 1, description="... and this cycle, to page on.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="The most listed.")] = 100,
) -> list[CycleDifferenceOut]:
    """By account and cycle: before, after, and the lines that differ, each explained."""
    after = (after_account_id, after_cycle) if after_account_id else None
    found = await container.usage.plan_corrections.differences(correction_id, after, limit)
    return [CycleDifferenceOut.model_validate(each) for each in found]
