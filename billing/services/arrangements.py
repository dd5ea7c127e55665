"""Commands about a debt, each carried out once and in one transaction; called by the account's process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, TypeVar

from billing.messages.account import Command
from billing.messages.arrangements import Arranged, DebtRequest, PlanRequest
from billing.ports.accounts import Account
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.hand_overs import hand_over_case, take_back_case
from billing.services.invoicing_commands import CommandContext, earlier_result, refuse_unreasoned, remember
from billing.services.payment_plans import agree_plan, cancel_plan
from billing.services.write_offs import WriteOff, restore_debt, write_off_debt, write_offs_of

Asked = TypeVar("Asked", bound=Command)
Work = Callable[[UnitOfWork, Account, Asked, datetime], Awaitable[Arranged]]


class ArrangementService:
    """Plans, write-offs and hand-overs. The same command again answers what the first one did."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def change_plan(self, request: PlanRequest) -> Arranged:
        """Agree on a payment plan, or cancel one. Raises InvalidValue, NotFound, UnableTo..."""
        if request.agree is not None:
            return await self._once(request.account_id, "agree_payment_plan", request.agree, agree_plan)
        assert request.cancel is not None
        return await self._once(request.account_id, "cancel_payment_plan", request.cancel, cancel_plan)

    async def decide_debt(self, request: DebtRequest) -> Arranged:
        """Write off, restore, hand over or take back. Raises InvalidValue, NotFound, UnableTo..."""
        account_id = request.account_id
        if request.write_off is not None:
            return await self._once(account_id, "write_off_debt", request.write_off, write_off_debt)
        if request.restore is not None:
            return await self._once(account_id, "restore_debt", request.restore, restore_debt)
        if request.hand_over is not None:
            return await self._once(account_id, "hand_over_case", request.hand_over, hand_over_case)
        assert request.take_back is not None
        return await self._once(account_id, "take_back_case", request.take_back, take_back_case)

    async def write_offs(self, account_id: str) -> Sequence[WriteOff]:
        """An account's write-offs, oldest first. Raises NotFound."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            return await write_offs_of(work, account_id)

    async def _once(self, account_id: str, kind: str, command: Asked, do: Work[Asked]) -> Arranged:
        now = self._clock.now()
        context = CommandContext(account_id, kind, command.command_id, command.author, command.reason, now)
        async with self._make_work() as work:
            account = await work.accounts.lock(account_id)
            known = await earlier_result(work, context)
            if known is not None:
                return _as_arranged(dict(known))
            refuse_unreasoned(context)
            done = await do(work, account, command, now)
            await remember(work, context, _plain(done))
            await work.commit()
        return done


def _plain(done: Arranged) -> dict[str, Any]:
    first = done.first_due_on
    return asdict(done) | {"invoice_ids": list(done.invoice_ids), "first_due_on": first.isoformat() if first else None}


def _as_arranged(known: dict[str, Any]) -> Arranged:
    first = known["first_due_on"]
    read = {"invoice_ids": tuple(known["invoice_ids"]), "first_due_on": date.fromisoformat(first) if first else None}
    return Arranged(**known | read)
