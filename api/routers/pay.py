"""The public page behind the paylink: what is open now, what it is for, a button, and what came of it. No scripts.

The address itself is the permission, so it leaks nowhere, and the page shows no more than the brand, a masked account,
the amount and the invoices it is for.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import RedirectResponse

from api.container import Container
from api.dependencies import ContainerDep
from api.pay.guard import pay_guard
from api.pay.pages import HEADERS, look_of, page, words_of
from api.portal.looks import Look
from api.portal.pages import Writer
from api.routers.portal_pay import plain_amount, read_amount
from billing.domain.errors import InvalidValue, NotFound
from billing.messages.account import CommandResult
from billing.ports.payment_provider import ProviderFault
from billing.ports.process import ProcessAway
from billing.services.payable import BELOW_MINIMUM, DEBIT_IN_FLIGHT, PayableNow

_log = logging.getLogger(__name__)

router = APIRouter(tags=["paylink"], include_in_schema=False, dependencies=[Depends(pay_guard)])
STATES = {"": "open", DEBIT_IN_FLIGHT: "in_flight", BELOW_MINIMUM: "small"}


@router.get("/pay/{token}")
async def show(token: str, container: ContainerDep) -> Response:
    """What is open now."""
    return await _state_of(container, await container.pay_desk.look(token), token)


@router.post("/pay/{token}")
async def pay(token: str, container: ContainerDep, amount: Annotated[str, Form(max_length=30)] = "") -> Response:
    """On to the provider's page for all that is open, or for a part; else the reason why not."""
    payable = await container.pay_desk.look(token)
    part = 0
    if amount and not payable.reason:
        part = _part(amount, payable)
    if part < 0 or payable.leaves_too_little(part):
        told = "part_refused" if part < 0 else "part_leaves"
        return await _state_of(container, payable, token, 422, told=told, part_written=amount)
    opened = await _opened(container, token, part)
    if opened is not None and opened.url:
        return RedirectResponse(opened.url, 303, HEADERS)
    status = 503 if opened is None else 200
    return await _state_of(container, await container.pay_desk.look(token), token, status, told="refused")


@router.get("/pay/{token}/done")
async def done(token: str, container: ContainerDep) -> Response:
    """Back from the provider: thanks with a receipt, still waiting for the bank, or nothing was taken."""
    returned = await container.pay_desk.returned(token)
    payable = returned.payable
    look = await look_of(container, payable.brand, payable.locale)
    write = Writer(look)
    if returned.receipt is not None:
        received = write.amount(returned.receipt.amount_minor, returned.receipt.currency)
        return _page("thanks", look, payable, token, receipt=returned.receipt, received=received)
    if returned.is_unknown:
        return _page("looking", look, payable, token, 503)
    if returned.waiting:
        return _page("processing", look, payable, token)
    return await _state_of(container, payable, token, told="unfinished")


async def _opened(container: Container, token: str, part: int) -> CommandResult | None:
    """The provider's page; None while the account's process or the provider is away."""
    try:
        return await container.pay_desk.pay(token, part)
    except NotFound:
        return None
    except (ProcessAway, ProviderFault):
        _log.warning("the provider's pay page could not be opened", exc_info=True)
        return None


def _part(amount: str, payable: PayableNow) -> int:
    """Minor units that the customer wants to pay, 0 for everything, -1 for what cannot be paid."""
    try:
        wanted = read_amount(amount, payable.currency)
    except InvalidValue:
        return -1
    if not payable.least_minor <= wanted <= payable.amount_minor:
        return -1
    return 0 if wanted == payable.amount_minor else wanted


async def _state_of(
    container: Container, payable: PayableNow, token: str, status: int = 200, *, told: str = "", part_written: str = ""
) -> Response:
    """What there is to pay; what is told about a try is told only where there still is something."""
    look = await look_of(container, payable.brand, payable.locale)
    state = STATES.get(payable.reason, "nothing")
    values: dict[str, Any] = {}
    if state == "open":
        write = Writer(look)
        limits = {
            "least": write.amount(payable.least_minor, payable.currency),
            "most": write.amount(payable.most_part_minor or payable.amount_minor, payable.currency),
            "all": write.amount(payable.amount_minor, payable.currency),
        }
        if told:
            values |= {"told": words_of("pay", look.language)[told].format(**limits), "is_problem": True}
        values |= {"part_problem": bool(part_written), "part_written": part_written}
    return _page(state, look, payable, token, status, **values)


def _page(state: str, look: Look, payable: PayableNow, token: str, status: int = 200, **values: Any) -> Response:
    overdue = [one for one in payable.items if payable.today and one.due_on < payable.today]
    debited = [one.due_on for one in payable.items if one.is_debited]
    given: dict[str, Any] = {
        "state": state,
        "payable": payable,
        "token": token,
        "amount": Writer(look).amount(payable.amount_minor, payable.currency),
        "is_late": bool(overdue),
        "planned_on": min(debited) if debited and not overdue else None,
        "may_pay_part": payable.most_part_minor > 0,
        "least_minor": payable.least_minor,
        "part_problem": False,
        "part_written": plain_amount(payable.amount_minor, payable.currency),
    }
    return page("pay", look, status, **(given | values))
