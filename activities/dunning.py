"""Dunning, as the process calls it."""

from __future__ import annotations

from temporalio import activity

from activities.refusals import dependable
from billing.messages.dunning import (
    CaseCommand,
    CaseCommandResult,
    CloseCaseRequest,
    DecideRequest,
    NextStep,
    OpenCaseRequest,
    OpenedCase,
)
from billing.services.dunning import DunningService


class DunningActivities:
    """Open, decide, change and close the account's case."""

    def __init__(self, service: DunningService) -> None:
        self._service = service

    @activity.defn(name="open_case")
    @dependable
    async def open_case(self, request: OpenCaseRequest) -> OpenedCase:
        return await self._service.open_case(request)

    @activity.defn(name="decide_next_step")
    @dependable
    async def decide_next_step(self, request: DecideRequest) -> NextStep:
        return await self._service.decide(request)

    @activity.defn(name="close_case")
    @dependable
    async def close_case(self, request: CloseCaseRequest) -> None:
        await self._service.close_case(request)

    @activity.defn(name="change_case")
    @dependable
    async def change_case(self, request: CaseCommand) -> CaseCommandResult:
        return await self._service.change_case(request)
