"""What the next page says about what was just done: a short signed cookie that one page shows and forgets."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.responses import Response

from api.console.session import Session
from api.container import Container

COOKIE = "evenflow_said"
SECONDS_KEPT = 120
MOST_CHARACTERS = 600


@dataclass(frozen=True)
class Flash:
    """``tone`` is done, warn or bad."""

    said: str
    tone: str = "done"


def take_flash(request: Request, container: Container, session: Session) -> Flash | None:
    """What this browser's last command said, for the session that gave it only."""
    kept = request.cookies.get(COOKIE)
    if not kept or not container.session_key:
        return None
    try:
        said, tone = _signer(container, session).loads(kept, max_age=SECONDS_KEPT)
    except (BadSignature, ValueError, TypeError):
        return None
    return Flash(str(said), str(tone))


def keep_flash(response: Response, flash: Flash | None, container: Container, session: Session) -> None:
    """Put it into the answer's cookie; None forgets what was there."""
    if flash is None:
        response.delete_cookie(COOKIE, path="/console", httponly=True, samesite="strict")
    elif container.session_key:
        response.set_cookie(
            COOKIE,
            str(_signer(container, session).dumps([flash.said[:MOST_CHARACTERS], flash.tone])),
            max_age=SECONDS_KEPT,
            path="/console",
            secure=container.public_url.startswith("https://"),
            httponly=True,
            samesite="strict",
        )


def _signer(container: Container, session: Session) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(container.session_key, salt=f"evenflow said {session.word}")
