"""What is agreed or decided about a debt, as the process calls it."""

from __future__ import annotations

from temporalio import activity

from activities.refusals import dependable
from billing.messages.arrangements import Arranged, DebtRequest, PlanRequest
from billing.services.arrangements import ArrangementService


class ArrangementActivities:
    """Payment plans, write-offs and hand-overs; each request counts once."""

    def __init__(self, service: ArrangementService) -> None:
        self._service = service

    @activity.defn(name="change_payment_plan")
    @dependable
    async def change_payment_plan(self, request: PlanRequest) -> Arranged:
        return await self._service.change_plan(request)

    @activity.defn(name="decide_debt")
    @dependable
    async def decide_debt(self, request: DebtRequest) -> Arranged:
        return await self._service.decide_debt(request)
