"""Who looks at the console: a cookie with a random word whose hash is kept on the server; forms only we can have made.

The cookie is HttpOnly and SameSite=Strict. Before anybody signs in, a signed cookie of a visitor binds the forms. A
form carries a token that is bound to the session, or to the visitor, and says nothing about either.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.responses import Response

from api.container import Container
from api.dependencies import ContainerDep
from api.errors import NotAllowed, NotSignedIn
from billing.services.access import Caller, hash_of
from billing.services.console_sessions import SignedIn

COOKIE = "evenflow_session"
VISITOR_COOKIE = "evenflow_visitor"
PATH = "/console"
HOURS_OF_A_FORM = 12
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]", "::1")
DEMO_CALLER = Caller("guest of the demo", "viewer", "demo")


@dataclass(frozen=True)
class Session:
    """``word`` binds forms to this browser; ``signed_in`` is None before anybody signs in."""

    word: str
    signed_in: SignedIn | None = None


async def session_of(request: Request, container: Container) -> Session:
    """The browser's session, looked up once for a request; a visitor's where there is none."""
    known: Session | None = getattr(request.state, "session", None)
    if known is None:
        known = await _look_up(request, container)
        request.state.session = known
    return known


async def _look_up(request: Request, container: Container) -> Session:
    word = request.cookies.get(COOKIE, "")
    signed_in = await container.sessions.look(word) if word and container.session_key else None
    if signed_in is not None:
        request.state.caller = signed_in.caller
        return Session(hash_of(f"forms of {word}"), signed_in)
    visitor = request.cookies.get(VISITOR_COOKIE)
    if visitor and container.session_key:
        try:
            return Session(str(signer(container, "visitor").loads(visitor, max_age=HOURS_OF_A_FORM * 3600)))
        except BadSignature:
            pass
    return Session(secrets.token_urlsafe(16))


def keep(response: Response, word: str, container: Container) -> None:
    """Put a session's word into the answer's cookie; how long it is good for the server says."""
    _set_cookie(response, COOKIE, word, container)
    response.delete_cookie(VISITOR_COOKIE, path=PATH)


def keep_visitor(response: Response, session: Session, container: Container) -> None:
    """Put what binds the forms of somebody not signed in into the answer's cookie."""
    _set_cookie(response, VISITOR_COOKIE, str(signer(container, "visitor").dumps(session.word)), container)


def forget(response: Response) -> None:
    """Take the session out of the browser."""
    for name in (COOKIE, VISITOR_COOKIE):
        response.delete_cookie(name, path=PATH)


def _set_cookie(response: Response, name: str, value: str, container: Container) -> None:
    response.set_cookie(
        name,
        value,
        max_age=HOURS_OF_A_FORM * 3600,
        path=PATH,
        secure=container.public_url.startswith("https://"),
        httponly=True,
        samesite="strict",
    )


def form_token(session: Session, container: Container) -> str:
    """What a form must send back to be taken."""
    return str(signer(container, "form").dumps(session.word))


def check_form(session: Session, token: str, container: Container) -> None:
    """Raises NotAllowed for a form that this session was not given."""
    try:
        word = signer(container, "form").loads(token, max_age=HOURS_OF_A_FORM * 3600)
    except BadSignature:
        word = ""
    if not secrets.compare_digest(str(word).encode(), session.word.encode()):
        raise NotAllowed(
            "This form is too old, or was not ours.", field="form", remedy="Load the page again and send it once more."
        )


async def console_caller(request: Request, container: ContainerDep) -> Caller:
    """Who looks. Raises NotSignedIn, which the console answers with its sign-in page."""
    session = await session_of(request, container)
    if session.signed_in is not None and session.signed_in.is_open:
        return session.signed_in.caller
    if session.signed_in is None and container.demo_mode and _from_this_machine(request):
        request.state.caller = DEMO_CALLER
        return DEMO_CALLER
    raise NotSignedIn("Nobody is signed in.", field="session", remedy="Sign in.")


ConsoleCaller = Annotated[Caller, Depends(console_caller)]


def _from_this_machine(request: Request) -> bool:
    """True when both ends are this machine, so that no page elsewhere can reach in under another name."""
    if request.client is None or request.url.hostname not in LOOPBACK_NAMES:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def signer(container: Container, purpose: str) -> URLSafeTimedSerializer:
    """Signs what a browser keeps for us. Raises NotSignedIn where the installation has no key for it."""
    if not container.session_key:
        raise NotSignedIn(
            "This installation has no session key, so nobody can sign in.",
            field="EVENFLOW_SECRETS_SESSION_KEY",
            remedy="Set it to a long random text and start again.",
        )
    return URLSafeTimedSerializer(container.session_key, salt=f"evenflow {purpose}")
