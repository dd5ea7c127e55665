"""A page that is asked for by a browser, known or not: how it is shown, and what its forms carry."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from api.console.flash import Flash, keep_flash, take_flash
from api.console.forms import Form
from api.console.pages import page
from api.console.session import Session, form_token, keep_visitor, session_of
from api.container import Container
from api.dependencies import ContainerDep
from billing.services.access_rules import Whence


@dataclass(frozen=True)
class Doorway:
    """``command_id`` is new for every page shown, so that a form sent twice counts once."""

    request: Request
    container: Container
    session: Session
    command_id: str = field(default_factory=lambda: str(uuid4()), kw_only=True)

    @property
    def path(self) -> str:
        return self.request.url.path

    @property
    def form_token(self) -> str:
        """What proves that a form is ours; empty where nobody can sign in."""
        return form_token(self.session, self.container) if self.container.session_key else ""

    @property
    def whence(self) -> Whence:
        """Where the browser is."""
        return Whence(address_of(self.request), self.request.headers.get("user-agent", ""))

    def page(self, template: str, status: int = HTTPStatus.OK, **values: Any) -> Response:
        """One page; a form that was refused (``form=``) gives it the status of the refusal."""
        form = values.get("form")
        if isinstance(form, Form) and form.status and status == HTTPStatus.OK:
            status = form.status
        flash = take_flash(self.request, self.container, self.session)
        inside = self if hasattr(self, "caller") else None
        shown = page(template, status, visit=inside, door=self, flash=flash, **values)
        if flash is not None:
            keep_flash(shown, None, self.container, self.session)
        if self.session.signed_in is None and self.container.session_key:
            keep_visitor(shown, self.session, self.container)
        return shown

    def to(self, path: str, said: str = "", tone: str = "done") -> Response:
        """Go on to another page, which says what was done; ``tone`` is done, warn or bad."""
        answer = RedirectResponse(path, HTTPStatus.SEE_OTHER)
        if said:
            keep_flash(answer, Flash(said, tone), self.container, self.session)
        return answer


def address_of(request: Request) -> str:
    """The address of the other end; behind a proxy the one that the server was told to trust it for."""
    return request.client.host if request.client else ""


async def _doorway(request: Request, container: ContainerDep) -> Doorway:
    return Doorway(request, container, await session_of(request, container))


AnyDoorway = Annotated[Doorway, Depends(_doorway)]
