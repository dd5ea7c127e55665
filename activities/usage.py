"""Usage, as the process calls it."""

from __future__ import annotations

from temporalio import activity

from activities.refusals import refusals_final
from billing.messages.usage import ImportFileRequest, ImportReport
from billing.services.usage import UsageService


class UsageActivities:
    """Imports files; a second call continues where the last committed batch ended."""

    def __init__(self, service: UsageService) -> None:
        self._service = service

    @activity.defn(name="import_usage_file")
    @refusals_final
    async def import_usage_file(self, request: ImportFileRequest) -> ImportReport:
        return await self._service.files.import_file(request.file_id, on_progress=activity.heartbeat)
