"""Announcing debits, as the process calls it."""

from __future__ import annotations

from temporalio import activity

from activities.refusals import dependable
from billing.messages.announcing import Announced, AnnounceRequest, AnnounceRetryRequest
from billing.services.announcing import AnnouncingService


class AnnouncingActivities:
    """Tell amount and date before money is taken."""

    def __init__(self, service: AnnouncingService) -> None:
        self._service = service

    @activity.defn(name="announce_invoice")
    @dependable
    async def announce_invoice(self, request: AnnounceRequest) -> Announced:
        return await self._service.announce_invoice(request)

    @activity.defn(name="announce_retry")
    @dependable
    async def announce_retry(self, request: AnnounceRetryRequest) -> Announced:
        return await self._service.announce_retry(request)
