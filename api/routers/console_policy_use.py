"""Who has which dunning policy: assigned to segments of a brand, and open cases moved to another version."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api.console.desk import typed_whole
from api.console.forms import Form
from api.console.posted import AdminForm, AgentForm, Posted
from api.routers.console_policies import ROOT, show_policy
from billing.messages.account import ChangeDunningPolicy
from billing.ports.dunning import CaseFilter
from billing.services.dunning_moves import CaseMove

router = APIRouter(prefix="/console/policies/dunning/{code}", include_in_schema=False)
FOLLOWS_NEWEST = "newest"


@router.post("/assign")
async def assign(code: str, posted: AdminForm) -> Response:
    """From now on cases of a segment open under this policy."""

    async def act() -> Response:
        brand, segment = (
            posted.needed("assign_brand", most=64),
            posted.needed("assign_segment", "Name it, like standard.", 64),
        )
        wanted = posted.text("policy_version", 12)
        version = None if wanted in ("", FOLLOWS_NEWEST) else typed_whole(posted.values, "policy_version", 1)
        await posted.container.policy_assignments.assign(brand, segment, code, version, posted.author, posted.reason)
        named = f"version {version}" if version else "its newest version"
        said = f"Cases of the segment {segment} of {brand} open under {code}, {named}, from now on."
        return posted.visit.to(f"{ROOT}/dunning/{code}", said)

    return await posted.carry_out(act, lambda form: show_policy(posted.visit, code, None, form))


@router.post("/move/preview")
async def preview_move(code: str, posted: AgentForm) -> Response:
    """How many open cases are chosen, and what would come next in each."""

    async def act() -> Response:
        version, wanted = _move(code, posted)
        moved = await posted.container.case_moves.preview(wanted, code, version)
        return await show_policy(posted.visit, code, version, Form(posted.values), move=moved)

    return await posted.carry_out(act, lambda form: show_policy(posted.visit, code, None, form))


@router.post("/move")
async def move(code: str, posted: AdminForm) -> Response:
    """Move those that were previewed; each account's process does it."""

    async def act() -> Response:
        version, wanted = _move(code, posted)
        expected = typed_whole(posted.values, "expected")
        command = ChangeDunningPolicy(posted.command_id, posted.author, posted.reason, code, version)
        done = await posted.container.case_moves.move(wanted, code, version, expected, command)
        return posted.visit.to(f"{ROOT}/dunning/{code}?version={version}", _told(done), _tone(done))

    return await posted.carry_out(act, lambda form: show_policy(posted.visit, code, None, form))


def _move(code: str, posted: Posted) -> tuple[int, CaseFilter]:
    """The version to move to, and the cases that walk by another version of the policy. Raises InvalidValue."""
    version = typed_whole(posted.values, "to_version", 1)
    source = typed_whole(posted.values, "from_version", 1)
    return version, CaseFilter(segment=posted.text("move_segment", 64), policy_code=code, policy_version=source)


def _told(done: CaseMove) -> str:
    refused = [one for one in done.cases if one.outcome != "moved"]
    said = f"{len(done.cases) - len(refused)} of {done.matched} cases are moved to {done.to_policy}."
    if refused:
        said += f" {len(refused)} were not: {refused[0].account_id} {refused[0].outcome}."
    return f"{said} {done.left} are left: move again." if done.left else said


def _tone(done: CaseMove) -> str:
    return "warn" if any(one.outcome != "moved" for one in done.cases) else "done"
