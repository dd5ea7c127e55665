"""Barring: order levels from the network, verify that they hold, and keep what was confirmed.

The order is written down before the network is called. The network's own state decides what is true; a confirmation
that comes late never overwrites what a newer order set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from billing.domain.barring import BarringLevel, is_stop
from billing.messages.dunning import BarringResult, BarringState, OrderCheck, PlacedOrder
from billing.ports.accounts import Service
from billing.ports.barring import Confirmation, NetworkControl, NetworkRefused, Order, OrderedService
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.barring_records import order_finished, record_confirmed

ORDERED, CONFIRMED = "ordered", "confirmed"
BY_DUNNING = "dunning"


@dataclass(frozen=True)
class OrderView:
    """An order with its services, as shown."""

    order: Order
    services: Sequence[OrderedService]


class BarringService:
    """Sets an account's services to a level; every method may be repeated."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, network: NetworkControl) -> None:
        self._make_work = make_work
        self._clock = clock
        self._network = network

    async def place_order(self, state: BarringState) -> PlacedOrder:
        """Write the order down, then order each service from the network.

        Raises the first fault after all services were tried; a repeat orders only what is not confirmed yet, with the
        same correlation ids.
        """
        faults: list[Exception] = []
        for ordered in await self._written_down(state):
            try:
                await self._order(state, ordered)
            except NetworkRefused:
                continue  # stays pending: the check asks again, and a person in the end
            except Exception as fault:
                faults.append(fault)
        if faults:
            raise faults[0]
        return await self._placed(state)

    async def _written_down(self, state: BarringState) -> Sequence[OrderedService]:
        """The services of the order not confirmed yet; stored before any call."""
        now = self._clock.now()
        order = Order(state.account_id, state.order_id, state.level, state.reason, state.author, now)
        async with self._make_work() as work:
            await work.accounts.lock(state.account_id)
            services = [
                OrderedService(state.account_id, state.order_id, one.service_id, one.identifier, ORDERED)
                for one in await work.accounts.services(state.account_id)
                if _is_meant(state, one) and one.active_from <= now and (one.active_to is None or now < one.active_to)
            ]
            await work.barring.add_order(order, services)
            await work.commit()
            stored = await work.barring.services_of(state.account_id, state.order_id)
        return [one for one in stored if one.state != CONFIRMED]

    async def _order(self, state: BarringState, ordered: OrderedService) -> None:
        if await self._is_believed(state, ordered) and await self._is_true(state, ordered):
            await self._record(state, ordered.service_id)
            return
        sent = ordered.times_sent or await self._count_sending(ordered)
        await self._network.apply(ordered.identifier, state.level, state.reason, correlation_id(ordered, sent))

    async def _is_believed(self, state: BarringState, ordered: OrderedService) -> bool:
        """Whether the service is at the level already, as far as we know."""
        async with self._make_work() as work:
            services = await work.accounts.services(state.account_id)
        return any(one.service_id == ordered.service_id and state.level == _known(one, state.level) for one in services)

    async def _is_true(self, state: BarringState, ordered: OrderedService) -> bool:
        """Whether the network has the level in force, and no other level on the way."""
        told = await self._network.get_state(ordered.identifier, state.level)
        return told.level == told.requested == state.level

    async def _count_sending(self, ordered: OrderedService) -> int:
        """Number this sending before it is made; the number is part of its correlation id."""
        sent = ordered.times_sent + 1
        values = {"times_sent": sent, "ordered_at": ordered.ordered_at or self._clock.now()}
        async with self._make_work() as work:
            await work.barring.change_service(ordered.account_id, ordered.order_id, ordered.service_id, values)
            await work.commit()
        return sent

    async def check_order(self, check: OrderCheck) -> PlacedOrder:
        """Ask the network for these services' state and record what holds; order the others again where wanted.

        A service that a newer order names is left to that order. Raises the first fault after all were tried.
        """
        faults: list[Exception] = []
        for ordered in await self._pending(check):
            try:
                await self._check(check, ordered)
            except NetworkRefused:
                continue
            except Exception as fault:
                faults.append(fault)
        if faults:
            raise faults[0]
        return await self._placed(check.state)

    async def _pending(self, check: OrderCheck) -> Sequence[OrderedService]:
        async with self._make_work() as work:
            stored = await work.barring.services_of(check.state.account_id, check.state.order_id)
        wanted = check.service_ids or tuple(one.service_id for one in stored)
        return [one for one in stored if one.service_id in wanted and one.state != CONFIRMED]

    async def _check(self, check: OrderCheck, ordered: OrderedService) -> None:
        if await self._is_true(check.state, ordered):
            await self._record(check.state, ordered.service_id)
        elif check.order_again and not await self._is_overtaken(ordered):
            sent = await self._count_sending(ordered)
            state = check.state
            await self._network.apply(ordered.identifier, state.level, state.reason, correlation_id(ordered, sent))

    async def _is_overtaken(self, ordered: OrderedService) -> bool:
        async with self._make_work() as work:
            return await is_overtaken(work, ordered.account_id, ordered.order_id, ordered.service_id)

    async def confirm(self, confirmation: Confirmation) -> bool:
        """Record the network's word. False when it is not about an order of ours, or about another level of it."""
        async with self._make_work() as work:
            await work.accounts.lock(confirmation.account_id)
            orders = await work.barring.orders(confirmation.account_id)
            order = next((one for one in orders if one.order_id == confirmation.order_id), None)
            if order is None or order.level != confirmation.level:
                return False
            services = await work.barring.services_of(order.account_id, order.order_id)
            if confirmation.service_id not in {one.service_id for one in services}:
                return False
            overtaken = await is_overtaken(work, order.account_id, order.order_id, confirmation.service_id)
            await record_confirmed(work, order, confirmation.service_id, self._clock.now(), in_force=not overtaken)
            await work.commit()
        return True

    async def _record(self, state: BarringState, service_id: str) -> None:
        await self.confirm(Confirmation(state.account_id, state.order_id, service_id, state.level))

    async def record_outcome(self, result: BarringResult) -> None:
        """Write down how the order ended and tell the timeline, with how long the network took."""
        async with self._make_work() as work:
            await work.accounts.lock(result.account_id)
            order = await work.barring.order(result.account_id, result.order_id)
            if order.finished_at is not None:
                return
            await order_finished(work, order, result, self._clock)
            await work.commit()

    async def orders(self, account_id: str) -> Sequence[OrderView]:
        """The account's orders with their services, newest first. Raises NotFound."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            orders = await work.barring.orders(account_id)
            return [
                OrderView(one, await work.barring.services_of(account_id, one.order_id)) for one in reversed(orders)
            ]

    async def _placed(self, state: BarringState) -> PlacedOrder:
        async with self._make_work() as work:
            stored = await work.barring.services_of(state.account_id, state.order_id)
        return PlacedOrder(
            state.order_id,
            tuple(one.service_id for one in stored if one.state != CONFIRMED),
            tuple(one.service_id for one in stored if one.state == CONFIRMED),
        )


def correlation_id(ordered: OrderedService, times_sent: int) -> str:
    """``<account>/<order>/<service>``, with the number of the sending from the second on."""
    base = f"{ordered.account_id}/{ordered.order_id}/{ordered.service_id}"
    return base if times_sent == 1 else f"{base}/{times_sent}"


async def is_overtaken(work: UnitOfWork, account_id: str, order_id: str, service_id: str) -> bool:
    """Whether a newer order names the service, so that this one no longer decides its level.

    Orders about what caps stop and orders about the level do not overtake each other.
    """
    orders = list(await work.barring.orders(account_id))
    place = [one.order_id for one in orders].index(order_id)
    for newer in orders[place + 1 :]:
        if is_stop(newer.level) is not is_stop(orders[place].level):
            continue
        named = await work.barring.services_of(account_id, newer.order_id)
        if service_id in {one.service_id for one in named}:
            return True
    return False


def _is_meant(state: BarringState, service: Service) -> bool:
    """All services or those named; dunning never loosens what a person restricted further."""
    if is_stop(state.level):
        return service.service_id in state.service_ids
    level, present = BarringLevel(state.level), BarringLevel(service.barring_level)
    if state.author == BY_DUNNING and level is not BarringLevel.NONE and present.restricts_more_than(level):
        return False
    return not state.service_ids or service.service_id in state.service_ids


def _known(service: Service, level: str) -> str:
    """What the network confirmed of a service, in the words of such an order."""
    return service.usage_stop if is_stop(level) else service.barring_level
