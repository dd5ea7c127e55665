"""Who looks at the console: a signed cookie that holds a session, never a key; and forms that only we can have made.

The cookie is HttpOnly and SameSite=Strict. It keeps the hash of the key, so that a revoked key ends its sessions at the
next page. A form carries a token bound to the session's own random word.
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

COOKIE = "evenflow_session"
HOURS_SIGNED_IN = 8
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]", "::1")
DEMO_CALLER = Caller("guest of the demo", "viewer")


@dataclass(frozen=True)
class Session:
    """``word`` binds forms to this browser; ``key_hash`` is empty before signing in."""

    word: str
    key_hash: str = ""

    @property
    def is_signed_in(self) -> bool:
        return bool(self.key_hash)


def session_of(request: Request, container: Container) -> Session:
    """The browser's session; a new, empty one without a cookie that we signed."""
    cookie = request.cookies.get(COOKIE)
    if cookie and container.session_key:
        try:
            word, key_hash = _signer(container, "session").loads(cookie, max_age=HOURS_SIGNED_IN * 3600)
            return Session(word, key_hash)
        except (BadSignature, ValueError, TypeError):
            pass
    return Session(secrets.token_urlsafe(16))


def keep(response: Response, session: Session, container: Container) -> None:
    """Put the session into the answer's cookie."""
    response.set_cookie(
        COOKIE,
        str(_signer(container, "session").dumps([session.word, session.key_hash])),
        max_age=HOURS_SIGNED_IN * 3600,
        path="/console",
        secure=container.public_url.startswith("https://"),
        httponly=True,
        samesite="strict",
    )


def form_token(session: Session, container: Container) -> str:
    """What a form must send back to be taken."""
    return str(_signer(container, "form").dumps(session.word))


def check_form(session: Session, token: str, container: Container) -> None:
    """Raises NotAllowed for a form that this session was not given."""
    try:
        word = _signer(container, "form").loads(token, max_age=HOURS_SIGNED_IN * 3600)
    except BadSignature:
        word = ""
    if not secrets.compare_digest(str(word), session.word):
        raise NotAllowed(
            "This form is too old, or was not ours.", field="form", remedy="Load the page again and send it once more."
        )


async def signed_in(session: Session, key: str, container: Container) -> Session | None:
    """A fresh session for a key; None for one that is not known."""
    if await container.access.caller_of(key) is None:
        return None
    return Session(secrets.token_urlsafe(16), hash_of(key))


async def console_caller(request: Request, container: ContainerDep) -> Caller:
    """Who looks. Raises NotSignedIn, which the console answers with its sign-in page."""
    session = session_of(request, container)
    caller = await container.access.caller_of_hash(session.key_hash) if session.key_hash else None
    if caller is not None:
        return caller
    if container.demo_mode and _from_this_machine(request):
        return DEMO_CALLER
    raise NotSignedIn("Nobody is signed in.", field="session", remedy="Sign in with an API key.")


ConsoleCaller = Annotated[Caller, Depends(console_caller)]


def _from_this_machine(request: Request) -> bool:
    """True when both ends are this machine, so that no page elsewhere can reach in under another name."""
    if request.client is None or request.url.hostname not in LOOPBACK_NAMES:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _signer(container: Container, purpose: str) -> URLSafeTimedSerializer:
    if not container.session_key:
        raise NotSignedIn(
            "This installation has no session key, so nobody can sign in.",
            field="EVENFLOW_SECRETS_SESSION_KEY",
            remedy="Set it to a long random text and start again.",
        )
    return URLSafeTimedSerializer(container.session_key, salt=f"evenflow {purpose}")
