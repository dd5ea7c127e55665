"""Limits on usage, as the process calls them."""

from __future__ import annotations

from temporalio import activity

from activities.refusals import dependable
from billing.messages.limits import AgreeRequest, ChangeLimitRequest, LimitChanged, ReviewStopsRequest, StopsReview
from billing.services.usage_limits import LimitService


class LimitActivities:
    """Change limits, and find what the network has to stop; each request counts once."""

    def __init__(self, service: LimitService) -> None:
        self._service = service

    @activity.defn(name="change_usage_limit")
    @dependable
    async def change_usage_limit(self, request: ChangeLimitRequest) -> LimitChanged:
        return await self._service.change(request)

    @activity.defn(name="agree_to_continue")
    @dependable
    async def agree_to_continue(self, request: AgreeRequest) -> LimitChanged:
        return await self._service.agree(request)

    @activity.defn(name="review_usage_stops")
    @dependable
    async def review_usage_stops(self, request: ReviewStopsRequest) -> StopsReview:
        return await self._service.review_stops(request)
