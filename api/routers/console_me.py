"""What people change about their own way in: password, second factor, recovery codes, sessions."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api.console.forms import Form
from api.console.posted import ViewerForm
from api.console.visit import OWN_PAGE, ViewerVisit, Visit
from billing.domain.errors import InvalidValue, NotFound

router = APIRouter(prefix=OWN_PAGE, include_in_schema=False)


@router.get("")
async def me(visit: ViewerVisit) -> Response:
    """One's own page."""
    return await _page(visit, Form())


async def _page(visit: Visit, form: Form, codes: object = None) -> Response:
    user, container = visit.signed_in.user, visit.container
    return visit.page(
        "me.html",
        title="Your account",
        user=user,
        here=visit.signed_in.session,
        sessions=await container.sessions.of_user(user.user_id) if user else [],
        codes_left=await container.own_access.codes_left(user) if user else 0,
        codes=codes,
        form=Form({}, form.errors, form.status),
    )


@router.post("/password")
async def change_password(posted: ViewerForm) -> Response:
    """A new password; the other sessions end."""

    async def act() -> Response:
        new = posted.secret("password")
        if new != posted.secret("again"):
            raise InvalidValue("These are two passwords.", field="again", remedy="Write the same one twice.")
        await posted.container.own_access.change_password(posted.visit.signed_in, posted.secret("old"), new)
        return posted.visit.to(OWN_PAGE, "Your password is changed, and you are signed out everywhere else.")

    return await posted.carry_out(act, lambda form: _page(posted.visit, form))


@router.post("/recovery-codes")
async def renew_codes(posted: ViewerForm) -> Response:
    """Fresh recovery codes, shown once."""

    async def act() -> Response:
        given = posted.needed("code", "Write the code that the app shows.", 40)
        codes = await posted.container.own_access.renew_recovery_codes(posted.visit.signed_in, given)
        return posted.visit.page("recovery_codes.html", title="Recovery codes", codes=codes)

    return await posted.carry_out(act, lambda form: _page(posted.visit, form))


@router.post("/second-factor/remove")
async def remove_factor(posted: ViewerForm) -> Response:
    """Go on without a second factor, where the role allows it."""

    async def act() -> Response:
        given = posted.needed("code", "Write the code that the app shows.", 40)
        await posted.container.own_access.remove_factor(posted.visit.signed_in, given)
        return posted.visit.to(OWN_PAGE, "Your second factor is taken off.", "warn")

    return await posted.carry_out(act, lambda form: _page(posted.visit, form))


@router.post("/sessions/{session_id}/end")
async def end_session(session_id: str, posted: ViewerForm) -> Response:
    """Sign out another browser."""
    user = posted.visit.signed_in.user
    if user is None or not await posted.container.sessions.end_of_user(user.user_id, session_id):
        raise NotFound("There is no such session.", field="session_id", value=session_id, remedy="Look again.")
    return posted.visit.to(OWN_PAGE, "That browser is signed out.")


@router.post("/sessions/end-others")
async def end_others(posted: ViewerForm) -> Response:
    """Sign out every other browser."""
    here = posted.visit.signed_in
    if here.user is not None:
        await posted.container.sessions.end_all(here.user.user_id, but=here.session)
    return posted.visit.to(OWN_PAGE, "You are signed out everywhere else.")
