"""The process, as the doors and services see it: start an account's workflow, tell it facts, give it commands."""

from __future__ import annotations

from typing import Any, Protocol

from billing.messages.account import AccountState, AccountView, Command, CommandResult
from billing.messages.bulk_actions import BulkActionState
from billing.messages.plan_corrections import CorrectPlanRequest
from billing.messages.usage import ImportFileRequest


class ProcessAway(RuntimeError):
    """The process server gave no answer. What was asked may have been done all the same; asking again does it once."""


class Process(Protocol):
    """Starting is idempotent by workflow id; an import that waits for a decision looks again when it is started.

    ``signal``, ``command`` and ``view`` raise NotFound when no such workflow is open, ProcessAway when nobody answers.
    """

    async def start_account(self, state: AccountState) -> None: ...
    async def start_import(self, request: ImportFileRequest) -> None: ...
    async def start_plan_correction(self, request: CorrectPlanRequest) -> None: ...
    async def start_bulk_action(self, state: BulkActionState) -> None: ...
    async def signal(self, workflow_id: str, signal: str, payload: Any) -> None: ...
    async def command(self, workflow_id: str, update: str, command: Command) -> CommandResult: ...
    async def view(self, workflow_id: str) -> AccountView: ...
