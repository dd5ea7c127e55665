"""Retry policies: publish, list, preview; and what is decided now about an account."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import Admin, ContainerDep, Viewer
from api.parameters import AccountId
from api.schemas.base import Instant
from api.schemas.problems import problems
from api.schemas.retries import (
    NextRetryOut,
    PreviewRetriesIn,
    PublishRetryPolicyIn,
    RetryPolicyOut,
    RetryPreviewOut,
)
from billing.messages.payments import RetryPlanRequest

router = APIRouter(tags=["retries"])


@router.get("/v1/retry-policies", summary="Every published retry policy")
async def list_policies(container: ContainerDep, _caller: Viewer) -> list[RetryPolicyOut]:
    """All versions by brand, oldest first; none: the built-in policy holds."""
    return [RetryPolicyOut.model_validate(one) for one in await container.retry_policies.all()]


@router.post("/v1/retry-policies", status_code=201, summary="Publish a version", responses=problems(404, 409))
async def publish_policy(wanted: PublishRetryPolicyIn, container: ContainerDep, caller: Admin) -> RetryPolicyOut:
    """Checked first: no count above what a scheme allows. The next retries are decided by it."""
    published = await container.retry_policies.publish(wanted.brand, wanted.definition, caller.name, wanted.reason)
    return RetryPolicyOut.model_validate(published)


@router.post("/v1/retry-policies/preview", summary="The date of every retry", responses=problems(404))
async def preview_policy(wanted: PreviewRetriesIn, container: ContainerDep, _caller: Viewer) -> RetryPreviewOut:
    """By the code that decides, for a debt whose every retry fails for the same reason. Nothing is stored."""
    preview = await container.retry_policies.preview(
        wanted.brand, wanted.definition, wanted.scheme, wanted.category, wanted.code, wanted.failed_at
    )
    return RetryPreviewOut.model_validate(preview)


@router.get("/v1/accounts/{account_id}/next-retry", summary="What a retry would be now", responses=problems(404))
async def preview_retry(
    account_id: AccountId,
    container: ContainerDep,
    _caller: Viewer,
    not_before: Annotated[
        Instant | None,
        Query(description="Not before this instant; now when left out.", examples=["2027-06-11T07:00:00Z"]),
    ] = None,
) -> NextRetryOut:
    """Whether what is open could be debited again, when, and by which rule, version and inputs. Nothing is stored."""
    async with container.make_work() as work:
        await work.accounts.get(account_id)
        invoices = tuple(one.invoice_id for one in await work.ledger.open_invoices(account_id))
    request = RetryPlanRequest(account_id, invoices, not_before or container.clock.now())
    return NextRetryOut.model_validate(await container.payments.plan_retry(request))
