"""Dunning policies, an account's cases, and its disputes."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import Admin, Agent, ContainerDep, Finance, Viewer
from api.parameters import AccountId, DisputeId
from api.schemas.dunning import (
    CloseDisputeIn,
    DisputeOut,
    DunningOut,
    OpenDisputeIn,
    PolicyOut,
    PreviewedStepOut,
    PreviewPolicyIn,
    PublishPolicyIn,
)
from api.schemas.problems import problems

router = APIRouter(tags=["dunning"])


@router.get("/v1/dunning-policies", summary="Every published dunning policy")
async def list_policies(container: ContainerDep, _caller: Viewer) -> list[PolicyOut]:
    """All versions; accounts and running cases keep the one they were given."""
    return [PolicyOut.model_validate(one) for one in await container.dunning_policies.all()]


@router.post("/v1/dunning-policies", status_code=201, summary="Publish a version")
async def publish_policy(wanted: PublishPolicyIn, container: ContainerDep, caller: Admin) -> PolicyOut:
    """Checked first: no bar without a warning in time. Running cases keep their version."""
    published = await container.dunning_policies.publish(wanted.definition, caller.name, wanted.reason)
    return PolicyOut.model_validate(published)


@router.post("/v1/dunning-policies/preview", summary="The date of every step")
async def preview_policy(wanted: PreviewPolicyIn, container: ContainerDep, _caller: Viewer) -> list[PreviewedStepOut]:
    """By the code that decides: weekends, holidays and quiet hours included. Nothing is stored."""
    steps = await container.dunning_policies.preview(
        wanted.definition, wanted.opened_at, wanted.zone, wanted.country, wanted.currency
    )
    return [PreviewedStepOut.model_validate(one) for one in steps]


@router.get("/v1/accounts/{account_id}/dunning", summary="An account's cases", responses=problems(404))
async def get_dunning(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> DunningOut:
    """Each with its steps, its stage and what comes next."""
    return DunningOut.model_validate(await container.dunning.story(account_id))


@router.get("/v1/accounts/{account_id}/disputes", summary="An account's disputes", responses=problems(404))
async def list_disputes(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> list[DisputeOut]:
    """Open and decided ones."""
    return [DisputeOut.model_validate(one) for one in await container.disputes.all(account_id)]


@router.post(
    "/v1/accounts/{account_id}/disputes",
    status_code=201,
    summary="Open a dispute",
    responses=problems(404, 409),
)
async def open_dispute(
    account_id: AccountId, wanted: OpenDisputeIn, container: ContainerDep, caller: Agent
) -> DisputeOut:
    """From now on the disputed part is neither collected nor dunned; the rest is. `line_id` names a line of it."""
    dispute = await container.disputes.open(
        account_id, wanted.invoice_id, wanted.amount_minor, wanted.reason, caller.name, wanted.line_id
    )
    return DisputeOut.model_validate(dispute)


@router.post(
    "/v1/accounts/{account_id}/disputes/{dispute_id}/close",
    summary="Decide a dispute",
    responses=problems(404, 409),
)
async def close_dispute(
    account_id: AccountId, dispute_id: DisputeId, wanted: CloseDisputeIn, container: ContainerDep, caller: Finance
) -> DisputeOut:
    """``accepted`` credits the disputed part; ``rejected`` lets its collection go on."""
    dispute = await container.disputes.close(account_id, dispute_id, wanted.outcome, wanted.decision, caller.name)
    return DisputeOut.model_validate(dispute)
