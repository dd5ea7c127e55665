"""Barring, as the process calls it."""

from __future__ import annotations

from temporalio import activity

from activities.refusals import dependable
from billing.messages.dunning import BarringResult, BarringState, OrderCheck, PlacedOrder
from billing.services.barring import BarringService


class BarringActivities:
    """Order a level from the network and verify that it holds."""

    def __init__(self, service: BarringService) -> None:
        self._service = service

    @activity.defn(name="place_order")
    @dependable
    async def place_order(self, request: BarringState) -> PlacedOrder:
        return await self._service.place_order(request)

    @activity.defn(name="check_order")
    @dependable
    async def check_order(self, request: OrderCheck) -> PlacedOrder:
        return await self._service.check_order(request)

    @activity.defn(name="record_order")
    @dependable
    async def record_order(self, request: BarringResult) -> None:
        await self._service.record_outcome(request)
