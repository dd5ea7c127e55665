"""Self-service, paying later: a promise, or instalments, within the brand's policy."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, Response

from api.portal.desk import ask
from api.portal.pages import Words, Writer, back_to
from api.portal.session import SignedForm, Visitor, VisitorDep
from api.portal.words_of_refusals import told_of
from api.routers.portal_pay import pay_page
from billing.domain.errors import Refusal
from billing.messages.account import PromiseToPay
from billing.messages.arrangements import AgreePaymentPlan, PlannedInstalment
from billing.services.payment_plans import ProposedPlan

router = APIRouter(prefix="/my/pay", tags=["self-service"], include_in_schema=False)
Short = Annotated[str, Form(max_length=20)]
MOST_INSTALMENTS = 60


@router.post("/promise")
async def promise(visitor: VisitorDep, form: SignedForm, pay_by: Short = "") -> Response:
    """Dunning waits until then; refused beyond what the policy allows."""
    visitor.command_of(form)
    words = Words(visitor.look.language)
    today = visitor.container.portal_looks.now().astimezone(Writer(visitor.look).zone).date()
    by = _day(pay_by)
    if by is None or by < today:
        return await pay_page(visitor, 422, told=words["promise_pay_by"], is_problem=True)
    result = await ask(visitor, form, "promise_to_pay", PromiseToPay, pay_by=by)
    if not result.accepted:
        told = told_of(words, "promise", result.field, "nothing")
        return await pay_page(visitor, 409, told=told, is_problem=True)
    return back_to("/my/pay?promised=1")


@router.post("/plan/preview")
async def preview(
    visitor: VisitorDep, form: SignedForm, count: Short = "", every: Short = "month", paid_by: Short = "debit"
) -> Response:
    """The dates and amounts; nothing is agreed yet."""
    visitor.command_of(form)
    wanted = {"count": count, "every": every, "paid_by": paid_by}
    try:
        plan = await _proposed(visitor, count, every, paid_by)
    except Refusal as refusal:
        return await _refused(visitor, refusal.field, wanted)
    return await pay_page(visitor, proposed=plan, wanted=wanted)


@router.post("/plan")
async def agree(
    visitor: VisitorDep,
    form: SignedForm,
    count: Short = "",
    every: Short = "month",
    paid_by: Short = "debit",
    first_on: Short = "",
    total_minor: Short = "",
) -> Response:
    """What was shown is agreed, and nothing else: when the amount has changed meanwhile it is shown again."""
    visitor.command_of(form)
    wanted = {"count": count, "every": every, "paid_by": paid_by}
    try:
        plan = await _proposed(visitor, count, every, paid_by, _day(first_on))
    except Refusal as refusal:
        return await _refused(visitor, refusal.field, wanted)
    if str(plan.total_minor) != total_minor:
        return await pay_page(visitor, 409, proposed=plan, wanted=wanted)
    result = await ask(
        visitor,
        form,
        "agree_payment_plan",
        AgreePaymentPlan,
        invoice_ids=plan.invoice_ids,
        instalments=tuple([PlannedInstalment(one.due_on, one.amount_minor) for one in plan.instalments]),
        paid_by=plan.paid_by,
    )
    if not result.accepted:
        return await _refused(visitor, result.field, wanted)
    return back_to("/my/pay?agreed=1")


async def _proposed(
    visitor: Visitor, count: str, every: str, paid_by: str, first_on: date | None = None
) -> ProposedPlan:
    """Everything that is open, in even instalments. Raises the refusals of a payment plan."""
    container = visitor.container
    money = await container.customer_money.now(visitor.account, visitor.brand)
    invoice_ids = tuple(one.invoice_id for one in money.bills if one.open_minor > one.disputed_minor)
    number = int(count) if count.isascii() and count.isdigit() else 0
    asked = AgreePaymentPlan("", "", "", invoice_ids, (), paid_by)
    counted = max(1, min(number, MOST_INSTALMENTS))
    return await container.payment_plans.propose(visitor.account_id, asked, counted, first_on, every)


async def _refused(visitor: Visitor, field: str, wanted: dict[str, str]) -> Response:
    words = Words(visitor.look.language)
    told = told_of(words, "plan", field, "instalments")
    return await pay_page(visitor, 409, told=told, is_problem=True, wanted=wanted)


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None
