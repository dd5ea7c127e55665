"""The lines of an account: subscribed, moved between plans, ended, and their numbers ported to other accounts."""

from __future__ import annotations

from uuid import uuid4

from fastapi import APIRouter

from api.account_desk import IdempotencyKey
from api.dependencies import Agent, ContainerDep, Viewer
from api.parameters import AccountId, ServiceId
from api.schemas.accounts import ServiceIn, ServiceOut
from api.schemas.actions import ActionIn
from api.schemas.problems import problems
from api.schemas.services import (
    ChangePlanIn,
    EndServiceIn,
    NumberPortedOut,
    PlanChangedOut,
    PlanPeriodOut,
    PlanPreviewIn,
    PortNumberIn,
    ServiceEndedOut,
)
from billing.services.access import Caller
from billing.services.service_changes import ServiceCommand

router = APIRouter(prefix="/v1/accounts/{account_id}/services", tags=["accounts"])


@router.post("", status_code=201, summary="Subscribe a further line", responses=problems(404, 409))
async def add_service(account_id: AccountId, service: ServiceIn, container: ContainerDep, caller: Agent) -> ServiceOut:
    """From now on, or from an instant behind or ahead; its first fee is on the next invoice."""
    return ServiceOut.model_validate(await container.service_changes.add(account_id, service.as_service(), caller.name))


@router.get("", summary="List the lines", responses=problems(404))
async def list_services(account_id: AccountId, container: ContainerDep, _: Viewer) -> list[ServiceOut]:
    """With the plan each has now and the barring level the network confirmed."""
    return [ServiceOut.model_validate(service) for service in await container.accounts.services_of(account_id)]


@router.get("/{service_id}/plans", summary="List a line's plans in time", responses=problems(404))
async def list_plans_of_service(
    account_id: AccountId, service_id: ServiceId, container: ContainerDep, _: Viewer
) -> list[PlanPeriodOut]:
    """Those it had, the one it has, and changes to come."""
    periods = await container.plan_changes.history(account_id, service_id)
    return [PlanPeriodOut.model_validate(period) for period in periods]


@router.post("/{service_id}/plan/preview", summary="Preview a change of plan", responses=problems(404, 409))
async def preview_plan(
    account_id: AccountId, service_id: ServiceId, wanted: PlanPreviewIn, container: ContainerDep, _: Viewer
) -> PlanChangedOut:
    """Fees, allowances and days of each plan in the cycle, as its invoice will have them. Nothing is stored."""
    return PlanChangedOut.model_validate(await container.plan_changes.preview(account_id, service_id, wanted.as_plan()))


@router.post("/{service_id}/plan", summary="Change the plan", responses=problems(404, 409))
async def change_plan(
    account_id: AccountId,
    service_id: ServiceId,
    wanted: ChangePlanIn,
    container: ContainerDep,
    caller: Agent,
    idempotency_key: IdempotencyKey = "",
) -> PlanChangedOut:
    """Now, with the next cycle, or at an instant to come; entered late, at one that is not billed yet.

    Usage is priced by the plan of its own time, whenever it arrived; fees and allowances of the cycle follow the new
    plan's `on_change`. A change replaces those that were to come later; asking for the plan the line has then calls
    them off.
    """
    command = _command(account_id, service_id, wanted, caller, idempotency_key)
    return PlanChangedOut.model_validate(await container.plan_changes.change(command, wanted.as_plan()))


@router.post("/{service_id}/end", summary="End a line", responses=problems(404, 409))
async def end_service(
    account_id: AccountId,
    service_id: ServiceId,
    wanted: EndServiceIn,
    container: ContainerDep,
    caller: Agent,
    idempotency_key: IdempotencyKey = "",
) -> ServiceEndedOut:
    """Now, or at an instant behind or ahead: its number is free from then on. The cycle in which it ends is owed whole.

    Usage of the number that started later is guided anew.
    """
    command = _command(account_id, service_id, wanted, caller, idempotency_key, wanted)
    return ServiceEndedOut.model_validate(await container.service_changes.end(command))


@router.post("/{service_id}/port", summary="Port a number to another account", responses=problems(404, 409))
async def port_number(
    account_id: AccountId,
    service_id: ServiceId,
    wanted: PortNumberIn,
    container: ContainerDep,
    caller: Agent,
    idempotency_key: IdempotencyKey = "",
) -> NumberPortedOut:
    """Now, or at an instant behind or ahead: the line ends, and one of the other account begins with its number.

    Usage that started before stays with this account and later usage is the other's, whenever it arrives. Fees that
    were invoiced stay where they are.
    """
    command = _command(account_id, service_id, wanted, caller, idempotency_key, wanted)
    return NumberPortedOut.model_validate(await container.service_changes.port(command, wanted.as_port()))


def _command(
    account_id: str,
    service_id: str,
    said: ActionIn,
    caller: Caller,
    key: str,
    dated: EndServiceIn | PortNumberIn | None = None,
) -> ServiceCommand:
    at = None if dated is None else dated.at
    return ServiceCommand(account_id, service_id, key or str(uuid4()), caller.name, said.reason, at)
