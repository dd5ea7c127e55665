"""Payments, payment methods and pay links of an account."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.dependencies import Agent, ContainerDep, Viewer
from api.parameters import AccountId, MethodId
from api.schemas.payments import (
    HostedPageView,
    NewPaymentMethod,
    PaylinkView,
    PaymentList,
    PaymentMethodList,
    PaymentMethodView,
    PaymentView,
    PaySessionView,
    SetupDone,
    SetupRequest,
)
from api.schemas.problems import problems

router = APIRouter(prefix="/v1/accounts/{account_id}", tags=["payments"], responses=problems(404, 409))


@router.get("/payments", summary="Payments with their standing")
async def list_payments(account_id: AccountId, container: ContainerDep, caller: Viewer) -> PaymentList:
    """Every try at a payment, newest first, with what the provider says and what is booked."""
    found = await container.payments.history(account_id)
    return PaymentList(payments=[PaymentView.of(one) for one in found])


@router.get("/payment-methods", summary="Stored ways to pay")
async def list_methods(account_id: AccountId, container: ContainerDep, caller: Viewer) -> PaymentMethodList:
    """Newest first; removed ones are not shown."""
    found = await container.payment_methods.methods(account_id)
    return PaymentMethodList(methods=[PaymentMethodView.of(one) for one in found])


@router.post("/payment-methods", status_code=201, summary="Store a method and use it from now on")
async def add_method(
    account_id: AccountId, wanted: NewPaymentMethod, container: ContainerDep, caller: Agent
) -> PaymentMethodView:
    """A bank account gets its mandate. A debit that is announced follows the new method."""
    method = await container.payment_methods.add_method(
        account_id, wanted.provider_method, caller.name, wanted.accepted_from
    )
    return PaymentMethodView.of(method)


@router.delete("/payment-methods/{method_id}", status_code=204, summary="Never use a method again")
async def remove_method(
    account_id: AccountId,
    method_id: MethodId,
    container: ContainerDep,
    caller: Agent,
    reason: Annotated[str, Query(max_length=500, description="Why.", examples=["asked for by phone"])] = "",
) -> Response:
    """Not here and not at the provider; what is with the bank already is still taken. Twice is no error."""
    await container.payment_methods.remove(account_id, method_id, caller.name, reason)
    return Response(status_code=204)


@router.post("/payment-methods/setup", summary="Open the page where the customer leaves a method")
async def start_setup(
    account_id: AccountId, wanted: SetupRequest, container: ContainerDep, caller: Agent
) -> HostedPageView:
    """Send the customer to ``url``; give ``reference`` back when they return."""
    home = container.public_url
    page = await container.payment_methods.start_setup(
        account_id, wanted.return_url or home, wanted.cancel_url or wanted.return_url or home
    )
    return HostedPageView(reference=page.reference, url=page.url)


@router.post("/payment-methods/setup/complete", summary="Store what the customer left on the setup page")
async def complete_setup(
    account_id: AccountId, done: SetupDone, container: ContainerDep, caller: Agent
) -> PaymentMethodList:
    """The stored method; an empty list while the customer has not finished."""
    method = await container.payment_methods.complete_setup(account_id, done.reference, caller.name)
    return PaymentMethodList(methods=[] if method is None else [PaymentMethodView.of(method)])


@router.get("/paylink", summary="The account's pay address")
async def show_paylink(account_id: AccountId, container: ContainerDep, caller: Viewer) -> PaylinkView:
    """The same until it is revoked; it lets whoever has it pay, and shows no more than brand and amount."""
    return PaylinkView(url=await container.paylinks.paylink_for(account_id))


@router.post("/paylink", summary="Revoke every pay address given out so far, and get the new one")
async def revoke_paylink(account_id: AccountId, container: ContainerDep, caller: Agent) -> PaylinkView:
    """Addresses in older messages end at a page that says so."""
    return PaylinkView(url=await container.paylinks.revoke(account_id, caller.name, container.clock.now()))


@router.post("/pay-session", summary="Open the page where the customer pays what is open now")
async def open_pay_session(account_id: AccountId, container: ContainerDep, caller: Agent) -> PaySessionView:
    """``url`` is empty when there is nothing to pay; then ``summary`` says why."""
    return PaySessionView.of(await container.pay_desk.open_page(account_id, caller.name, "opened by staff"))
