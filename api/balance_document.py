"""The live balance as a JSON document: of the route, of the door in front of it, and of the stream."""

from __future__ import annotations

from collections.abc import Sequence

from api.schemas.balances import AccountBalanceOut, AllowanceLeftOut, MeterOut, ServiceBalanceOut
from api.schemas.limits import LimitOut
from api.schemas.usage import ChargeLineOut, MoneyOut
from billing.domain.balance import MeterUse
from billing.domain.limits import LimitScope
from billing.domain.rating import AllowanceState
from billing.services.limits_in_force import LimitView
from billing.services.usage_balance import AccountBalance, LineBalance


def balance_document(balance: AccountBalance) -> str:
    """As ``AccountBalanceOut`` describes it."""
    return _balance_out(balance).model_dump_json()


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
        meters=[_meter_out(line, meter, limits) for meter in balance.meters],
        allowances=[_allowance_out(line, state) for state in balance.allowances],
        usage_charges=MoneyOut.model_validate(balance.usage_charges),
        recurring_charges=MoneyOut.model_validate(balance.recurring_charges),
        charges=MoneyOut.model_validate(balance.charges),
        projected_charges=MoneyOut.model_validate(balance.projected_charges),
        lines=[ChargeLineOut.model_validate(each) for each in balance.lines],
    )


def _allowance_out(line: LineBalance, state: AllowanceState) -> AllowanceLeftOut:
    display = line.displays[state.meter]
    return AllowanceLeftOut(
        code=state.code,
        name=state.name,
        meter=state.meter,
        counts=display.counts.value,
        scale=display.scale.value,
        included=state.included,
        used=state.used,
        left=state.left,
        origin=state.origin.value,
        expires_at=state.expires_at,
    )


def _meter_out(line: LineBalance, used: MeterUse, limits: Sequence[LimitView]) -> MeterOut:
    display = line.displays[used.meter]
    return MeterOut(
        meter=used.meter,
        counts=display.counts.value,
        scale=display.scale.value,
        events=used.events,
        quantity=used.quantity,
        charges=MoneyOut.model_validate(used.charges),
        limits=_limits(limits, LimitScope(line.service_id, used.meter)),
    )


def _limits(limits: Sequence[LimitView], *scopes: LimitScope) -> list[LimitOut]:
    """Every limit stands once, where its scope is."""
    return [LimitOut.of(view) for view in limits if view.use.limit.scope in scopes]


def _limits_of_meters(limits: Sequence[LimitView]) -> list[LimitOut]:
    """Those of one meter of every line."""
    return [LimitOut.of(view) for view in limits if view.use.limit.scope.meter and not view.use.limit.scope.service_id]
