"""Self-service, limits on usage: raised at once, lowered from the next cycle; and the word to go on abroad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response

from api.portal.desk import ask
from api.portal.pages import Words, back_to, page
from api.portal.session import SignedForm, Visitor, VisitorDep
from api.routers.portal_pay import read_amount
from billing.domain.errors import InvalidValue, NotFound
from billing.domain.limits import LimitState
from billing.domain.rating import MeterDisplay
from billing.messages.limits import CUSTOMER, AgreeToContinue, RemoveUsageLimit, SetUsageLimit

router = APIRouter(prefix="/my/settings/limits", tags=["self-service"], include_in_schema=False)
Short = Annotated[str, Form(max_length=40)]
TOLD = {"set": "limit_done", "removed": "limit_removed", "agreed": "agree_done"}


@router.get("")
async def show(visitor: VisitorDep, done: Annotated[str, Query(max_length=10)] = "") -> Response:
    """Those in force, what is left of each, and a form for another one."""
    return await _limits(visitor, told=Words(visitor.look.language)[TOLD[done]] if done in TOLD else "")


async def _limits(visitor: Visitor, status: int = 200, told: str = "") -> Response:
    container = visitor.container
    views = await container.limits.of(visitor.account_id)
    services = await container.accounts.services_of(visitor.account_id)
    names = {"": ""} | {one.service_id: one.identifier for one in services}
    words = Words(visitor.look.language)
    left_out = dict.fromkeys(name for view in views for name in view.use.excludes)
    return page(
        "limits.html",
        visitor.look,
        status,
        section="control",
        told=told,
        is_problem=status >= 400,
        views=views,
        names=names,
        excluded=", ".join(words[name] for name in left_out),
        services=[one for one in services if one.active_to is None],
        stopped_abroad=[
            view.use.limit.scope.service_id
            for view in views
            if view.use.limit.scope.roaming and view.use.state is LimitState.STOPPED
        ],
        currency=visitor.brand.currency,
        displays=await _displays(visitor),
        form=visitor.form(),
    )


async def _displays(visitor: Visitor) -> Mapping[str, MeterDisplay]:
    """How the meters of the account's plans are shown; without an open cycle their names say it."""
    try:
        return (await visitor.container.usage.balance(visitor.account_id)).displays
    except NotFound:
        return {}


async def _own_service(visitor: Visitor, service_id: str) -> str:
    """A line of this account, or none for all. Raises NotFound for anybody else's."""
    services = await visitor.container.accounts.services_of(visitor.account_id)
    if service_id and service_id not in {one.service_id for one in services}:
        raise NotFound("There is no such line here.", field="service_id", value=service_id)
    return service_id


@router.post("")
async def set_limit(
    visitor: VisitorDep, form: SignedForm, amount: Short, kind: Short = "soft", service_id: Short = ""
) -> Response:
    """An amount of money, for a line or all of them."""
    visitor.command_of(form)
    own = await _own_service(visitor, service_id)
    try:
        value = read_amount(amount, visitor.brand.currency)
    except InvalidValue:
        return await _limits(visitor, 422, Words(visitor.look.language)["limit_refused"])
    fields: dict[str, Any] = {"kind": kind, "measure": "amount", "service_id": own, "value": value}
    result = await ask(visitor, form, "set_usage_limit", SetUsageLimit, asked_by=CUSTOMER, **fields)
    if not result.accepted:
        return await _limits(visitor, 409, Words(visitor.look.language)["limit_refused"])
    return back_to("/my/settings/limits?done=set")


@router.post("/remove")
async def remove(visitor: VisitorDep, form: SignedForm, limit: Annotated[str, Form(max_length=200)]) -> Response:
    """One of those shown; it works at once."""
    visitor.command_of(form)
    views = await visitor.container.limits.of(visitor.account_id)
    found = next((one.use.limit for one in views if one.use.limit.limit_id == limit), None)
    if found is None:
        return back_to("/my/settings/limits")
    scope = found.scope
    fields: dict[str, Any] = {"kind": found.kind.value, "measure": found.measure.value, "roaming": scope.roaming}
    fields |= {"service_id": scope.service_id, "meter": scope.meter}
    result = await ask(visitor, form, "remove_usage_limit", RemoveUsageLimit, asked_by=CUSTOMER, **fields)
    if not result.accepted:
        return await _limits(visitor, 409, Words(visitor.look.language)["limit_refused"])
    return back_to("/my/settings/limits?done=removed")


@router.post("/abroad")
async def go_on_abroad(visitor: VisitorDep, form: SignedForm, service_id: Short) -> Response:
    """Data abroad goes on beyond its cap until the cycle ends."""
    visitor.command_of(form)
    own = await _own_service(visitor, service_id)
    result = await ask(visitor, form, "agree_to_continue", AgreeToContinue, service_id=own, asked_by=CUSTOMER)
    if not result.accepted:
        return await _limits(visitor, 409, Words(visitor.look.language)["wrong_text"])
    return back_to("/my/settings/limits?done=agreed")
