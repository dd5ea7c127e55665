"""Usage, as the process calls it."""

from __future__ import annotations

from temporalio import activity

from activities.progress import beating
from activities.refusals import refusals_final
from billing.messages.usage import ImportFileRequest, ImportReport
from billing.ports.usage_files import CANCELLING
from billing.services.usage import UsageService
from billing.services.usage_files import report_of


class UsageActivities:
    """Imports files; a second call continues where the last committed batch ended."""

    def __init__(self, service: UsageService) -> None:
        self._service = service

    @activity.defn(name="import_usage_file")
    @refusals_final
    async def import_usage_file(self, request: ImportFileRequest) -> ImportReport:
        # Counting totals and finding the place where to go on tell nothing; the process must see that they live.
        async with beating(ImportReport(request.file_id)) as told:
            report = await self._service.files.import_file(request.file_id, on_progress=told.note)
            await self._service.counting.count_all()
            if report.status == CANCELLING:
                report = report_of(await self._service.cancelling.carry_out(request.file_id))
            return report
