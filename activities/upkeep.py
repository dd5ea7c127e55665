"""Upkeep, as the process calls it."""

from __future__ import annotations

from temporalio import activity

from activities.refusals import dependable
from billing.messages.upkeep import UpkeepReport, UpkeepState
from billing.services.upkeep import UpkeepService


class UpkeepActivities:
    """One round finds and mends what was missed; every repair is idempotent."""

    def __init__(self, service: UpkeepService) -> None:
        self._service = service

    @activity.defn(name="mend")
    @dependable
    async def mend(self, request: UpkeepState) -> UpkeepReport:
        return await self._service.mend()
