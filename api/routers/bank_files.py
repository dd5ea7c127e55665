"""Direct debit by bank file: creditors, mandates, files to the bank, and debits that are held."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response

from api.dependencies import Admin, Agent, ContainerDep, Finance, Viewer
from api.parameters import AccountId, MethodId
from api.schemas.bank_files import (
    BankBatchOut,
    BankDebitOut,
    BankDecisionIn,
    BankFilesMade,
    BankMandateIn,
    BankMandateOut,
    CreditorIn,
    CreditorOut,
    DeliveredIn,
    MandateAmendmentIn,
)
from api.schemas.base import identity_pattern
from api.schemas.problems import problems
from billing.ports.bank_files import DebitFilter

router = APIRouter(prefix="/v1", tags=["bank files"])
BrandCode = Annotated[str, Path(min_length=1, max_length=64, description="The brand's code.", examples=["vonk"])]
BatchId = Annotated[
    str, Path(pattern=identity_pattern("batch"), description="The file to the bank.", examples=["batch_1001"])
]
AttemptId = Annotated[
    str, Path(min_length=1, max_length=100, description="The payment, as its account lists it.", examples=["inv_1-1"])
]
BatchState = Literal["", "made", "held", "staged", "delivered", "rejected", "withdrawn"]
DebitState = Literal[
    "", "waiting", "held", "batched", "sent", "accepted", "settled", "rejected", "returned", "cancelled"
]
OnlyBrand = Annotated[str, Query(max_length=64, description="Of this brand only.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="The most listed.")]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/xml": {}}, "description": "The file, byte for byte as it was made."}
}


@router.get("/brands/{brand}/bank-creditor", summary="The creditor of a brand", responses=problems(404))
async def get_creditor(brand: BrandCode, container: ContainerDep, _: Viewer) -> CreditorOut:
    """Whose account its debits by file go to."""
    return CreditorOut.model_validate(await container.bank_creditors.get(brand))


@router.put("/brands/{brand}/bank-creditor", summary="Set the creditor of a brand", responses=problems(404, 409))
async def put_creditor(brand: BrandCode, wanted: CreditorIn, container: ContainerDep, caller: Admin) -> CreditorOut:
    """For files made from now on. The brand's dates are checked against the bank's lead for every day of 28 years."""
    return CreditorOut.model_validate(await container.bank_creditors.put(brand, wanted.as_creditor(), caller.name))


@router.post(
    "/accounts/{account_id}/bank-mandates",
    status_code=201,
    summary="Store a bank account with its mandate",
    responses=problems(404, 409),
)
async def add_mandate(
    account_id: AccountId, wanted: BankMandateIn, container: ContainerDep, caller: Agent
) -> BankMandateOut:
    """It becomes the method in use, and is debited by bank file. The same mandate again changes nothing."""
    return BankMandateOut.of(await container.bank_mandates.add(account_id, wanted.as_mandate(), caller.name))


@router.get("/accounts/{account_id}/bank-mandates/{method_id}", summary="A stored mandate", responses=problems(404))
async def get_mandate(account_id: AccountId, method_id: MethodId, container: ContainerDep, _: Viewer) -> BankMandateOut:
    """With the evidence that the customer agreed, and no more of the IBAN than its last four."""
    return BankMandateOut.of(await container.bank_mandates.get(account_id, method_id))


@router.post(
    "/accounts/{account_id}/bank-mandates/{method_id}/amend",
    status_code=201,
    summary="Amend a mandate",
    responses=problems(404, 409),
)
async def amend_mandate(
    account_id: AccountId, method_id: MethodId, wanted: MandateAmendmentIn, container: ContainerDep, caller: Agent
) -> BankMandateOut:
    """The same mandate goes on with another account or reference, as a method of its own; the next debit tells the
    bank. The same again changes nothing."""
    amended = await container.bank_amendments.amend(account_id, method_id, wanted.as_amendment(), caller.name)
    return BankMandateOut.of(amended)


@router.get("/bank-batches", summary="List files to the bank")
async def list_batches(
    container: ContainerDep,
    _: Viewer,
    brand: OnlyBrand = "",
    status: Annotated[BatchState, Query(description="In this state only.")] = "",
    after: Annotated[
        str, Query(pattern=identity_pattern("batch", optional=True), description="Older than this one, to page on.")
    ] = "",
    limit: Limit = 100,
) -> list[BankBatchOut]:
    """The newest first."""
    found = await container.bank_batches.batches(brand, (status,) if status else (), after or None, limit)
    return [BankBatchOut.of(one) for one in found]


@router.post("/bank-batches/make", summary="Make the files that are due", responses=problems(404, 409))
async def make_batches(
    container: ContainerDep,
    _: Finance,
    brand: OnlyBrand = "",
    at_once: Annotated[bool, Query(description="Also of what has its hour still to come.")] = False,
) -> BankFilesMade:
    """Upkeep does it by itself before the bank's cut-off. No debit or payout is ever put into two files."""
    made = await container.bank_batches.make_due(brand, at_once=at_once)
    payouts = await container.bank_payout_files.make_due(brand, at_once=at_once)
    held = [BankDebitOut.model_validate(one) for one in made.held]
    return BankFilesMade(batches=[BankBatchOut.of(one) for one in (*made.batches, *payouts)], held=held)


@router.get("/bank-batches/{batch_id}", summary="Look at a file to the bank", responses=problems(404))
async def get_batch(batch_id: BatchId, container: ContainerDep, _: Viewer) -> BankBatchOut:
    """What it carries, where it stands, and who changed it last."""
    return BankBatchOut.of(await container.bank_batches.get(batch_id))


@router.get(
    "/bank-batches/{batch_id}/file",
    summary="Download a file to the bank",
    response_class=Response,
    responses={**problems(404), **_FILE},
)
async def get_file(batch_id: BatchId, container: ContainerDep, caller: Finance) -> Response:
    """The same bytes always. From now on it is not taken apart by itself; say when the bank has it."""
    batch, content = await container.bank_batches.download(batch_id, caller.name)
    named = {"Content-Disposition": f'attachment; filename="{batch.file_name}"'}
    return Response(content, media_type="application/xml", headers=named)


@router.post("/bank-batches/{batch_id}/delivered", summary="Say that the bank has a file", responses=problems(404, 409))
async def mark_delivered(
    batch_id: BatchId, told: DeliveredIn, container: ContainerDep, caller: Finance
) -> BankBatchOut:
    """For files handed over by a person. It cannot be unsaid; saying it again changes nothing."""
    return BankBatchOut.of(await container.bank_batches.mark_delivered(batch_id, told.how, caller.name))


@router.post("/bank-batches/{batch_id}/hold", summary="Keep a file from leaving", responses=problems(404, 409))
async def hold_batch(
    batch_id: BatchId, decision: BankDecisionIn, container: ContainerDep, caller: Finance
) -> BankBatchOut:
    """Until it is released or withdrawn."""
    return BankBatchOut.of(await container.bank_batches.hold(batch_id, decision.reason, caller.name))


@router.post("/bank-batches/{batch_id}/release", summary="Let a held file leave", responses=problems(404, 409))
async def release_batch(
    batch_id: BatchId, decision: BankDecisionIn, container: ContainerDep, caller: Finance
) -> BankBatchOut:
    """It is handed over in the next round; one that missed the cut-off is taken apart instead."""
    return BankBatchOut.of(await container.bank_batches.release(batch_id, decision.reason, caller.name))


@router.post("/bank-batches/{batch_id}/withdraw", summary="Take a file apart", responses=problems(404, 409))
async def withdraw_batch(
    batch_id: BatchId, decision: BankDecisionIn, container: ContainerDep, caller: Finance
) -> BankBatchOut:
    """Before the bank has it. Its debits go with the next file, which has another message id."""
    return BankBatchOut.of(await container.bank_batches.withdraw(batch_id, decision.reason, caller.name))


@router.get("/bank-debits", summary="List debits by file")
async def list_debits(
    container: ContainerDep,
    _: Viewer,
    brand: OnlyBrand = "",
    status: Annotated[DebitState, Query(description="In this state only, like held.")] = "",
    account_id: Annotated[
        str, Query(pattern=identity_pattern("acc", optional=True), description="Of this account only.")
    ] = "",
    batch_id: Annotated[
        str, Query(pattern=identity_pattern("batch", optional=True), description="Of this file only.")
    ] = "",
    after_account_id: Annotated[
        str, Query(pattern=identity_pattern("acc", optional=True), description="After this account's ...")
    ] = "",
    after_attempt_id: Annotated[str, Query(max_length=100, description="... and this payment, to page on.")] = "",
    limit: Limit = 100,
) -> list[BankDebitOut]:
    """In the order of account and payment. What is held waits for a person."""
    wanted = DebitFilter(brand, account_id, (status,) if status else (), batch_id=batch_id)
    after = (after_account_id, after_attempt_id) if after_account_id else None
    return [BankDebitOut.model_validate(one) for one in await container.bank_debits.list(wanted, after, limit)]


@router.post(
    "/accounts/{account_id}/bank-debits/{attempt_id}/release",
    summary="Let a held debit go",
    responses=problems(404, 409),
)
async def release_debit(
    account_id: AccountId, attempt_id: AttemptId, decision: BankDecisionIn, container: ContainerDep, caller: Finance
) -> BankDebitOut:
    """It goes with the next file, checked again: mend the cause first."""
    done = await container.bank_debits.release(account_id, attempt_id, decision.reason, caller.name)
    return BankDebitOut.model_validate(done)


@router.post(
    "/accounts/{account_id}/bank-debits/{attempt_id}/give-up",
    summary="Give a held debit up",
    responses=problems(404, 409),
)
async def give_up_debit(
    account_id: AccountId, attempt_id: AttemptId, decision: BankDecisionIn, container: ContainerDep, caller: Finance
) -> BankDebitOut:
    """A failure of ours: the customer hears nothing of it. `retry-collection` announces another debit."""
    done = await container.bank_debits.give_up(account_id, attempt_id, decision.reason, caller.name)
    return BankDebitOut.model_validate(done)
