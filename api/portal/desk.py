"""A customer's wish becomes the same command as an operator's, with the author "customer"."""

from __future__ import annotations

from typing import Any

from api.portal.session import Visitor
from billing.messages.account import Command, CommandResult
from billing.messages.identities import account_workflow_id
from billing.services.customer_sessions import BY_CUSTOMER

REASON = "In self-service"


async def ask(visitor: Visitor, form: str, update: str, command_type: type[Command], /, **fields: Any) -> CommandResult:
    """Carry it out, once per form. Raises NotAllowed for a forged form, NotFound while the process is away."""
    command = command_type(command_id=visitor.command_of(form), author=BY_CUSTOMER, reason=REASON, **fields)
    workflow_id = account_workflow_id(visitor.brand.brand, visitor.account.number)
    return await visitor.container.process.command(workflow_id, update, command)
