"""Users and their roles, for administrators."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from api.console.exports import csv_answer
from api.console.forms import Form
from api.console.listing import Asked, Choice, Listing, Text
from api.console.posted import AdminForm, Posted
from api.console.visit import AdminVisit, Visit
from api.container import Container
from billing.ports.users import STATUSES, USER_ORDERS, User, UserFilter
from billing.services.access import ROLES

router = APIRouter(prefix="/console/users", include_in_schema=False)
PAGE_SIZE = 50
USERS = Listing("users", filters=(Text("q"), Choice("role", ROLES), Choice("status", STATUSES)), sorts=USER_ORDERS)
COLUMNS = ("user", "email", "name", "role", "status", "second factor", "signs in by", "last signed in", "created by")
ROLE_OPTIONS = (
    ("viewer", "viewer: looks"),
    ("agent", "agent: and acts for customers"),
    ("finance", "finance: and handles money and prices"),
    ("admin", "admin: and users, keys, settings"),
)


@router.get("")
async def people(visit: AdminVisit) -> Response:
    """Who may sign in."""
    return await _list(visit, Form())


async def _list(visit: Visit, form: Form) -> Response:
    asked = USERS.read(visit.request) if visit.request.method == "GET" else Asked(router.prefix, {}, USER_ORDERS[0])
    wanted = UserFilter(asked.text("q"), asked.text("role"), asked.text("status"), limit=PAGE_SIZE + 1)
    if asked.as_csv:
        return csv_answer("users", COLUMNS, _every(visit.container, wanted))
    page = replace(wanted, order=asked.order, offset=(asked.page - 1) * PAGE_SIZE)
    found = await visit.container.operators.find(page)
    return visit.page(
        "users.html",
        title="Users",
        asked=asked,
        users=found[:PAGE_SIZE],
        pages=asked.page + (len(found) > PAGE_SIZE),
        roles=ROLE_OPTIONS,
        statuses=STATUSES,
        form=form,
    )


async def _every(container: Container, wanted: UserFilter) -> AsyncIterator[Sequence[object]]:
    while found := await container.operators.find(wanted):
        for one in found:
            by = "identity provider" if one.subject else "password"
            factor = "yes" if one.has_factor else "no"
            yield (one.user_id, one.email, one.name, one.role, one.status, factor, by, one.last_seen_at, one.created_by)
        wanted = replace(wanted, after=found[-1].email)


@router.post("/invite")
async def invite(posted: AdminForm) -> Response:
    """A new user; the link to set the password is shown once."""

    async def act() -> Response:
        posted.need_reason()
        email, name = posted.text("email", 300), posted.text("name", 300)
        user, word = await posted.container.operators.invite(email, name, posted.text("role", 20), posted.author)
        return _link_shown(posted, user, word)

    return await posted.carry_out(act, lambda form: _list(posted.visit, form))


def _link_shown(posted: Posted, user: User, word: str) -> Response:
    posted.visit.request.state.subject = user.email
    address = f"{posted.container.public_url}/console/link/{word}"
    return posted.visit.page("user_link.html", title="A link for the user", user=user, address=address)


@router.get("/{user_id}")
async def person(user_id: str, visit: AdminVisit) -> Response:
    """One user: what it may, how it signs in, where it is signed in, and what can be done."""
    return await _person(visit, user_id, Form())


async def _person(visit: Visit, user_id: str, form: Form) -> Response:
    operators = visit.container.operators
    user = await operators.get(user_id)
    return visit.page(
        "user.html",
        title=user.name,
        user=user,
        roles=ROLE_OPTIONS,
        sessions=await operators.sessions(user_id),
        is_locked=await operators.is_locked(user),
        form=form,
    )


@router.post("/{user_id}/link")
async def new_link(user_id: str, posted: AdminForm) -> Response:
    """A link to set a password, shown once."""

    async def act() -> Response:
        posted.need_reason()
        user, word = await posted.container.operators.new_link(user_id, posted.author)
        return _link_shown(posted, user, word)

    return await posted.carry_out(act, lambda form: _person(posted.visit, user_id, form))


Step = Literal["role", "name", "disable", "enable", "reset-second-factor", "unlock", "end-sessions"]


@router.post("/{user_id}/{step}")
async def change(user_id: str, step: Step, posted: AdminForm) -> Response:
    """One change of a user, with a reason."""
    operators = posted.container.operators
    steps: dict[str, tuple[Callable[[], Awaitable[object]], str]] = {
        "role": (lambda: operators.change_role(user_id, posted.text("role", 20)), "The role is changed."),
        "name": (lambda: operators.rename(user_id, posted.text("name", 300)), "The name is changed."),
        "disable": (lambda: operators.disable(user_id), "This user is disabled and signed out."),
        "enable": (lambda: operators.enable(user_id), "This user may sign in again."),
        "reset-second-factor": (lambda: operators.reset_factor(user_id), "The second factor is set up anew."),
        "unlock": (lambda: operators.unlock(user_id), "The failed tries are forgotten."),
        "end-sessions": (lambda: operators.end_sessions(user_id), "This user is signed out everywhere."),
    }
    carry, said = steps[step]

    async def act() -> Response:
        posted.need_reason()
        await carry()
        return posted.visit.to(f"/console/users/{user_id}", said)

    return await posted.carry_out(act, lambda form: _person(posted.visit, user_id, form))
