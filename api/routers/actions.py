"""The operator's commands on an account: each is the workflow update of the same name, with reason and author."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query

from api.account_desk import AgentDesk, FinanceDesk
from api.dependencies import ContainerDep, Viewer
from api.parameters import AccountId
from api.schemas.actions import (
    ActionIn,
    ActionOut,
    AdjustIn,
    BarIn,
    ChangeCycleDayIn,
    CycleDayPreviewOut,
    DunningPolicyIn,
    HoldIn,
    PaymentMethodIn,
    PromiseIn,
    RefundCreditIn,
    RefundIn,
    RetryIn,
    UnbarIn,
    WaiveIn,
)
from api.schemas.problems import problems
from billing.messages import account as commands
from billing.messages import restricting

router = APIRouter(prefix="/v1/accounts/{account_id}/actions", tags=["operator actions"], responses=problems(404, 409))


@router.post("/pause-collection", summary="Pause collection")
async def pause_collection(desk: AgentDesk, said: ActionIn) -> ActionOut:
    """Stop notices, debits and dunning steps until resumed."""
    return await desk.ask("pause_collection", commands.PauseCollection, said)


@router.post("/resume-collection", summary="Resume collection")
async def resume_collection(desk: AgentDesk, said: ActionIn) -> ActionOut:
    """Go on after a pause or a hold."""
    return await desk.ask("resume_collection", commands.ResumeCollection, said)


@router.post("/retry-collection", summary="Retry a failed amount")
async def retry_collection(desk: AgentDesk, said: RetryIn) -> ActionOut:
    """Announce an overdue amount and try it again."""
    return await desk.ask("retry_collection", commands.RetryCollection, said)


@router.post("/promise-to-pay", summary="Write down a promise to pay")
async def promise_to_pay(desk: AgentDesk, said: PromiseIn) -> ActionOut:
    """Dunning and barring wait until the promised day."""
    return await desk.ask("promise_to_pay", commands.PromiseToPay, said)


@router.post("/hold-until", summary="Exempt from dunning and debits")
async def hold_until(desk: AgentDesk, said: HoldIn) -> ActionOut:
    """Until an instant, or until collection is resumed."""
    return await desk.ask("hold_until", commands.HoldUntil, said)


@router.get("/change-cycle-day/preview", summary="Preview a change of the cycle day")
async def preview_cycle_day(
    account_id: AccountId,
    container: ContainerDep,
    _: Viewer,
    cycle_day: Annotated[int, Query(description="1 to 31.", examples=[25])],
    bridge: Annotated[str, Query(description="extended, free or prorated.")] = "extended",
) -> CycleDayPreviewOut:
    """The next cycles and what the days between cost; nothing is stored."""
    return CycleDayPreviewOut.of(await container.invoicing.preview_cycle_day(account_id, cycle_day, bridge))


@router.post("/change-cycle-day", summary="Change the cycle day")
async def change_cycle_day(desk: AgentDesk, said: ChangeCycleDayIn) -> ActionOut:
    """Bill on another day of the month; a billed period is never touched."""
    return await desk.ask("change_cycle_day", commands.ChangeCycleDay, said)


@router.post("/waive-invoice", summary="Waive what is open of an invoice")
async def waive_invoice(desk: FinanceDesk, said: WaiveIn) -> ActionOut:
    """Issues a credit note over what is still open."""
    return await desk.ask("waive_invoice", commands.WaiveInvoice, said)


@router.post("/adjust-balance", summary="Add a charge or credit")
async def adjust_balance(desk: FinanceDesk, said: AdjustIn) -> ActionOut:
    """Goes on the next invoice as a line of its own."""
    return await desk.ask("adjust_balance", commands.AdjustBalance, said)


@router.post("/refund-payment", summary="Give a payment back")
async def refund_payment(desk: FinanceDesk, said: RefundIn) -> ActionOut:
    """To the method it came from, all or part."""
    return await desk.ask("refund_payment", commands.RefundPayment, said)


@router.post("/refund-credit", summary="Give credit back")
async def refund_credit(desk: FinanceDesk, said: RefundCreditIn) -> ActionOut:
    """What the customer paid too much, or credit that no invoice will use. It goes back the way it came: as refunds of
    the newest payments, each on the account's timeline."""
    parts = await desk.container.credit_refunds.plan(desk.account_id, said.amount_minor, desk.command_id)
    done = [
        await replace(desk, command_id=each.command_id).ask(
            "refund_payment",
            commands.RefundPayment,
            RefundIn(reason=said.reason, attempt_id=each.attempt_id, amount_minor=each.amount_minor),
        )
        for each in parts
    ]
    return ActionOut(command_id=desk.command_id, summary=" ".join(one.summary for one in done))


@router.post("/bar-service", summary="Restrict services")
async def bar_service(desk: AgentDesk, said: BarIn) -> ActionOut:
    """Adds to what holds the services and orders the whole from the network; emergency calls always work."""
    await desk.refuse_unknown_service(said.service_id)
    return await desk.ask("bar_service", restricting.BarService, said)


@router.post("/unbar-service", summary="Lift a restriction")
async def unbar_service(desk: AgentDesk, said: UnbarIn) -> ActionOut:
    """Lifts what the named causes hold, and orders from the network what the others still hold."""
    await desk.refuse_unknown_service(said.service_id)
    return await desk.ask("unbar_service", restricting.UnbarService, said)


@router.post("/change-dunning-policy", summary="Pin a dunning policy")
async def change_dunning_policy(desk: AgentDesk, said: DunningPolicyIn) -> ActionOut:
    """For the account's case and later ones."""
    return await desk.ask("change_dunning_policy", commands.ChangeDunningPolicy, said)


@router.post("/change-payment-method", summary="Use another stored method")
async def change_payment_method(desk: AgentDesk, said: PaymentMethodIn) -> ActionOut:
    """From now on; an announced debit follows it."""
    return await desk.ask("change_payment_method", commands.ChangePaymentMethod, said)


@router.post("/close-account", summary="Close the account")
async def close_account(desk: AgentDesk, said: ActionIn) -> ActionOut:
    """Ends all services now and bills the open cycle as the last one."""
    return await desk.ask("close_account", commands.CloseAccount, said)
