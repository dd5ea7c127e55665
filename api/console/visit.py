"""One look at the console: who looks, with which session, and how a page or a redirection is answered to it.

A route of the console asks for a visit of the least role that may open it (``ViewerVisit`` ... ``AdminVisit``), and
answers with ``visit.page(...)`` or ``visit.to(path, "what was done")``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.console.doorway import Doorway
from api.console.navigation import Entry, entries_for
from api.console.session import console_caller, session_of
from api.dependencies import ContainerDep, has_role
from api.errors import NotAllowed
from billing.services.access import Caller
from billing.services.console_sessions import SignedIn

OWN_PAGE = "/console/me"


@dataclass(frozen=True)
class Visit(Doorway):
    """A doorway that somebody came through: signed in, or the guest of a demo."""

    caller: Caller

    @property
    def signed_in(self) -> SignedIn:
        """The session and its person. Raises NotAllowed for the guest of a demo."""
        if self.session.signed_in is None:
            raise NotAllowed("A guest has nothing of its own.", field="session", remedy="Sign in first.")
        return self.session.signed_in

    @property
    def navigation(self) -> Sequence[Entry]:
        return entries_for(self.caller)

    @property
    def can_sign_out(self) -> bool:
        """False for the guest of a demo, who never signed in."""
        return self.session.signed_in is not None

    @property
    def account_path(self) -> str:
        """Where the caller changes what is its own; empty where it has nothing of its own."""
        return OWN_PAGE if self.can_sign_out else ""

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


def visiting(role: str) -> Callable[..., Awaitable[Visit]]:
    """A dependency: a visit by a caller of at least this role."""

    async def visit(
        request: Request, container: ContainerDep, caller: Annotated[Caller, Depends(console_caller)]
    ) -> Visit:
        made = Visit(request, container, await session_of(request, container), caller)
        request.state.visit = made
        made.need(role)
        return made

    return visit


ViewerVisit = Annotated[Visit, Depends(visiting("viewer"))]
AgentVisit = Annotated[Visit, Depends(visiting("agent"))]
FinanceVisit = Annotated[Visit, Depends(visiting("finance"))]
AdminVisit = Annotated[Visit, Depends(visiting("admin"))]
