"""Preview of cycle dates: what a policy would do, before anybody depends on it. Nothing is stored."""

from __future__ import annotations

from datetime import datetime, time
from functools import lru_cache
from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import ContainerDep, Viewer
from api.schemas.cycles import CyclePlanOut, CyclePreviewOut, PreviewQuery
from api.schemas.problems import problems
from billing.domain.cycle_calendar import CycleDay, at_local_time
from billing.domain.cycle_dates import MethodKind
from billing.domain.cycle_plan import preview_cycles, validate_policy
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.errors import InvalidValue

router = APIRouter(prefix="/v1/cycles", tags=["cycles"])


@router.get("/preview", summary="Preview the dates of the next cycles", responses=problems(422))
def preview(asked: Annotated[PreviewQuery, Query()], container: ContainerDep, _: Viewer) -> CyclePreviewOut:
    """Every date of each cycle under a policy: close, invoice, ready notice, reminder, submission, debit.

    The policy is first checked against every cycle day of 28 years; one that cannot be kept is refused with the dates
    that collide.
    """
    policy = asked.policy()
    _check(policy, asked.zone)
    plans = preview_cycles(
        CycleDay(asked.cycle_day), asked.zone, _start(asked, container), asked.count, policy, _method(asked)
    )
    return CyclePreviewOut(policy=policy.to_dict(), cycles=[CyclePlanOut.model_validate(plan) for plan in plans])


@lru_cache(maxsize=256)
def _check(policy: CyclePolicy, zone: str) -> None:
    """Half a second of planning, so that a policy asked for again is answered from memory."""
    validate_policy(policy, zone)


def _start(asked: PreviewQuery, container: ContainerDep) -> datetime:
    return container.clock.now() if asked.start is None else at_local_time(asked.start, time(12), asked.zone)


def _method(asked: PreviewQuery) -> MethodKind:
    try:
        return MethodKind(asked.method_kind)
    except ValueError:
        raise InvalidValue(
            "There is no such way to pay.",
            field="method_kind",
            value=asked.method_kind,
            remedy=f"Use one of {', '.join(MethodKind)}.",
        ) from None
