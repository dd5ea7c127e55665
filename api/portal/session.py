"""Who looks at self-service: a session on the server, and before it a short-lived signed cookie of the sign-in.

Cookies are HttpOnly and SameSite=Lax: coming back from the provider's page must find the session, and every change
needs a form of ours besides. A form carries a signed command id, so that sending it twice does one thing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Annotated
from uuid import uuid4

from fastapi import Depends, Form, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.responses import Response

from api.container import Container
from api.dependencies import ContainerDep
from api.errors import NotAllowed, NotSignedIn
from api.portal.looks import Look
from billing.ports.accounts import Account, Brand
from billing.ports.self_service import CustomerSession

COOKIE, BEFORE = "evenflow_my", "evenflow_my_before"
PATH = "/my"
# What the page asks for without anybody pressing anything.
BY_ITSELF = ("/my/balance",)
FORM_SECONDS = 12 * 3600
BEFORE_SECONDS = 3600
SignedForm = Annotated[str, Form(max_length=500)]


@dataclass(frozen=True)
class Visitor:
    """A customer who is signed in."""

    container: Container
    session: CustomerSession
    account: Account
    brand: Brand
    look: Look

    @property
    def account_id(self) -> str:
        return self.account.account_id

    def form(self) -> str:
        """What a form must send back: it is ours, of this session, and one command."""
        return form_token(self.container, self.session.session_hash)

    def command_of(self, form: str) -> str:
        """The command id of a form. Raises NotAllowed for one that this session was not given."""
        return command_of(self.container, self.session.session_hash, form)


@dataclass(frozen=True)
class Before:
    """A browser that is not signed in yet: ``word`` binds its forms, ``request_id`` is the code it waits for.

    ``wanted`` is the page of ours that it asked for before.
    """

    word: str
    request_id: str = ""
    brand: str = ""
    language: str = ""
    hello: str = ""
    channel: str = ""
    wanted: str = ""


def before_of(request: Request, container: Container) -> Before:
    """What the browser's cookie says; a new one without."""
    try:
        said = _signer(container, "before").loads(request.cookies.get(BEFORE, ""), max_age=BEFORE_SECONDS)
        return Before(*said)
    except (BadSignature, TypeError):
        return Before(secrets.token_urlsafe(16))


def keep_before(response: Response, before: Before, container: Container) -> None:
    """Put it into the answer's cookie."""
    fields = (
        before.word,
        before.request_id,
        before.brand,
        before.language,
        before.hello,
        before.channel,
        before.wanted,
    )
    _keep(response, BEFORE, str(_signer(container, "before").dumps(fields)), BEFORE_SECONDS, container)


def keep_session(response: Response, cookie: str, container: Container) -> None:
    """Signed in: the new cookie, and the end of the one before it."""
    _keep(response, COOKIE, cookie, FORM_SECONDS, container)
    response.delete_cookie(BEFORE, path=PATH)


def forget(response: Response) -> None:
    """Signed out."""
    response.delete_cookie(COOKIE, path=PATH)


def _keep(response: Response, name: str, value: str, seconds: int, container: Container) -> None:
    is_secure = container.public_url.startswith("https://")
    response.set_cookie(name, value, seconds, path=PATH, secure=is_secure, httponly=True, samesite="lax")


def form_token(container: Container, word: str) -> str:
    """A form for whoever has this word."""
    return str(_signer(container, "form").dumps([word, str(uuid4())]))


def command_of(container: Container, word: str, form: str) -> str:
    """Raises NotAllowed for a form that is too old, or another one's."""
    try:
        bound_to, command_id = _signer(container, "form").loads(form, max_age=FORM_SECONDS)
    except (BadSignature, ValueError, TypeError):
        bound_to, command_id = "", ""
    if not command_id or not secrets.compare_digest(str(bound_to), word):
        raise NotAllowed(
            "This form is too old, or was not ours.", field="form", remedy="Load the page again and send it once more."
        )
    return str(command_id)


def _signer(container: Container, purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(container.session_key or secrets.token_hex(16), salt=f"evenflow my {purpose}")


async def visitor(request: Request, container: ContainerDep) -> Visitor:
    """The customer who looks. Raises NotSignedIn, which is answered with the page to sign in."""
    cookie = request.cookies.get(COOKIE, "")
    is_used = request.url.path not in BY_ITSELF
    session = (
        await container.customer_sessions.of(cookie, is_used=is_used) if cookie and container.session_key else None
    )
    if session is None:
        raise NotSignedIn("Nobody is signed in.", field="session", remedy="Sign in.")
    account = await container.accounts.get(session.account_id)
    brand, look = await container.portal_looks.of_account(account)
    look = replace(look, is_signed_in=True, has_others=len(session.account_ids) > 1, number=account.number)
    request.state.look, request.state.account_id = look, account.account_id
    return Visitor(container, session, account, brand, look)


VisitorDep = Annotated[Visitor, Depends(visitor)]
