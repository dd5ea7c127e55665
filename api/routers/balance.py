"""The live balance of an account."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import ContainerDep, Viewer
from api.parameters import AccountId
from api.schemas.problems import problems
from api.schemas.usage import (
    AccountBalanceOut,
    AllowanceOut,
    ChargeLineOut,
    MeterOut,
    MoneyOut,
    ServiceBalanceOut,
)
from billing.services.usage_balance import AccountBalance, LineBalance

router = APIRouter(prefix="/v1/accounts", tags=["usage"])


@router.get("/{account_id}/balance", summary="What is used, left and charged so far", responses=problems(404))
async def get_balance(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> AccountBalanceOut:
    """Computed from the counters by the code that makes the invoice, so this is what will be billed."""
    return _balance_out(await container.usage.balance(account_id))


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
        services=[_service_out(line) for line in balance.services],
    )


def _service_out(line: LineBalance) -> ServiceBalanceOut:
    balance = line.balance
    return ServiceBalanceOut(
        service_id=line.service_id,
        identifier=line.identifier,
        plan_code=line.plan_code,
        plan_version=line.plan_version,
        meters=[MeterOut.model_validate(meter) for meter in balance.meters],
        allowances=[AllowanceOut.model_validate(state) for state in balance.allowances],
        usage_charges=MoneyOut.model_validate(balance.usage_charges),
        recurring_charges=MoneyOut.model_validate(balance.recurring_charges),
        charges=MoneyOut.model_validate(balance.charges),
        projected_charges=MoneyOut.model_validate(balance.projected_charges),
        lines=[ChargeLineOut.model_validate(each) for each in balance.lines],
    )
