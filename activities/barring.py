"""Barring, as the process calls it."""

from __future__ import annotations

from temporalio import activity
from temporalio.common import MetricHistogramFloat

from activities.refusals import dependable
from billing.messages.dunning import BarringResult, BarringState, OrderCheck, PlacedOrder
from billing.services.barring import BarringService

RESTORED_AFTER = "evenflow_services_restored_after_payment"


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
        restored = await self._service.record_outcome(request)
        if restored is not None:
            _restored_after().record(restored.real_seconds)


def _restored_after() -> MetricHistogramFloat:
    """How soon after a payment services were free, in real seconds: beside Temporal's metrics of this worker."""
    return activity.metric_meter().create_histogram_float(
        RESTORED_AFTER, "Real time from a payment to the network's word that services are free.", "seconds"
    )
