"""Notices, as the process calls them."""

from __future__ import annotations

from temporalio import activity

from activities.refusals import dependable
from billing.messages.notices import NoticeRequest, NoticeResult
from billing.services.notices import NoticeService


class NoticeActivities:
    """Send a notice at most once."""

    def __init__(self, service: NoticeService) -> None:
        self._service = service

    @activity.defn(name="send_notice")
    @dependable
    async def send_notice(self, request: NoticeRequest) -> NoticeResult:
        return await self._service.send(request)
