"""Operators as people, for administrators' programs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from api.dependencies import Admin, ContainerDep
from api.schemas.base import identity_pattern
from api.schemas.problems import problems
from api.schemas.users import InvitationIn, LinkOut, ReasonIn, RoleIn, UserOut, UsersOut
from billing.domain.errors import InvalidValue
from billing.ports.users import STATUSES, UserFilter
from billing.services.access import ROLES

router = APIRouter(prefix="/v1/users", tags=["users"])
UserId = Annotated[
    str, Path(pattern=identity_pattern("usr"), description="The user, as the API answered it.", examples=["usr_1001"])
]


@router.get("", summary="List users")
async def users(
    container: ContainerDep,
    _: Admin,
    q: Annotated[str, Query(max_length=100, description="Part of a name or address.", examples=["sanne"])] = "",
    role: Annotated[str, Query(max_length=20, description="Only this role.", examples=["agent"])] = "",
    status: Annotated[str, Query(max_length=20, description="Only this status.", examples=["active"])] = "",
    after: Annotated[
        str, Query(max_length=320, description="Go on after this address.", examples=["sanne@vonk.example"])
    ] = "",
    limit: Annotated[int, Query(ge=1, le=200, description="At most so many.", examples=[50])] = 50,
) -> UsersOut:
    """In the order of their addresses; ``next_after`` leads on."""
    for name, value, known in (("role", role, ROLES), ("status", status, STATUSES)):
        if value and value not in known:
            raise InvalidValue("There is none such.", field=name, value=value, remedy=f"Use one of {', '.join(known)}.")
    found = await container.operators.find(UserFilter(q, role, status, after, limit + 1))
    more = found[limit - 1].email if len(found) > limit else ""
    return UsersOut(users=[UserOut.model_validate(one) for one in found[:limit]], next_after=more)


@router.post("", status_code=201, summary="Invite a user", responses=problems(409))
async def invite(said: InvitationIn, container: ContainerDep, caller: Admin) -> LinkOut:
    """The link sets the password; it is answered once and works once."""
    user, word = await container.operators.invite(said.email, said.name, said.role, caller.name)
    return LinkOut(user=UserOut.model_validate(user), link=f"{container.public_url}/console/link/{word}")


@router.get("/{user_id}", summary="One user", responses=problems(404))
async def user(user_id: UserId, container: ContainerDep, _: Admin) -> UserOut:
    """What it may and how it signs in; never a secret."""
    return UserOut.model_validate(await container.operators.get(user_id))


@router.post("/{user_id}/link", status_code=201, summary="A link to set a password", responses=problems(404, 409))
async def link(user_id: UserId, said: ReasonIn, container: ContainerDep, caller: Admin) -> LinkOut:
    """For a user who was invited, or forgot the password; links of before are worth nothing any more."""
    found, word = await container.operators.new_link(user_id, caller.name)
    return LinkOut(user=UserOut.model_validate(found), link=f"{container.public_url}/console/link/{word}")


@router.post("/{user_id}/role", summary="Give another role", responses=problems(404, 409))
async def change_role(user_id: UserId, said: RoleIn, container: ContainerDep, _: Admin) -> UserOut:
    """Ends the user's sessions. The last administrator keeps the role."""
    return UserOut.model_validate(await container.operators.change_role(user_id, said.role))


@router.post("/{user_id}/disable", summary="Disable a user", responses=problems(404, 409))
async def disable(user_id: UserId, said: ReasonIn, container: ContainerDep, _: Admin) -> UserOut:
    """Signs the user out everywhere. The last administrator cannot be disabled."""
    return UserOut.model_validate(await container.operators.disable(user_id))


@router.post("/{user_id}/enable", summary="Enable a user", responses=problems(404))
async def enable(user_id: UserId, said: ReasonIn, container: ContainerDep, _: Admin) -> UserOut:
    """As before it was disabled; one who never set a password needs a link."""
    return UserOut.model_validate(await container.operators.enable(user_id))


Step = Literal["reset-second-factor", "unlock", "end-sessions"]


@router.post("/{user_id}/{step}", summary="Help a user to sign in again", responses=problems(404))
async def help_in(
    user_id: UserId,
    step: Annotated[
        Step,
        Path(
            description="Set the second factor up anew, forget failed tries, or sign the user out everywhere.",
            examples=["unlock"],
        ),
    ],
    said: ReasonIn,
    container: ContainerDep,
    _: Admin,
) -> UserOut:
    """The user as it is afterwards."""
    if step == "reset-second-factor":
        await container.operators.reset_factor(user_id)
    elif step == "unlock":
        await container.operators.unlock(user_id)
    else:
        await container.operators.end_sessions(user_id)
    return UserOut.model_validate(await container.operators.get(user_id))
