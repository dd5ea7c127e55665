"""A debt about which something is agreed: the debt world with plans, fees, write-offs and hand-overs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from billing.domain.dunning_policy import STANDARD
from billing.messages.account import Command
from billing.messages.arrangements import (
    AgreePaymentPlan,
    Arranged,
    CancelPaymentPlan,
    DebtRequest,
    HandOverCase,
    PlannedInstalment,
    PlanRequest,
    RestoreDebt,
    TakeBackCase,
    WriteOffDebt,
)
from billing.messages.dunning import CaseCommand, CaseCommandResult, OpenedCase
from billing.ports.arrangements import Fee, StoredPlan
from billing.services.arrangements import ArrangementService
from billing.services.dunning_assignments import PolicyAssignments
from billing.services.dunning_fees import FeeService
from billing.services.dunning_moves import CaseMoves
from billing.services.dunning_promises import PromiseService
from billing.services.hand_overs import HandOvers
from billing.services.payment_plans import PaymentPlans
from tests.builders_dunning import DebtWorld, a_debt_world
from tests.builders_usage import a_cycle

WHO = ("Robin", "the customer called")


@dataclass
class Arrangements:
    """The services about one debt; ``world`` is the account with its case."""

    world: DebtWorld

    def __post_init__(self) -> None:
        work, clock = self.world.work, self.world.clock
        self.service = ArrangementService(work, clock)
        self.plans = PaymentPlans(work, clock)
        self.fees = FeeService(work, clock)
        self.promises = PromiseService(work, clock)
        self.hand_overs = HandOvers(work)
        self.assignments = PolicyAssignments(work, clock)
        self.moves = CaseMoves(work, clock, self.world.process)  # type: ignore[arg-type]

    @property
    def account_id(self) -> str:
        return self.world.account_id

    def day(self, later: int) -> date:
        return self.world.clock.at.date() + timedelta(days=later)

    async def agree(self, *instalments: tuple[int, int], command_id: str = "plan-1", **terms: Any) -> Arranged:
        """A plan whose instalments are (days from now, minor units)."""
        planned = tuple([PlannedInstalment(self.day(later), minor) for later, minor in instalments])
        command = AgreePaymentPlan(command_id, *WHO, instalments=planned, **{"paid_by": "paylink", **terms})
        return await self.service.change_plan(PlanRequest(self.account_id, agree=command))

    async def cancel(self, plan_id: str, command_id: str = "cancel-1") -> Arranged:
        command = CancelPaymentPlan(command_id, *WHO, plan_id)
        return await self.service.change_plan(PlanRequest(self.account_id, cancel=command))

    async def decide(self, command: Command) -> Arranged:
        """Write off, restore, hand over or take back."""
        names = {
            WriteOffDebt: "write_off",
            RestoreDebt: "restore",
            HandOverCase: "hand_over",
            TakeBackCase: "take_back",
        }
        return await self.service.decide_debt(DebtRequest(self.account_id, **{names[type(command)]: command}))  # type: ignore

    async def promise(self, days: int, amount_minor: int = 0, command_id: str = "promise-1") -> CaseCommandResult:
        fields = {"pay_by": self.day(days), "amount_minor": amount_minor}
        command = CaseCommand(self.account_id, "promise_to_pay", command_id, *WHO, **fields)  # type: ignore[arg-type]
        return await self.world.service.change_case(command)

    async def plan(self) -> StoredPlan:
        return (await self.plans.all(self.account_id))[-1]

    async def outcomes(self) -> list[str]:
        return [one.outcome for one in await self.promises.all(self.account_id)]

    async def charged(self) -> Sequence[Fee]:
        return await self.fees.all(self.account_id)

    async def a_next_invoice(self) -> None:
        """A running cycle, whose invoice fees will be on."""
        async with self.world.work() as work:
            await work.accounts.add_cycle(a_cycle(self.account_id))
            await work.commit()

    async def a_policy(self, **fields: Any) -> None:
        """The next version of the default policy."""
        await self.world.policies.publish(STANDARD.to_dict() | {"code": "default"} | fields)

    async def a_case(self, total_minor: int = 4210) -> tuple[OpenedCase, str]:
        """A case about one failed invoice, of which the customer was told."""
        invoice = await self.world.an_invoice(total_minor)
        case = await self.world.open_case(invoice, attempt=await self.world.a_try(f"{invoice}-1"))
        await self.world.carry_out_all(case)
        return case, invoice


@asynccontextmanager
async def an_arranged_debt(database_url: str) -> AsyncIterator[Arrangements]:
    """An account with one line, nothing owed, the standard policy, and the services about a debt."""
    async with a_debt_world(database_url) as world:
        yield Arrangements(world)
