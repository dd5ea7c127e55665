"""What a route asks for: the container, and a caller with a role."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from api.container import Container
from api.errors import NotAllowed, NotSignedIn
from billing.domain.errors import InvalidValue
from billing.services.access import ROLES, Caller

api_key = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key: `evenflow key create`.")


async def get_container(request: Request) -> Container:
    container: Container = request.app.state.container
    return container


ContainerDep = Annotated[Container, Depends(get_container)]


def require(role: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency that admits callers of at least this role; each may do what the ones before it may."""

    async def admitted(
        request: Request, container: ContainerDep, key: Annotated[str | None, Security(api_key)] = None
    ) -> Caller:
        known = await container.access.caller_of(key) if key else None
        request.state.caller = known
        caller = admit(known, key, role)
        _refuse_unknown_parameters(request)
        return caller

    return admitted


def admit(caller: Caller | None, key: str | None, role: str) -> Caller:
    """The caller behind a key, when it has at least this role. Raises NotSignedIn and NotAllowed."""
    if caller is None:
        raise NotSignedIn(
            "This API key is not known or was revoked." if key else "No API key was sent.",
            field="X-API-Key",
            remedy="Send a key in the header X-API-Key; `evenflow key create NAME --role ROLE` makes one.",
        )
    if not has_role(caller, role):
        raise NotAllowed(
            f"This needs the role {role}.",
            field="role",
            value=caller.role,
            remedy=f"Use a key of the role {role}; {caller.name!r} has {caller.role}.",
        )
    return caller


def has_role(caller: Caller, role: str) -> bool:
    """Whether a caller may do what at least this role may."""
    return ROLES.index(caller.role) >= ROLES.index(role)


def _refuse_unknown_parameters(request: Request) -> None:
    """A misspelt query parameter must not be silently ignored. Raises InvalidValue naming it and those there are."""
    if not request.query_params:
        return
    operation = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    known = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    for name, value in request.query_params.items():
        if name not in known:
            raise InvalidValue(
                "This route takes no such query parameter.",
                field=name,
                value=value,
                remedy=f"Leave it out, or use one of: {', '.join(known) or 'none'}.",
            )


Viewer = Annotated[Caller, Depends(require("viewer"))]
Agent = Annotated[Caller, Depends(require("agent"))]
Finance = Annotated[Caller, Depends(require("finance"))]
Admin = Annotated[Caller, Depends(require("admin"))]
