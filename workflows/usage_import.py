"""Importing a usage file: batch by batch, resumed after a crash where the last committed batch ended."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.usage import UsageActivities
    from billing.messages.usage import ImportFileRequest, ImportReport
    from workflows._board import NEEDS_OPERATOR

# A file may take hours; a worker that died is noticed soon, because every batch is a heartbeat.
LONGEST_IMPORT = timedelta(hours=24)
SILENT_AT_MOST = timedelta(seconds=20)
TRY_AGAIN = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
AFTER_EVERYTHING_ELSE = Priority(priority_key=5)


@workflow.defn(name="UsageImportWorkflow")
class UsageImportWorkflow:
    """One registered file; its id is the file's, so that a file is imported by one run at a time."""

    def __init__(self) -> None:
        self._asked_to_look = False

    @workflow.run
    async def run(self, request: ImportFileRequest) -> ImportReport:
        workflow.set_current_details(f"importing **{request.file_id}**")
        report = await self._import(request)
        while report.is_held:
            await self._wait_for_a_person(report)
            report = await self._import(request)
        workflow.set_current_details(_in_words(report))
        return report

    @workflow.signal(name="look_again", description="Something was decided about this file: look at it again.")
    def look_again(self) -> None:
        self._asked_to_look = True

    async def _wait_for_a_person(self, report: ImportReport) -> None:
        """Until somebody released or rejected the file, or what it waited for has arrived."""
        workflow.set_current_details(f"**{report.file_id} is held, a person is needed**: {report.hold_reason}"[:1000])
        workflow.upsert_search_attributes([NEEDS_OPERATOR.value_set(True)])
        await workflow.wait_condition(lambda: self._asked_to_look)
        workflow.set_current_details(f"importing **{report.file_id}**")
        workflow.upsert_search_attributes([NEEDS_OPERATOR.value_set(False)])

    async def _import(self, request: ImportFileRequest) -> ImportReport:
        self._asked_to_look = False
        return await workflow.execute_activity_method(
            UsageActivities.import_usage_file,
            request,
            start_to_close_timeout=LONGEST_IMPORT,
            heartbeat_timeout=SILENT_AT_MOST,
            retry_policy=TRY_AGAIN,
            priority=AFTER_EVERYTHING_ELSE,
            summary=f"Import {request.file_id}",
        )


def _in_words(report: ImportReport) -> str:
    if not report.done:
        return f"**{report.file_id}** is {report.status}: nothing of it is counted"
    waiting = report.recycled + report.rejected + report.conflicts
    return (
        f"**{report.file_id}**: {report.read} records, {report.accepted} counted, {report.duplicates} repeated, "
        f"{report.late} late, {waiting} kept for a person"
    )
