"""What a browser keeps while it is at the identity provider: a signed cookie for ten minutes."""

from __future__ import annotations

from fastapi import Request
from itsdangerous import BadSignature
from starlette.responses import Response

from api.console.session import signer
from api.container import Container
from billing.ports.openid import ProviderRefused
from billing.services.openid import Attempt

COOKIE = "evenflow_openid"
PATH = "/console/openid"
SECONDS_KEPT = 600


def keep_attempt(response: Response, attempt: Attempt, following: str, container: Container) -> None:
    """SameSite=Lax, since the browser comes back from another site."""
    response.set_cookie(
        COOKIE,
        str(signer(container, "openid").dumps([attempt.state, attempt.nonce, attempt.verifier, following])),
        max_age=SECONDS_KEPT,
        path=PATH,
        secure=container.public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )


def kept_attempt(request: Request, container: Container) -> tuple[Attempt, str]:
    """The attempt, and where to go afterwards. Raises ProviderRefused for one that is not ours, or too old."""
    try:
        kept = signer(container, "openid").loads(request.cookies.get(COOKIE, ""), max_age=SECONDS_KEPT)
        state, nonce, verifier, following = (str(one) for one in kept)
    except (BadSignature, ValueError, TypeError):
        raise ProviderRefused(
            "This sign-in was not begun here, or took too long.", field="openid", remedy="Sign in again."
        ) from None
    return Attempt(state, nonce, verifier), following


def forget_attempt(response: Response) -> None:
    response.delete_cookie(COOKIE, path=PATH)
