"""Usage, as the process calls it."""

from __future__ import annotations

import asyncio

from temporalio import activity

from activities.refusals import refusals_final
from billing.messages.usage import ImportFileRequest, ImportReport
from billing.ports.usage_files import CANCELLING
from billing.services.usage import UsageService
from billing.services.usage_files import report_of

TELL_EVERY_SECONDS = 1.0


class UsageActivities:
    """Imports files; a second call continues where the last committed batch ended."""

    def __init__(self, service: UsageService) -> None:
        self._service = service

    @activity.defn(name="import_usage_file")
    @refusals_final
    async def import_usage_file(self, request: ImportFileRequest) -> ImportReport:
        told = _Progress(ImportReport(request.file_id))
        # Counting totals and finding the place where to go on tell nothing; the process must see that they live.
        beating = asyncio.create_task(told.beat())
        try:
            report = await self._service.files.import_file(request.file_id, on_progress=told.note)
            await self._service.counting.count_all()
            if report.status == CANCELLING:
                report = report_of(await self._service.cancelling.carry_out(request.file_id))
            return report
        finally:
            beating.cancel()


class _Progress:
    """The newest report of an import, told every second."""

    def __init__(self, report: ImportReport) -> None:
        self._report = report

    def note(self, report: ImportReport) -> None:
        self._report = report
        activity.heartbeat(report)

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_SECONDS)
            activity.heartbeat(self._report)
