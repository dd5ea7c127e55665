"""Law packs, policies by segment, and open cases moved to another policy on purpose."""

from __future__ import annotations

from uuid import uuid4

from fastapi import APIRouter

from api.account_desk import IdempotencyKey
from api.dependencies import Admin, Agent, ContainerDep, Viewer
from api.parameters import AccountId, BrandCode, SegmentName
from api.schemas.accounts import AccountOut
from api.schemas.dunning import (
    AssignmentOut,
    AssignPolicyIn,
    CaseMoveOut,
    LawPackOut,
    MoveCasesIn,
    PreviewMoveIn,
    SegmentIn,
)
from api.schemas.problems import problems
from billing.messages.account import ChangeDunningPolicy
from billing.services.law_packs import law_packs

router = APIRouter(tags=["dunning policies"])


@router.get("/v1/dunning-law-packs", summary="The law packs")
async def list_law_packs(_caller: Viewer) -> list[LawPackOut]:
    """A policy that names one as ``law_pack`` is checked against its rules when it is published or previewed."""
    return [LawPackOut.model_validate(one) for one in law_packs().values()]


@router.get("/v1/brands/{brand}/dunning-segments", summary="Policies by segment", responses=problems(404))
async def list_assignments(brand: BrandCode, container: ContainerDep, _caller: Viewer) -> list[AssignmentOut]:
    """Segments without an entry have the brand's policy; an account's own pin comes before both."""
    return [AssignmentOut.model_validate(one) for one in await container.policy_assignments.all(brand)]


@router.post("/v1/brands/{brand}/dunning-segments/{segment}", summary="Assign a policy", responses=problems(404))
async def assign_policy(
    brand: BrandCode, segment: SegmentName, wanted: AssignPolicyIn, container: ContainerDep, caller: Admin
) -> AssignmentOut:
    """Cases of this segment open under it from now on; running cases keep theirs."""
    assigned = await container.policy_assignments.assign(
        brand, segment, wanted.policy_code, wanted.policy_version, caller.name, wanted.reason
    )
    return AssignmentOut.model_validate(assigned)


@router.post("/v1/accounts/{account_id}/segment", summary="Change an account's segment", responses=problems(404))
async def change_segment(
    account_id: AccountId, wanted: SegmentIn, container: ContainerDep, caller: Agent
) -> AccountOut:
    """A running case keeps its policy; conditions of its steps read the new segment from now on."""
    changed = await container.policy_assignments.move_account(account_id, wanted.segment, caller.name, wanted.reason)
    return AccountOut.model_validate(changed)


@router.post("/v1/dunning-cases/move/preview", summary="Preview a move of cases", responses=problems(404))
async def preview_move(wanted: PreviewMoveIn, container: ContainerDep, _caller: Agent) -> CaseMoveOut:
    """How many open cases are chosen, and what comes next in each by its own policy and by the new one."""
    moved = await container.case_moves.preview(wanted.cases.as_filter(), wanted.policy_code, wanted.policy_version)
    return CaseMoveOut.model_validate(moved)


@router.post("/v1/dunning-cases/move", summary="Move cases to another policy", responses=problems(404))
async def move_cases(
    wanted: MoveCasesIn, container: ContainerDep, caller: Admin, idempotency_key: IdempotencyKey = ""
) -> CaseMoveOut:
    """Those that were previewed, at most 200 at a time; each account's process does it, and its timeline says so."""
    code, version = wanted.policy_code, wanted.policy_version
    command = ChangeDunningPolicy(idempotency_key or str(uuid4()), caller.name, wanted.reason, code, version)
    done = await container.case_moves.move(wanted.cases.as_filter(), code, version, wanted.expected, command)
    return CaseMoveOut.model_validate(done)
