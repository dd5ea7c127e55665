"""Where a command of an operator becomes the workflow update of the same name, once per idempotency key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import uuid4

from fastapi import Depends, Header

from api.container import Container
from api.dependencies import ContainerDep, require
from api.parameters import AccountId
from api.schemas.actions import ActionIn, ActionOut
from billing.domain.errors import InvalidValue, NotFound, UnableTo
from billing.messages.account import Command, CommandResult
from billing.messages.identities import account_workflow_id
from billing.services.access import Caller

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        pattern=r"^[\x21-\x7e]*$",
        description="The same key again answers what the first one did.",
        examples=["4f1c2a5e-1d0b-4f0e-9a53-6f0f6f8e1b11"],
    ),
]


@dataclass(frozen=True)
class AccountDesk:
    """Gives one caller's commands to one account's process."""

    container: Container
    caller: Caller
    account_id: AccountId
    command_id: str

    async def refuse_unknown_service(self, service_id: str) -> None:
        """An order for a line that is not the account's would be placed and never confirmed. Raises NotFound."""
        services = await self.container.accounts.services_of(self.account_id)
        if service_id and service_id not in {service.service_id for service in services}:
            raise NotFound(
                f"Account {self.account_id} has no service {service_id}.",
                field="service_id",
                value=service_id,
                remedy=f"GET /v1/accounts/{self.account_id}/services lists the services there are.",
            )

    async def ask(self, update: str, kind: type[Command], said: ActionIn) -> ActionOut:
        """Carry out a command. Raises the refusal it was answered with, NotFound without a running process."""
        account = await self.container.accounts.get(self.account_id)
        command = kind(command_id=self.command_id, author=self.caller.name, **said.command_fields())
        workflow_id = account_workflow_id(account.brand, account.number)
        result = await self.container.process.command(workflow_id, update, command)
        if not result.accepted:
            raise refusal_of(result, said)
        return ActionOut.model_validate(result)


def refusal_of(result: CommandResult, said: ActionIn) -> InvalidValue | UnableTo:
    """A field of the request that cannot be used is the caller's to correct; anything else is the account's state."""
    name = result.field.partition("[")[0]
    kind = InvalidValue if name in type(said).model_fields else UnableTo
    return kind(
        result.summary or "The account refused this command.",
        field=result.field or "account",
        value=result.value,
        remedy=result.remedy or "Look at the account's process and timeline, then try again.",
    )


def desk_for(role: str) -> Callable[..., Awaitable[AccountDesk]]:
    """A dependency: the desk of the account in the path, for callers of at least this role."""

    admitted = Depends(require(role))

    async def open_desk(
        account_id: AccountId,
        container: ContainerDep,
        caller: Caller = admitted,
        idempotency_key: IdempotencyKey = "",
    ) -> AccountDesk:
        return AccountDesk(container, caller, account_id, idempotency_key or str(uuid4()))

    return open_desk


AgentDesk = Annotated[AccountDesk, Depends(desk_for("agent"))]
FinanceDesk = Annotated[AccountDesk, Depends(desk_for("finance"))]
