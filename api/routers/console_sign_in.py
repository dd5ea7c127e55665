"""The ways into the console: a password and a code, an API key, an identity provider, a one-time link; and out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from api.console.doorway import AnyDoorway, Doorway
from api.console.forms import Form
from api.console.openid import forget_attempt, keep_attempt, kept_attempt
from api.console.pages import SIGN_IN
from api.console.posted import Sent, VisitorForm, form_of
from api.console.session import forget, keep
from api.errors import NotSignedIn
from billing.domain.errors import InvalidValue, NotFound
from billing.ports.openid import ProviderRefused
from billing.ports.users import CODE, ENROLMENT, UserFilter
from billing.services.console_sessions import SignedIn
from billing.services.openid import OpenIdSignIn, new_attempt

router = APIRouter(prefix="/console", include_in_schema=False)
SECOND_FACTOR = "/console/second-factor"
Following = Annotated[str, Query(alias="next", max_length=300)]


@router.get("/sign-in")
async def sign_in_page(door: AnyDoorway, following: Following = "") -> Response:
    """Where somebody says who they are, or goes on with what is still asked."""
    here = door.session.signed_in
    if here is not None:
        return door.to(_next_of(here, following)) if here.session.stage != CODE else _code_page(door, following, Form())
    return await _sign_in_page(door, following, Form())


async def _sign_in_page(door: Doorway, following: str, form: Form) -> Response:
    if not door.container.session_key:
        raise NotSignedIn(
            "This installation has no session key, so nobody can sign in.",
            field="EVENFLOW_SECRETS_SESSION_KEY",
            remedy="Set it to a long random text and start again.",
        )
    openid = door.container.openid
    return door.page(
        "sign_in.html",
        title="Sign in",
        following=following,
        form=form,
        openid_label=openid.label if openid else "",
        has_users=bool(await door.container.operators.find(UserFilter(limit=1))),
    )


def _code_page(door: Doorway, following: str, form: Form) -> Response:
    return door.page("sign_in_code.html", title="One more step", following=following, form=form)


@router.post("/sign-in")
async def sign_in(posted: VisitorForm) -> Response:
    """A fresh session for a password, with a code to come or not, or for an API key."""
    following, key, desk = posted.text("next", 300), posted.text("key", 200), posted.container.signing_in
    posted.door.request.state.actor = posted.text("email", 300) or "an API key"

    async def act() -> Response:
        if key:
            return _go_on(posted, await desk.by_key(key, posted.door.whence), following)
        email = posted.needed("email", "Write your email address, or sign in with an API key.", 300)
        word = await desk.by_password(email, posted.secret("password"), posted.door.whence)
        return await _further(posted, word, following)

    return await posted.carry_out(act, lambda form: _sign_in_page(posted.door, following, form))


async def _further(posted: Sent, word: str, following: str) -> Response:
    """On to the code, to setting up a second factor, or in."""
    signed_in = await posted.container.sessions.look(word)
    where = _next_of(signed_in, following) if signed_in else SIGN_IN
    return _go_on(posted, word, where)


def _go_on(posted: Sent, word: str, following: str) -> Response:
    answer = posted.door.to(_within_console(following))
    keep(answer, word, posted.container)
    return answer


@router.post("/sign-in/code")
async def code(posted: VisitorForm) -> Response:
    """The second factor: a code of the app, or a recovery code."""
    here, following = _at_stage(posted.door, CODE), posted.text("next", 300)

    async def act() -> Response:
        given = posted.needed("code", "Write the six digits of the app, or a recovery code.", 40)
        word = await posted.container.signing_in.by_code(here, given)
        return _go_on(posted, word, following)

    async def again(form: Form) -> Response:
        return _code_page(posted.door, following, Form({}, form.errors, form.status))

    return await posted.carry_out(act, again)


@router.get("/second-factor")
async def second_factor(door: AnyDoorway) -> Response:
    """Where a second factor is set up."""
    return await _enrolment_page(door, Form())


async def _enrolment_page(door: Doorway, form: Form) -> Response:
    begun = await door.container.own_access.begin_enrolment(_somebody(door))
    return door.page("second_factor.html", title="Second factor", begun=begun, form=form)


@router.post("/second-factor")
async def confirm_second_factor(posted: VisitorForm) -> Response:
    """It is in use from now on; the recovery codes are shown, once."""
    here = _somebody(posted.door)

    async def act() -> Response:
        given = posted.needed("code", "Write the six digits that the app shows.", 40)
        word, codes = await posted.container.own_access.confirm_enrolment(here, given)
        shown = posted.door.page("recovery_codes.html", title="Recovery codes", codes=codes)
        keep(shown, word, posted.container)
        return shown

    return await posted.carry_out(act, lambda form: _enrolment_page(posted.door, form))


@router.get("/link/{word}")
async def link_page(word: str, door: AnyDoorway) -> Response:
    """Where an invited person, or one who forgot the password, sets one."""
    return await _link_page(door, word, Form())


async def _link_page(door: Doorway, word: str, form: Form) -> Response:
    user, purpose = await door.container.own_access.user_of_link(word)
    title = "Welcome to Evenflow" if purpose == "invitation" else "A new password"
    kept = Form({}, form.errors, form.status)
    return door.page("set_password.html", title=title, user=user, purpose=purpose, word=word, form=kept)


@router.post("/link")
async def set_password(posted: VisitorForm) -> Response:
    """The password is set, and its owner signed in with it."""
    word, own = posted.text("word", 100), posted.container.own_access

    async def act() -> Response:
        user, _ = await own.user_of_link(word)
        posted.door.request.state.actor = posted.door.request.state.subject = user.email
        password = posted.secret("password")
        if password != posted.secret("again"):
            raise InvalidValue("These are two passwords.", field="again", remedy="Write the same one twice.")
        return await _further(posted, await own.set_password_by_link(word, password, posted.door.whence), "")

    try:
        return await posted.carry_out(act, lambda form: _link_page(posted.door, word, form))
    except NotFound:
        posted.door.request.state.actor = "an unknown link"
        raise


@router.get("/openid")
async def openid(door: AnyDoorway, following: Following = "") -> Response:
    """On to the identity provider."""
    attempt = new_attempt()
    answer = RedirectResponse(await _provider(door).address(attempt), 303)
    keep_attempt(answer, attempt, _within_console(following), door.container)
    return answer


@router.get("/openid/back")
async def openid_back(
    door: AnyDoorway,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Back from it: in, when everything that it says is proven."""
    door.request.state.is_command = True
    attempt, following = kept_attempt(door.request, door.container)
    if error:
        raise ProviderRefused("The provider signed nobody in.", field="openid", value=error, remedy="Try again.")
    word, user = await _provider(door).come_back(attempt, state, code, door.whence)
    door.request.state.actor = user.email
    # A page of ours leads on: a redirection from the provider would come without our SameSite=Strict cookie.
    shown = door.page("signed_in.html", title="Signed in", following=_within_console(following))
    forget_attempt(shown)
    keep(shown, word, door.container)
    return shown


@router.post("/sign-out")
async def sign_out(door: AnyDoorway, request: Request) -> Response:
    """End the session, here and on the server."""
    if door.session.signed_in is not None:
        async with form_of(request, door):
            await door.container.sessions.end(door.session.signed_in.session)
    answer = door.to(SIGN_IN)
    forget(answer)
    return answer


def _provider(door: Doorway) -> OpenIdSignIn:
    if door.container.openid is None:
        raise NotFound("There is no identity provider.", field="openid", remedy="Sign in with a password.")
    return door.container.openid


def _somebody(door: Doorway) -> SignedIn:
    """Somebody who set up nothing yet, or is in; not one who owes a code."""
    here = door.session.signed_in
    if here is None or here.session.stage == CODE:
        raise NotSignedIn("Nobody is signed in.", field="session", remedy="Sign in.")
    return here


def _at_stage(door: Doorway, stage: str) -> SignedIn:
    here = door.session.signed_in
    if here is None or here.session.stage != stage:
        raise NotSignedIn("Nobody is at this step.", field="session", remedy="Sign in again.")
    return here


def _next_of(here: SignedIn, following: str) -> str:
    """Where somebody goes on: to what is still asked, or in."""
    if here.session.stage == CODE:
        return f"{SIGN_IN}?next={quote(_within_console(following))}"
    return SECOND_FACTOR if here.session.stage == ENROLMENT else _within_console(following)


def _within_console(path: str) -> str:
    """Where to go after signing in; never away from the console."""
    return path if path == "/console" or path.startswith("/console/") else "/console"
