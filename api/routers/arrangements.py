"""What is agreed or decided about a debt: payment plans, promises, fees, write-offs, hand-overs to an agency."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from api.account_desk import AgentDesk, FinanceDesk
from api.dependencies import Agent, ContainerDep, Finance, Viewer
from api.parameters import AccountId, CaseId, FeeId
from api.schemas.actions import ActionIn, ActionOut
from api.schemas.arrangements import (
    AgreePlanIn,
    CancelPlanIn,
    CaseFileOut,
    FeeOut,
    HandOverIn,
    HandOverOut,
    PaymentPlanOut,
    PreviewPlanIn,
    PromiseOut,
    ProposedPlanOut,
    ProposePlanIn,
    RestoreIn,
    TakeBackIn,
    WriteOffIn,
    WriteOffOut,
)
from api.schemas.problems import problems
from billing.messages import arrangements as commands

router = APIRouter(prefix="/v1/accounts/{account_id}", tags=["arrangements"], responses=problems(404, 409))
CSV_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The case as CSV."}
}


@router.get("/promises", summary="Promises to pay")
async def list_promises(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> list[PromiseOut]:
    """Running, kept and broken ones, oldest first."""
    return [PromiseOut.model_validate(one) for one in await container.promises.all(account_id)]


@router.get("/payment-plans", summary="Payment plans")
async def list_plans(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> list[PaymentPlanOut]:
    """With their instalments and how they ended, oldest first."""
    return [PaymentPlanOut.model_validate(one) for one in await container.payment_plans.all(account_id)]


@router.post("/payment-plans/propose", summary="Work out even instalments")
async def propose_plan(
    account_id: AccountId, wanted: ProposePlanIn, container: ContainerDep, _caller: Agent
) -> ProposedPlanOut:
    """What is open, in so many instalments; change it as you like, preview it, then agree. Nothing is stored."""
    plan = await container.payment_plans.propose(
        account_id, wanted.as_command(), wanted.count, wanted.first_on, wanted.every
    )
    return ProposedPlanOut.model_validate(plan)


@router.post("/payment-plans/preview", summary="Check a payment plan")
async def preview_plan(
    account_id: AccountId, wanted: PreviewPlanIn, container: ContainerDep, _caller: Agent
) -> ProposedPlanOut:
    """The same checks as agreeing, and nothing is stored."""
    return ProposedPlanOut.model_validate(await container.payment_plans.preview(account_id, wanted.as_command()))


@router.post("/actions/agree-payment-plan", summary="Agree on a payment plan")
async def agree_plan(desk: AgentDesk, said: AgreePlanIn) -> ActionOut:
    """What it covers is no longer pressed for; each instalment is announced and collected, or asked for by paylink."""
    return await desk.ask("agree_payment_plan", commands.AgreePaymentPlan, said)


@router.post("/actions/cancel-payment-plan", summary="Cancel a payment plan")
async def cancel_plan(desk: AgentDesk, said: CancelPlanIn) -> ActionOut:
    """The ladder goes on where it stood."""
    return await desk.ask("cancel_payment_plan", commands.CancelPaymentPlan, said)


@router.get("/dunning/fees", summary="Dunning fees")
async def list_fees(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> list[FeeOut]:
    """Charged, not charged and waived ones, oldest first."""
    return [FeeOut.model_validate(one) for one in await container.fees.all(account_id)]


@router.post("/dunning/fees/{fee_id}/waive", summary="Waive a fee")
async def waive_fee(
    account_id: AccountId, fee_id: FeeId, said: ActionIn, container: ContainerDep, caller: Agent
) -> FeeOut:
    """Taken back by a line of the next invoice, with the same VAT."""
    return FeeOut.model_validate(await container.fees.waive(account_id, fee_id, said.reason, caller.name))


@router.get("/write-offs", summary="Write-offs")
async def list_write_offs(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> list[WriteOffOut]:
    """What was given up, and what of it is left."""
    return [WriteOffOut.model_validate(one) for one in await container.arrangements.write_offs(account_id)]


@router.post("/actions/write-off-debt", summary="Write off")
async def write_off(desk: FinanceDesk, said: WriteOffIn) -> ActionOut:
    """Give up what is open; money that comes in after all is booked, and takes the write-off back as far as it goes."""
    return await desk.ask("write_off_debt", commands.WriteOffDebt, said)


@router.post("/actions/restore-debt", summary="Take a write-off back")
async def restore_debt(desk: FinanceDesk, said: RestoreIn) -> ActionOut:
    """What is left of it is owed again, and a case begins."""
    return await desk.ask("restore_debt", commands.RestoreDebt, said)


@router.get("/hand-overs", summary="Hand-overs to agencies")
async def list_hand_overs(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> list[HandOverOut]:
    """Running ones and those taken back, oldest first."""
    return [HandOverOut.model_validate(one) for one in await container.hand_overs.all(account_id)]


@router.post("/actions/hand-over-case", summary="Hand a case over")
async def hand_over_case(desk: FinanceDesk, said: HandOverIn) -> ActionOut:
    """Marks the case as given to an agency; we press for it no longer. Send the agency the case's file."""
    return await desk.ask("hand_over_case", commands.HandOverCase, said)


@router.post("/actions/take-back-case", summary="Take a case back")
async def take_back_case(desk: FinanceDesk, said: TakeBackIn) -> ActionOut:
    """What is open is pressed for by us again, in a new case."""
    return await desk.ask("take_back_case", commands.TakeBackCase, said)


@router.get("/dunning/{case_id}/file", summary="A case's file, as JSON")
async def case_file(account_id: AccountId, case_id: CaseId, container: ContainerDep, _caller: Finance) -> CaseFileOut:
    """Amounts, documents, payments, notices with their evidence, and what was agreed. It holds personal data."""
    return CaseFileOut.model_validate(await container.hand_overs.export(account_id, case_id))


@router.get("/dunning/{case_id}/file.csv", summary="A case's file, as CSV", response_class=Response, responses=CSV_FILE)
async def case_file_csv(account_id: AccountId, case_id: CaseId, container: ContainerDep, _caller: Finance) -> Response:
    """The same, one row per debtor, invoice, payment, notice, fee and agreement."""
    found = await container.hand_overs.export(account_id, case_id)
    headers = {"Content-Disposition": f'attachment; filename="{account_id}-{case_id}.csv"'}
    return Response(found.as_csv(), media_type="text/csv; charset=utf-8", headers=headers)
