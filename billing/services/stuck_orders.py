"""Orders to the network whose workflow is gone: each begins again, or ends where a newer order decides.

An order that began again asks the network what is true before it sends anything, so repeating one does no harm. Orders
that lift a bar come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from billing.messages.dunning import BarringResult, BarringState
from billing.messages.identities import barring_workflow_id
from billing.ports.accounts import Account
from billing.ports.barring import Order, OrderedService
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.barring import BarringService
from billing.services.barring_standing import CONFIRMED, is_overtaken

# Real time: a workflow is known to everybody within moments of its start.
KNOWN_WITHIN = timedelta(minutes=5)


class OrderProcesses(Protocol):
    """The workflows of orders."""

    async def running_orders(self) -> set[str]:
        """The ids of those that are open."""
        ...

    async def start_barring(self, state: BarringState) -> None:
        """Start an order's workflow; nothing happens where it runs."""
        ...


@dataclass(frozen=True)
class _Stuck:
    account: Account
    order: Order
    services: Sequence[OrderedService]
    is_overtaken: bool

    @property
    def workflow_id(self) -> str:
        return barring_workflow_id(self.account.brand, self.account.number, self.order.order_id)


class StuckOrders:
    """Finds and mends them, for upkeep."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, barring: BarringService, processes: OrderProcesses
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._barring = barring
        self._processes = processes

    async def mend(self) -> int:
        """How many were begun again or ended."""
        before = self._clock.segment().business(datetime.now(UTC) - KNOWN_WITHIN)
        async with self._make_work() as work:
            unfinished = await work.barring.unfinished(before)
            if not unfinished:
                return 0
            known = [await self._read(work, order) for order in unfinished]
        running = await self._processes.running_orders()
        lost = [one for one in known if one.workflow_id not in running]
        for one in lost:
            await self._mend(one)
        return len(lost)

    async def _read(self, work: UnitOfWork, order: Order) -> _Stuck:
        services = await work.barring.services_of(order.account_id, order.order_id)
        waiting = [one for one in services if one.state != CONFIRMED]
        overtaken = [await is_overtaken(work, one.account_id, one.order_id, one.service_id) for one in waiting]
        return _Stuck(await work.accounts.get(order.account_id), order, services, bool(waiting) and all(overtaken))

    async def _mend(self, stuck: _Stuck) -> None:
        order = stuck.order
        if stuck.is_overtaken:
            why = "a newer order decides, and the workflow of this one is gone"
            ended = BarringResult(order.account_id, order.order_id, order.level, "withdrawn", why)
            await self._barring.record_outcome(ended)
            return
        await self._processes.start_barring(
            BarringState(
                order.account_id,
                stuck.account.brand,
                stuck.account.number,
                order.order_id,
                order.level,
                order.reason,
                order.author,
                tuple(one.service_id for one in stuck.services),
                self._clock.segment(),
                cause=order.cause,
            )
        )
