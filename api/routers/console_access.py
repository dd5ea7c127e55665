"""API keys of machines, and the audit trail, for administrators."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from fastapi import APIRouter
from starlette.responses import Response

from api.console.exports import csv_answer
from api.console.forms import Form
from api.console.listing import Asked, Choice, Day, Flag, Listing, Text
from api.console.posted import AdminForm
from api.console.visit import AdminVisit, Visit
from api.errors import NotAllowed
from api.routers.console_people import ROLE_OPTIONS
from billing.domain.errors import NotFound
from billing.ports.access import KeyRecord
from billing.ports.audit import AuditEvent, AuditFilter, AuditStore
from billing.services.access import ROLES
from billing.services.access_rules import real_time

router = APIRouter(prefix="/console", include_in_schema=False)
PAGE_SIZE = 100
KEY_STATES = ("active", "revoked")
AUDIT = Listing(
    "audit",
    filters=(Text("actor", 200), Text("subject"), Text("action"), Day("from"), Day("to"), Flag("refused")),
    sorts=("-at",),
)
KEYS = Listing(
    "keys", filters=(Text("q"), Choice("role", ROLES), Choice("state", KEY_STATES)), sorts=("name", "role", "made")
)
KEY_COLUMNS = ("name", "role", "made at", "revoked at")
COLUMNS = (
    "event",
    "at",
    "actor",
    "role",
    "signed in by",
    "address",
    "action",
    "place",
    "subject",
    "reason",
    "outcome",
    "status",
)


@router.get("/keys")
async def keys(visit: AdminVisit) -> Response:
    """The keys of machines."""
    asked = KEYS.read(visit.request)
    if asked.as_csv:
        rows = [(one.name, one.role, one.created_at, one.revoked_at) for one in await _chosen_keys(visit, asked)]
        return csv_answer("keys", KEY_COLUMNS, rows)
    return await _keys(visit, Form())


async def _keys(visit: Visit, form: Form, made: str = "") -> Response:
    # After a form that was refused the whole list is shown below it.
    is_list = visit.request.method == "GET"
    asked = KEYS.read(visit.request) if is_list else Asked("/console/keys", {}, sort="name", sorts=("name",))
    return visit.page(
        "keys.html", title="API keys", asked=asked, keys=await _chosen_keys(visit, asked), roles=ROLE_OPTIONS,
        states=[(state, state) for state in KEY_STATES], form=form, made=made,
    )  # fmt: skip


async def _chosen_keys(visit: Visit, asked: Asked) -> Sequence[KeyRecord]:
    known = [
        one
        for one in await visit.container.access.all()
        if asked.text("q").casefold() in one.name.casefold()
        and asked.text("role") in ("", one.role)
        and asked.text("state") in ("", "revoked" if one.revoked_at else "active")
    ]
    return asked.arranged(
        known,
        {
            "name": lambda one: one.name.casefold(),
            "role": lambda one: ROLES.index(one.role),
            "made": lambda one: one.created_at or datetime.min.replace(tzinfo=UTC),
        },
    )


@router.post("/keys")
async def make_key(posted: AdminForm) -> Response:
    """A new key, shown once."""

    async def act() -> Response:
        name = posted.needed("name", "Name who uses it, like crm.", 100)
        posted.visit.request.state.subject = name
        posted.need_reason()
        made = await posted.container.access.create(name, posted.text("role", 20))
        return await _keys(posted.visit, Form(), made)

    return await posted.carry_out(act, lambda form: _keys(posted.visit, form))


@router.post("/keys/revoke")
async def revoke_key(posted: AdminForm) -> Response:
    """Every key of a name, at once; sessions opened with them end too."""

    async def act() -> Response:
        name = posted.needed("name", "Choose a key.", 100)
        posted.visit.request.state.subject = name
        posted.need_reason()
        if not await posted.container.access.revoke(name, real_time()):
            raise NotFound("No key of this name is in use.", field="name", value=name, remedy="Choose one of these.")
        return posted.visit.to("/console/keys", f"The keys of {name} are revoked.")

    return await posted.carry_out(act, lambda form: _keys(posted.visit, form))


@router.get("/audit")
async def audit(visit: AdminVisit) -> Response:
    """Who did what, and who was refused."""
    asked, trail = AUDIT.read(visit.request), visit.container.audit
    if trail is None:
        raise NotAllowed("No trail is kept here.", field="audit", remedy="Start the whole application.")
    wanted = replace(_wanted(asked), before=asked.after, limit=PAGE_SIZE + 1)
    if asked.as_csv:
        return csv_answer("audit", COLUMNS, _every(trail, wanted))
    found = await trail.find(wanted)
    return visit.page(
        "audit.html",
        title="Audit trail",
        asked=asked,
        events=found[:PAGE_SIZE],
        next_after=found[PAGE_SIZE - 1].event_id if len(found) > PAGE_SIZE else "",
    )


def _wanted(asked: Asked) -> AuditFilter:
    first, last = asked.day("from"), asked.day("to")
    return AuditFilter(
        actor=asked.text("actor"),
        subject=asked.text("subject"),
        action=asked.text("action"),
        refused=asked.is_on("refused"),
        since=datetime.combine(first, time(), UTC) if first else None,
        oldest_first=not asked.descending,
        until=datetime.combine(last, time(), UTC) + timedelta(days=1) if last else None,
    )


async def _every(trail: AuditStore, wanted: AuditFilter) -> AsyncIterator[Sequence[object]]:
    wanted = replace(wanted, before="", limit=1000)
    while found := await trail.find(wanted):
        for one in found:
            yield _row(one)
        wanted = replace(wanted, before=found[-1].event_id)


def _row(one: AuditEvent) -> Sequence[object]:
    what = (one.action, one.place, one.subject, one.reason, one.outcome, one.status)
    return (one.event_id, one.at, one.actor, one.role, one.signed_in_by, one.address, *what)
