"""Corrections of prices, as the process calls them."""

from __future__ import annotations

from temporalio import activity

from activities.progress import beating
from activities.refusals import refusals_final
from billing.messages.plan_corrections import CorrectPlanRequest, PlanCorrectionReport
from billing.ports.plan_corrections import PlanCorrection
from billing.services.plan_correcting import PlanCorrections


class PlanCorrectionActivities:
    """Corrects accounts; a second call continues after the last one that is done."""

    def __init__(self, service: PlanCorrections) -> None:
        self._service = service

    @activity.defn(name="correct_plan")
    @refusals_final
    async def correct_plan(self, request: CorrectPlanRequest) -> PlanCorrectionReport:
        async with beating(PlanCorrectionReport(request.correction_id)) as progress:
            done = await self._service.carry_out(
                request.correction_id, on_progress=lambda correction: progress.note(_report(correction))
            )
            return _report(done)


def _report(correction: PlanCorrection) -> PlanCorrectionReport:
    return PlanCorrectionReport(
        correction.correction_id,
        correction.accounts,
        correction.events,
        correction.waiting,
        correction.difference_minor,
        correction.currency,
    )
