"""What needs a person: cases that the system opened, and what people decide about them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import Agent, ContainerDep, Viewer
from api.schemas.base import identity_pattern
from api.schemas.cases import CaseDecisionIn, StaffCaseList, StaffCaseOut, State
from api.schemas.problems import problems
from billing.domain.staff_cases import Severity
from billing.ports.staff_cases import CaseFilter

router = APIRouter(prefix="/v1/cases", tags=["cases"])
CaseId = Annotated[
    str, Path(pattern=identity_pattern("stc"), description="As the list answered it.", examples=["stc_1001"])
]
NOT_CLOSED: tuple[State, ...] = ("open", "acknowledged")


@router.get("", summary="List what needs a person")
async def list_cases(
    container: ContainerDep,
    _: Viewer,
    state: Annotated[
        list[State] | None,
        Query(description="In these states; may be repeated. Without it: all that are not closed.", examples=["open"]),
    ] = None,
    kind: Annotated[
        str, Query(max_length=64, description="Of this kind only.", examples=["refund_and_chargeback"])
    ] = "",
    severity: Annotated[Severity | None, Query(description="Of this severity only.", examples=["urgent"])] = None,
    account_id: Annotated[
        str,
        Query(
            pattern=identity_pattern("acc", optional=True), description="Of this account only.", examples=["acc_1001"]
        ),
    ] = "",
    assignee: Annotated[
        str, Query(max_length=100, description="Looked after by this person or key only.", examples=["ann"])
    ] = "",
    before: Annotated[
        str,
        Query(
            pattern=identity_pattern("stc", optional=True),
            description="Cases older than this one, to page on.",
            examples=["stc_1001"],
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="The most listed.", examples=[100])] = 100,
) -> StaffCaseList:
    """The newest first; each says what was found, what it means and what to do. A kind there is not is refused."""
    wanted = CaseFilter(
        tuple(state or NOT_CLOSED), kind, severity.value if severity else "", account_id, before, limit + 1, assignee
    )
    found = await container.staff_cases.find(wanted)
    shown = [StaffCaseOut.of(each) for each in found[:limit]]
    return StaffCaseList(
        cases=shown,
        next_before=shown[-1].case_id if len(found) > limit else None,
        open_by_severity=dict(await container.staff_cases.counts()),
    )


@router.get("/{case_id}", summary="Look at a case", responses=problems(404))
async def get_case(case_id: CaseId, container: ContainerDep, _: Viewer) -> StaffCaseOut:
    """With everything that happened to it."""
    return StaffCaseOut.of(await container.staff_cases.get(case_id))


@router.post("/{case_id}/acknowledge", summary="Say that somebody works on a case", responses=problems(404, 409))
async def acknowledge_case(
    case_id: CaseId, said: CaseDecisionIn, container: ContainerDep, caller: Agent
) -> StaffCaseOut:
    """It stays on the list, with your name. Saying it again adds a note."""
    return StaffCaseOut.of(await container.staff_cases.acknowledge(case_id, caller.name, said.reason))


@router.post("/{case_id}/close", summary="Close a case", responses=problems(404, 409))
async def close_case(case_id: CaseId, said: CaseDecisionIn, container: ContainerDep, caller: Agent) -> StaffCaseOut:
    """It needs nobody any more. The same cause opens it again only after it was gone and came back."""
    return StaffCaseOut.of(await container.staff_cases.close(case_id, caller.name, said.reason))
