"""Preview of cycle dates: what a policy would do, before anybody depends on it. Nothing is stored."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query

from api.dependencies import ContainerDep, Viewer
from api.schemas.cycles import EXAMPLES, CyclePlanOut, CyclePolicyIn, CyclePreviewOut, PreviewQuery
from billing.domain.cycle_calendar import CycleDay, at_local_time
from billing.domain.cycle_dates import MethodKind
from billing.domain.cycle_plan import preview_cycles, validate_policy
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.errors import InvalidValue

router = APIRouter(prefix="/v1/cycles", tags=["cycles"])


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


def _noon(day: date, zone: str) -> datetime:
    return at_local_time(day, time(12), zone)


def _planned(asked: PreviewQuery, start: datetime) -> CyclePreviewOut:
    policy = asked.policy()
    plans = preview_cycles(CycleDay(asked.cycle_day), asked.zone, start, asked.count, policy, _method(asked))
    return CyclePreviewOut(
        policy=CyclePolicyIn.model_validate(policy.to_dict()),
        cycles=[CyclePlanOut.model_validate(plan) for plan in plans],
    )


def _worked(name: str, query: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI example: the request's address, and the answer that the preview computes for it."""
    asked = PreviewQuery.model_validate(query)
    return {
        "summary": name.replace("_", " ").capitalize(),
        "description": f"GET /v1/cycles/preview?{urlencode(query)}",
        "value": _planned(asked, _noon(date.fromisoformat(query["from"]), asked.zone)).model_dump(mode="json"),
    }


_ANSWERS = {name: _worked(name, query) for name, query in EXAMPLES.items()}


@router.get(
    "/preview",
    summary="Preview the dates of the next cycles",
    responses={200: {"content": {"application/json": {"examples": _ANSWERS}}}},
)
def preview(asked: Annotated[PreviewQuery, Query()], container: ContainerDep, _: Viewer) -> CyclePreviewOut:
    """Every date of each cycle under a policy: close, invoice, ready notice, reminder, submission, debit.

    The policy is first checked against every cycle day of 28 years; one that cannot be kept is refused with the dates
    that collide.
    """
    _check(asked.policy(), asked.zone, _method(asked))
    return _planned(asked, container.clock.now() if asked.start is None else _noon(asked.start, asked.zone))


@lru_cache(maxsize=256)
def _check(policy: CyclePolicy, zone: str, kind: MethodKind) -> None:
    """Half a second of planning, so that a policy asked for again is answered from memory."""
    debit = kind if kind is MethodKind.BACS_DEBIT else MethodKind.SEPA_DEBIT
    validate_policy(policy, zone, (MethodKind.CARD, debit, MethodKind.NONE))
