"""Whether the books are in order: the rules that are checked all the time, and the providers' daily totals."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import ContainerDep, Finance, Viewer
from api.schemas.base import Day
from api.schemas.books import CheckRunOut, CompareDayIn, ProviderTotalsOut, RuleStateOut
from api.schemas.problems import problems
from billing.services.reconcile import real_now

router = APIRouter(prefix="/v1", tags=["books"])
Provider = Annotated[str, Query(max_length=64, description="Of this provider only.", examples=["stripe"])]


@router.get("/invariants", summary="The rules of the books and how they stand")
async def list_invariants(container: ContainerDep, _: Viewer) -> list[RuleStateOut]:
    """Rules about accounts walk through all of them, a slice a round; the others are checked once a day. A broken rule
    is a case of kind `invariant_broken` until it holds again."""
    return [RuleStateOut.of(each) for each in await container.invariants.states()]


@router.get("/invariants/runs", summary="What checks found")
async def list_runs(
    container: ContainerDep,
    _: Viewer,
    rule: Annotated[str, Query(max_length=64, description="Of this rule only.", examples=["ledger balances"])] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="The most listed.", examples=[100])] = 100,
) -> list[CheckRunOut]:
    """The newest first, with time and duration; kept for 60 days."""
    return [CheckRunOut.model_validate(each) for each in await container.invariants.runs(rule, limit)]


@router.get("/provider-totals", summary="The providers' days beside the books")
async def list_totals(
    container: ContainerDep,
    _: Viewer,
    day: Annotated[Day | None, Query(description="This day only, in UTC.", examples=["2027-02-01"])] = None,
    days: Annotated[int, Query(ge=1, le=400, description="Without `day`: the last so many.", examples=[31])] = 31,
    provider: Provider = "",
) -> list[ProviderTotalsOut]:
    """As they were last compared; yesterday is compared two hours after it ended."""
    return [ProviderTotalsOut.of(each) for each in await container.daily_totals.totals(day, days, provider)]


@router.post("/provider-totals", summary="Hold a day against the books now", responses=problems(503))
async def compare_day(wanted: CompareDayIn, container: ContainerDep, _: Finance) -> list[ProviderTotalsOut]:
    """Reads every movement of the provider's balance of that day. Nothing is booked: what differs is a case for a
    person, and a case whose difference is gone is closed."""
    day = wanted.day or real_now().date() - timedelta(days=1)
    return [ProviderTotalsOut.of(each) for each in await container.daily_totals.compare(day, wanted.provider)]
