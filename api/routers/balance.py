"""The live balance of an account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Response

from api.dependencies import ContainerDep, Viewer
from api.event_stream import COMMENT, EventStream, event
from api.parameters import AccountId
from api.schemas.limits import LimitOut
from api.schemas.problems import problems
from api.schemas.usage import (
    AccountBalanceOut,
    AllowanceOut,
    ChargeLineOut,
    MeterOut,
    MoneyOut,
    ServiceBalanceOut,
)
from billing.domain.balance import MeterUse
from billing.domain.limits import LimitScope
from billing.services.balance_watch import Reader
from billing.services.limits_in_force import LimitView
from billing.services.usage_balance import AccountBalance, LineBalance

AN_EVENT = 'id: 5f1c2a5e1d0b4f0e\nevent: balance\ndata: {"account_id": "acc_1001", "cycle_number": 3}\n\n'
router = APIRouter(prefix="/v1/accounts", tags=["usage"])


@router.get(
    "/{account_id}/balance",
    summary="What is used, left and charged so far",
    responses=problems(404),
    response_model=AccountBalanceOut,
)
async def get_balance(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> Response:
    """Computed from the counters by the code that makes the invoice, so this is what will be billed."""
    # Written at once: the framework would check our own answer again, which takes as long as reading it did.
    balance = _balance_out(await container.usage.balance(account_id))
    return Response(balance.model_dump_json(), media_type="application/json")


@router.get(
    "/{account_id}/balance/stream",
    summary="The balance as it changes",
    responses=problems(404, 503) | {200: {"content": {"text/event-stream": {"example": AN_EVENT}}}},
    response_class=EventStream,
)
async def stream_balance(
    account_id: AccountId,
    container: ContainerDep,
    _caller: Viewer,
    seen: Annotated[
        str,
        Header(
            alias="Last-Event-ID",
            max_length=100,
            pattern=r"^[\x21-\x7e]*$",
            description="The id of the last event that was read: that balance is not sent again.",
            examples=[""],
        ),
    ] = "",
) -> EventStream:
    """Server-sent events: the balance now, then a new one whenever usage is counted, or a limit or the cycle changes.

    Each event is the whole balance, so an event that was missed is not missing. A comment is sent every 15 seconds;
    after 15 minutes the stream ends and the reader connects again, as browsers do by themselves.
    """
    reader = await container.balance_watch.follow(account_id, seen)
    return EventStream(_events(reader), lambda: container.balance_watch.leave(reader))


async def _events(reader: Reader) -> AsyncIterator[bytes]:
    async for change in reader.changes():
        if change is None:
            yield COMMENT
        else:
            yield event("balance", _balance_out(change.balance).model_dump_json(), change.mark)


def _balance_out(balance: AccountBalance) -> AccountBalanceOut:
    return AccountBalanceOut(
        account_id=balance.account_id,
        cycle_number=balance.cycle_number,
        opens_at=balance.opens_at,
        closes_at=balance.closes_at,
        as_of=balance.as_of,
        last_update_at=balance.last_update_at,
        charges=MoneyOut.model_validate(balance.charges),
        projected_charges=MoneyOut.model_validate(balance.projected_charges),
        limits=_limits(balance.limits, LimitScope()) + _limits_of_meters(balance.limits),
        services=[_service_out(line, balance.limits) for line in balance.services],
    )


def _service_out(line: LineBalance, limits: Sequence[LimitView]) -> ServiceBalanceOut:
    balance = line.balance
    return ServiceBalanceOut(
        service_id=line.service_id,
        identifier=line.identifier,
        plan_code=line.plan_code,
        plan_version=line.plan_version,
        stopped=line.stopped,
        limits=_limits(limits, LimitScope(line.service_id), LimitScope(line.service_id, roaming=True)),
        meters=[_meter_out(line.service_id, meter, limits) for meter in balance.meters],
        allowances=[AllowanceOut.model_validate(state) for state in balance.allowances],
        usage_charges=MoneyOut.model_validate(balance.usage_charges),
        recurring_charges=MoneyOut.model_validate(balance.recurring_charges),
        charges=MoneyOut.model_validate(balance.charges),
        projected_charges=MoneyOut.model_validate(balance.projected_charges),
        lines=[ChargeLineOut.model_validate(each) for each in balance.lines],
    )


def _meter_out(service_id: str, used: MeterUse, limits: Sequence[LimitView]) -> MeterOut:
    return MeterOut(
        meter=used.meter,
        events=used.events,
        quantity=used.quantity,
        charges=MoneyOut.model_validate(used.charges),
        limits=_limits(limits, LimitScope(service_id, used.meter)),
    )


def _limits(limits: Sequence[LimitView], *scopes: LimitScope) -> list[LimitOut]:
    """Every limit stands once, where its scope is."""
    return [LimitOut.of(view) for view in limits if view.use.limit.scope in scopes]


def _limits_of_meters(limits: Sequence[LimitView]) -> list[LimitOut]:
    """Those of one meter of every line."""
    return [LimitOut.of(view) for view in limits if view.use.limit.scope.meter and not view.use.limit.scope.service_id]
