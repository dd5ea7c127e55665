"""The audit trail, for administrators' programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import Admin, ContainerDep
from api.errors import NotAllowed
from api.schemas.base import Instant, identity_pattern
from api.schemas.users import AuditEventOut, AuditOut
from billing.ports.audit import AuditFilter

router = APIRouter(prefix="/v1/audit", tags=["users"])
Before = Annotated[
    str,
    Query(
        pattern=identity_pattern("aud", optional=True), description="Go on before this event.", examples=["aud_1001"]
    ),
]


@router.get("", summary="Who did what")
async def audit(
    container: ContainerDep,
    _: Admin,
    actor: Annotated[
        str, Query(max_length=200, description="Only of this user or key.", examples=["sanne@vonk.example"])
    ] = "",
    subject: Annotated[str, Query(max_length=200, description="Only about this identity.", examples=["acc_1001"])] = "",
    action: Annotated[str, Query(max_length=100, description="Only this action.", examples=["invite"])] = "",
    refused: Annotated[bool, Query(description="Only what was refused.", examples=[True])] = False,
    since: Annotated[
        Instant | None, Query(description="From this instant of real time on.", examples=["2027-02-01T00:00:00Z"])
    ] = None,
    until: Annotated[
        Instant | None, Query(description="Before this instant of real time.", examples=["2027-03-01T00:00:00Z"])
    ] = None,
    before: Before = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.", examples=[100])] = 100,
) -> AuditOut:
    """Newest first: every command of the API and the console, and every refusal for a missing role."""
    if container.audit is None:
        raise NotAllowed("No trail is kept here.", field="audit", remedy="Start the whole application.")
    wanted = AuditFilter(actor, subject, action, refused, since, until, before, limit + 1)
    found = await container.audit.find(wanted)
    more = found[limit - 1].event_id if len(found) > limit else ""
    return AuditOut(events=[AuditEventOut.model_validate(one) for one in found[:limit]], next_before=more)
