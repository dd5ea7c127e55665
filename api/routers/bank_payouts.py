"""Money back to customers by bank file: credit paid out, refunds on their way, payouts that are held."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from api.account_desk import FinanceDesk
from api.dependencies import ContainerDep, Finance, Viewer
from api.parameters import AccountId
from api.routers.bank_files import Limit, OnlyBrand
from api.schemas.bank_files import BankDecisionIn
from api.schemas.bank_payouts import BankPayoutOut, PayOutIn
from api.schemas.base import identity_pattern
from api.schemas.problems import problems
from billing.ports.bank_payouts import PayoutFilter

router = APIRouter(prefix="/v1", tags=["bank files"])
PayoutId = Annotated[
    str, Path(pattern=identity_pattern("pyo"), description="The payout, as it is listed.", examples=["pyo_1001"])
]
PayoutState = Literal["", "waiting", "held", "batched", "sent", "paid", "rejected", "returned", "cancelled"]


@router.get("/bank-payouts", summary="List payouts by file")
async def list_payouts(
    container: ContainerDep,
    _: Viewer,
    brand: OnlyBrand = "",
    status: Annotated[PayoutState, Query(description="In this state only, like held.")] = "",
    account_id: Annotated[
        str, Query(pattern=identity_pattern("acc", optional=True), description="Of this account only.")
    ] = "",
    batch_id: Annotated[
        str, Query(pattern=identity_pattern("batch", optional=True), description="Of this file only.")
    ] = "",
    after_account_id: Annotated[
        str, Query(pattern=identity_pattern("acc", optional=True), description="After this account's ...")
    ] = "",
    after_payout_id: Annotated[
        str, Query(pattern=identity_pattern("pyo", optional=True), description="... and this payout, to page on.")
    ] = "",
    limit: Limit = 100,
) -> list[BankPayoutOut]:
    """In the order of account and payout. What is held waits for a person."""
    wanted = PayoutFilter(brand, account_id, (status,) if status else (), batch_id)
    after = (after_account_id, after_payout_id) if after_account_id and after_payout_id else None
    return [BankPayoutOut.model_validate(one) for one in await container.bank_payouts.list(wanted, after, limit)]


@router.post(
    "/accounts/{account_id}/bank-payouts", status_code=201, summary="Pay credit out", responses=problems(404, 409)
)
async def pay_out(desk: FinanceDesk, wanted: PayOutIn) -> BankPayoutOut:
    """Taken off the customer's credit now, and sent with the next file: to the bank account on file, or to an IBAN that
    the customer told you."""
    payout = wanted.as_payout(desk.command_id, desk.caller.name)
    return BankPayoutOut.model_validate(await desk.container.bank_payouts.order(desk.account_id, payout))


@router.post(
    "/accounts/{account_id}/bank-payouts/{payout_id}/release",
    summary="Let a held payout go",
    responses=problems(404, 409),
)
async def release_payout(
    account_id: AccountId, payout_id: PayoutId, decision: BankDecisionIn, container: ContainerDep, caller: Finance
) -> BankPayoutOut:
    """It goes with the next file, checked again: mend the cause first."""
    done = await container.bank_payouts.release(account_id, payout_id, decision.reason, caller.name)
    return BankPayoutOut.model_validate(done)


@router.post(
    "/accounts/{account_id}/bank-payouts/{payout_id}/cancel", summary="Cancel a payout", responses=problems(404, 409)
)
async def cancel_payout(
    account_id: AccountId, payout_id: PayoutId, decision: BankDecisionIn, container: ContainerDep, caller: Finance
) -> BankPayoutOut:
    """Before it is in a file, or while it is held: the credit is the customer's again."""
    done = await container.bank_payouts.cancel(account_id, payout_id, decision.reason, caller.name)
    return BankPayoutOut.model_validate(done)
