"""Correcting a published price: account by account, resumed after a crash where the last committed ones ended."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.plan_corrections import PlanCorrectionActivities
    from billing.domain.money import Money
    from billing.messages.plan_corrections import CorrectPlanRequest, PlanCorrectionReport

# A plan may have a million lines; a worker that died is noticed soon, because it tells every second that it lives.
LONGEST_CORRECTION = timedelta(hours=48)
SILENT_AT_MOST = timedelta(seconds=20)
TRY_AGAIN = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
AFTER_EVERYTHING_ELSE = Priority(priority_key=5)


@workflow.defn(name="PlanCorrectionWorkflow")
class PlanCorrectionWorkflow:
    """One recorded correction; its id is the correction's, so that it is carried out by one run at a time."""

    @workflow.run
    async def run(self, request: CorrectPlanRequest) -> PlanCorrectionReport:
        workflow.set_current_details(f"correcting by **{request.correction_id}**")
        report = await workflow.execute_activity_method(
            PlanCorrectionActivities.correct_plan,
            request,
            start_to_close_timeout=LONGEST_CORRECTION,
            heartbeat_timeout=SILENT_AT_MOST,
            retry_policy=TRY_AGAIN,
            priority=AFTER_EVERYTHING_ELSE,
            summary=f"Carry out {request.correction_id}",
        )
        workflow.set_current_details(_in_words(report))
        return report


def _in_words(report: PlanCorrectionReport) -> str:
    return (
        f"**{report.correction_id}**: {report.accounts} accounts, {report.events} records rated again, "
        f"{report.waiting} of them wait for a price; {Money(report.difference_minor, report.currency)} net"
    )
