"""Self-service, the bill day: the next dates are shown before it is changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Query, Response

from api.portal.desk import ask
from api.portal.pages import Words, Writer, back_to, page
from api.portal.session import SignedForm, Visitor, VisitorDep
from billing.domain.cycle_calendar import CycleDayChange
from billing.domain.cycle_plan import CyclePlan
from billing.domain.errors import NotFound, Refusal
from billing.messages.account import ChangeCycleDay

router = APIRouter(prefix="/my/settings/day", tags=["self-service"], include_in_schema=False)
Day = Annotated[str, Form(max_length=5)]
# What the days between cost a customer who changes the day: nothing, they make one period longer.
BRIDGE = "extended"


@router.get("")
async def show(visitor: VisitorDep, changed: Annotated[str, Query(max_length=5)] = "") -> Response:
    """The day now."""
    return _day(visitor, told=Words(visitor.look.language)["day_done"] if changed else "")


def _day(
    visitor: Visitor,
    status: int = 200,
    told: str = "",
    change: CycleDayChange | None = None,
    plans: Sequence[CyclePlan] = (),
) -> Response:
    zone = Writer(visitor.look).zone
    return page(
        "day.html",
        visitor.look,
        status,
        section="control",
        told=told,
        is_problem=status >= 400,
        account=visitor.account,
        change=change,
        periods=[(one.opens_at.astimezone(zone).date(), one.invoice_date, one.debit_on) for one in plans],
        form=visitor.form(),
    )


@router.post("/preview")
async def preview(visitor: VisitorDep, form: SignedForm, day: Day) -> Response:
    """What would change; nothing is stored."""
    visitor.command_of(form)
    try:
        change = await _previewed(visitor, day)
        plans = await visitor.container.invoicing.preview_plans(visitor.account_id, change)
        return _day(visitor, change=change, plans=plans)
    except NotFound:
        raise
    except Refusal:
        return _day(visitor, 422, Words(visitor.look.language)["day_refused"])


async def _previewed(visitor: Visitor, day: str) -> CycleDayChange:
    number = int(day) if day.isascii() and day.isdigit() else 0
    return await visitor.container.invoicing.preview_cycle_day(visitor.account_id, number, BRIDGE)


@router.post("")
async def change(visitor: VisitorDep, form: SignedForm, day: Day) -> Response:
    """Bill on this day from now on; nothing that was billed changes."""
    visitor.command_of(form)
    words = Words(visitor.look.language)
    number = int(day) if day.isascii() and day.isdigit() else 0
    result = await ask(visitor, form, "change_cycle_day", ChangeCycleDay, cycle_day=number, bridge=BRIDGE)
    if not result.accepted:
        return _day(visitor, 409, words["day_refused"])
    return back_to("/my/settings/day?changed=1")
