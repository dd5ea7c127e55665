"""Commands whose form is not the API's model field by field: disputes, fees, policies, the paylink."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.account_desk import AccountDesk
from api.routers import actions as routes
from api.schemas.actions import ActionIn, DunningPolicyIn
from api.schemas.base import identity_pattern
from billing.services.paylink_sending import PaylinkRequest


class DisputeForm(ActionIn):
    """What is not accepted: an amount, one line or a part of it, or all that is open."""

    invoice_id: str = Field(pattern=identity_pattern("inv"))
    amount_minor: int = Field(default=0, ge=0, le=10**12)
    line_id: str = Field(default="", pattern=r"^(inv_\d{1,18}\.\d{1,4})?$")


class CloseDisputeForm(ActionIn):
    """A decision; the reason is what is told of it."""

    dispute_id: str = Field(pattern=identity_pattern("dsp"))
    outcome: Literal["accepted", "rejected"]


class FeeForm(ActionIn):
    """The fee to waive."""

    fee_id: str = Field(pattern=identity_pattern("fee"))


class PolicyForm(ActionIn):
    """A published policy, as ``code:version``."""

    policy: str = Field(pattern=r"^.{1,64}:[0-9]{1,6}$")
    case_only: bool = False


async def open_dispute(desk: AccountDesk, said: DisputeForm) -> str:
    """The same dispute again is the one that is open."""
    dispute = await desk.container.disputes.open(
        desk.account_id, said.invoice_id, said.amount_minor, said.reason, desk.caller.name, said.line_id
    )
    return f"{dispute.dispute_id} is open: that part of {dispute.invoice_id} is not pursued."


async def close_dispute(desk: AccountDesk, said: CloseDisputeForm) -> str:
    """The same decision again changes nothing."""
    await desk.container.disputes.close(desk.account_id, said.dispute_id, said.outcome, said.reason, desk.caller.name)
    return f"{said.dispute_id} is {said.outcome}."


async def waive_fee(desk: AccountDesk, said: FeeForm) -> str:
    """Waiving again changes nothing."""
    await desk.container.fees.waive(desk.account_id, said.fee_id, said.reason, desk.caller.name)
    return f"{said.fee_id} is waived by a line of the next invoice."


async def change_policy(desk: AccountDesk, said: PolicyForm) -> str:
    """As the API's route does it."""
    code, _, version = said.policy.rpartition(":")
    wanted = DunningPolicyIn(
        reason=said.reason, policy_code=code, policy_version=int(version), case_only=said.case_only
    )
    return (await routes.change_dunning_policy(desk, wanted)).summary


async def send_paylink(desk: AccountDesk, said: ActionIn) -> str:
    """Once per command id."""
    request = PaylinkRequest(desk.account_id, desk.command_id, desk.caller.name, said.reason)
    return await desk.container.paylink_sender.send(request)
