"""A payment plan on the console: worked out, changed as the customer can pay, checked, and agreed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from api.account_desk import AccountDesk
from api.console.actions import options
from api.console.amounts import minor_of
from api.console.forms import Form
from api.console.posted import AgentForm, Posted
from api.console.visit import AgentVisit, Visit
from api.routers import arrangements
from api.routers.console_actions import ground_of
from api.schemas.arrangements import AgreePlanIn, PreviewPlanIn, ProposePlanIn
from billing.domain.errors import InvalidValue
from billing.domain.money import Money
from billing.services.payment_plans import ProposedPlan

router = APIRouter(prefix="/console/accounts/{account_id}/payment-plan", include_in_schema=False)
MOST_ROWS = 60
EVERY = [("month", "month"), ("two_weeks", "two weeks"), ("week", "week")]
PAID_BY = [("debit", "debited by us"), ("paylink", "paid by paylink")]


@dataclass(frozen=True)
class Row:
    """One instalment as it stands in the form."""

    due_on: str
    amount: str


@router.get("")
async def begin(account_id: str, visit: AgentVisit) -> Response:
    """How many instalments, how often, paid how."""
    return await _show(visit, account_id, Form(), ())


@router.post("")
async def go_on(account_id: str, posted: AgentForm) -> Response:
    """Propose, check or agree, as the button says; a refusal keeps what was typed."""
    step = posted.text("step", 20)

    async def act() -> Response:
        if step == "agree":
            return await _agree(posted, account_id)
        plan = await (_proposed if step == "propose" else _checked)(posted, account_id)
        rows = [Row(one.due_on.isoformat(), _written(one.amount_minor, plan.currency)) for one in plan.instalments]
        return await _show(posted.visit, account_id, Form(posted.values), rows, plan)

    async def again(form: Form) -> Response:
        return await _show(posted.visit, account_id, form, () if step == "propose" else _rows(posted))

    return await posted.carry_out(act, again)


async def _proposed(posted: Posted, account_id: str) -> ProposedPlan:
    count = posted.needed("count", "Say how many instalments.", 3)
    if not count.isascii() or not count.isdigit():
        raise InvalidValue("This is not a number.", field="count", value=count, remedy="Write it in digits, 1 to 60.")
    values: dict[str, object] = {"count": int(count), "every": posted.text("every"), "paid_by": posted.text("paid_by")}
    values |= {"first_on": posted.text("first_on")} if posted.text("first_on") else {}
    wanted = ProposePlanIn.model_validate_json(json.dumps(values | {"invoice_ids": list(posted.all("invoice_ids"))}))
    plans = posted.container.payment_plans
    return await plans.propose(account_id, wanted.as_command(), wanted.count, wanted.first_on, wanted.every)


async def _checked(posted: Posted, account_id: str) -> ProposedPlan:
    wanted = PreviewPlanIn.model_validate_json(json.dumps(await _written_plan(posted, account_id)))
    return await posted.container.payment_plans.preview(account_id, wanted.as_command())


async def _agree(posted: Posted, account_id: str) -> Response:
    values = await _written_plan(posted, account_id) | {"reason": posted.reason}
    said = AgreePlanIn.model_validate_json(json.dumps(values))
    desk = AccountDesk(posted.container, posted.visit.caller, account_id, posted.command_id)
    done = await arrangements.agree_plan(desk, said)
    return posted.visit.to(f"/console/accounts/{account_id}/agreements", done.summary)


async def _written_plan(posted: Posted, account_id: str) -> dict[str, object]:
    """The plan in the form, as JSON has it. Raises InvalidValue for an amount that is none."""
    currency = (await ground_of(posted.visit, account_id, {})).currency
    instalments = [
        {"due_on": row.due_on, "amount_minor": minor_of(row.amount, currency, f"amount_{place}")}
        for place, row in enumerate(_rows(posted), start=1)
    ]
    return {
        "invoice_ids": list(posted.all("invoice_ids")),
        "paid_by": posted.text("paid_by"),
        "instalments": instalments,
    }


def _rows(posted: Posted) -> Sequence[Row]:
    """Those that were filled in; an emptied row is taken out of the plan."""
    places = range(1, MOST_ROWS + 1)
    found = [Row(posted.text(f"due_on_{place}", 10), posted.text(f"amount_{place}", 20)) for place in places]
    return [row for row in found if row.due_on or row.amount]


def _written(amount_minor: int, currency: str) -> str:
    return str(Money(amount_minor, currency).decimal)


async def _show(
    visit: Visit, account_id: str, form: Form, rows: Sequence[Row], plan: ProposedPlan | None = None
) -> Response:
    ground = await ground_of(visit, account_id, form.values)
    return visit.page(
        "payment_plan.html",
        title="Agree on a payment plan",
        account=ground.account,
        currency=ground.currency,
        form=form,
        rows=rows,
        plan=plan,
        fresh=Form(),
        every=EVERY,
        paid_by=PAID_BY,
        invoices=await options.open_invoices(ground),
    )
