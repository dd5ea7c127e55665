"""One look at the console: who looks, with which session, and how a page or a redirection is answered to it.

A route of the console asks for a visit of the least role that may open it (``ViewerVisit`` ... ``AdminVisit``), and
answers with ``visit.page(...)`` or ``visit.to(path, "what was done")``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from api.console.flash import Flash, keep_flash, take_flash
from api.console.forms import Form
from api.console.navigation import Entry, entries_for
from api.console.pages import page
from api.console.session import Session, console_caller, form_token, session_of
from api.container import Container
from api.dependencies import ContainerDep, has_role
from api.errors import NotAllowed
from billing.services.access import Caller


@dataclass(frozen=True)
class Visit:
    """Who looks at which page. ``command_id`` is new for every page shown, so that a form sent twice counts once."""

    request: Request
    container: Container
    caller: Caller
    session: Session
    command_id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def path(self) -> str:
        return self.request.url.path

    @property
    def form_token(self) -> str:
        """What proves that a form is ours; empty where nobody can sign in."""
        return form_token(self.session, self.container) if self.container.session_key else ""

    @property
    def navigation(self) -> Sequence[Entry]:
        return entries_for(self.caller)

    @property
    def can_sign_out(self) -> bool:
        """False for the guest of a demo, who never signed in."""
        return self.session.is_signed_in

    @property
    def account_path(self) -> str:
        """Where the caller changes what is its own; empty where it has nothing of its own."""
        return ""

    def may(self, role: str) -> bool:
        """Whether the caller may do what at least this role may; templates leave out what it may not."""
        return has_role(self.caller, role)

    def need(self, role: str) -> None:
        """Raises NotAllowed for a caller of a lesser role."""
        if not self.may(role):
            raise NotAllowed(
                f"This needs the role {role}.",
                field="role",
                value=self.caller.role,
                remedy=f"Ask somebody with the role {role}; {self.caller.name!r} has {self.caller.role}.",
            )

    def page(self, template: str, status: int = HTTPStatus.OK, **values: Any) -> Response:
        """One page; a form that was refused (``form=``) gives it the status of the refusal."""
        form = values.get("form")
        if isinstance(form, Form) and form.status and status == HTTPStatus.OK:
            status = form.status
        flash = take_flash(self.request, self.container, self.session)
        shown = page(template, status, visit=self, flash=flash, **values)
        if flash is not None:
            keep_flash(shown, None, self.container, self.session)
        return shown

    def to(self, path: str, said: str = "", tone: str = "done") -> Response:
        """Go on to another page, which says what was done; ``tone`` is done, warn or bad."""
        answer = RedirectResponse(path, HTTPStatus.SEE_OTHER)
        if said:
            keep_flash(answer, Flash(said, tone), self.container, self.session)
        return answer


def visiting(role: str) -> Callable[..., Awaitable[Visit]]:
    """A dependency: a visit by a caller of at least this role."""

    async def visit(
        request: Request, container: ContainerDep, caller: Annotated[Caller, Depends(console_caller)]
    ) -> Visit:
        made = Visit(request, container, caller, session_of(request, container))
        request.state.visit = made
        made.need(role)
        return made

    return visit


ViewerVisit = Annotated[Visit, Depends(visiting("viewer"))]
AgentVisit = Annotated[Visit, Depends(visiting("agent"))]
FinanceVisit = Annotated[Visit, Depends(visiting("finance"))]
AdminVisit = Annotated[Visit, Depends(visiting("admin"))]
