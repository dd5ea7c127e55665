"""Barring: order levels from the network, verify that they hold, and keep what was confirmed.

The order is written down before the network is called, and with it what it adds to, or lifts from, what holds each
service; the network is told the union, as one level that is set. The network's own state decides what is true; a
confirmation that comes late never overwrites what a newer order set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.barring import is_stop
from billing.domain.barring_policy import BarringPolicy
from billing.domain.errors import NotFound
from billing.domain.quiet_hours import next_allowed
from billing.domain.restrictions import CAUSES_NOT_TOLD, Cause
from billing.messages.dunning import BarringResult, BarringState, OrderCheck, PlacedOrder
from billing.ports.accounts import Service
from billing.ports.barring import Confirmation, NetworkControl, NetworkRefused, Order, OrderedService
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.barring_holds import LIFTED, cause_of, write_holds
from billing.services.barring_records import Restored, order_finished, record_confirmed, record_overtaken
from billing.services.barring_standing import CONFIRMED, ORDERED, is_overtaken, level_of, newest_naming

WITHDRAWN = "withdrawn"


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

        Nothing is done, and ``wait_until`` says when, while the brand's hours forbid to restrict for a debt. Raises the
        first fault after all services were tried; a repeat orders only what is not confirmed yet, with the same
        correlation ids.
        """
        services = await self._written_down(state)
        if isinstance(services, datetime):
            return PlacedOrder(state.order_id, (), (), wait_until=services)
        faults: list[Exception] = []
        for ordered in services:
            try:
                await self._order(state, ordered)
            except NetworkRefused:
                continue  # stays pending: the check asks again, and a person in the end
            except Exception as fault:
                faults.append(fault)
        if faults:
            raise faults[0]
        return await self._placed(state)

    async def _written_down(self, state: BarringState) -> Sequence[OrderedService] | datetime:
        """The services of the order not settled yet, stored before any call; or when it may be placed."""
        async with self._make_work() as work:
            await work.accounts.lock(state.account_id)
            now = self._clock.now()  # under the lock: of two orders the later one has everything that is held
            if not any(one.order_id == state.order_id for one in await work.barring.orders(state.account_id)):
                allowed_at = await _allowed_at(work, state, now)
                if allowed_at > now:
                    return allowed_at
                await _write_order(work, state, now)
                await work.commit()
            stored = await work.barring.services_of(state.account_id, state.order_id)
        return [one for one in stored if one.state == ORDERED]

    async def _order(self, state: BarringState, ordered: OrderedService) -> None:
        if await self._is_overtaken(ordered):
            return  # the newer order sets the level, with everything that holds the service
        if await self._is_believed(state, ordered) and await self._is_true(state, ordered):
            await self._record(state, ordered)
            return
        await self._send(state, ordered, ordered.times_sent or await self._count_sending(ordered))

    async def _send(self, state: BarringState, ordered: OrderedService, sent: int) -> None:
        """Order the level; when a newer order was placed meanwhile, its level is ordered after this one again."""
        level = level_of(ordered, state.level)
        await self._network.apply(ordered.identifier, level, state.reason, correlation_id(ordered, sent))
        async with self._make_work() as work:
            newer = await newest_naming(work, ordered)
        if newer is not None and (newer[1].times_sent or newer[1].state == CONFIRMED):
            order, named = newer
            again = correlation_id(named, await self._count_sending(named))
            await self._network.apply(named.identifier, level_of(named, order.level), order.reason, again)

    async def _is_believed(self, state: BarringState, ordered: OrderedService) -> bool:
        """Whether the service is at the level already, as far as we know."""
        level = level_of(ordered, state.level)
        async with self._make_work() as work:
            services = await work.accounts.services(state.account_id)
        return any(one.service_id == ordered.service_id and level == _known(one, level) for one in services)

    async def _is_true(self, state: BarringState, ordered: OrderedService) -> bool:
        """Whether the network has the level in force, and no other level on the way."""
        level = level_of(ordered, state.level)
        told = await self._network.get_state(ordered.identifier, level)
        return told.level == told.requested == level

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

        A service that a newer order names is left to that order. An order that was never written down is placed now.
        Raises the first fault after all were tried.
        """
        if not await self._is_written_down(check.state):
            return await self.place_order(check.state)
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

    async def _is_written_down(self, state: BarringState) -> bool:
        async with self._make_work() as work:
            return any(one.order_id == state.order_id for one in await work.barring.orders(state.account_id))

    async def _pending(self, check: OrderCheck) -> Sequence[OrderedService]:
        async with self._make_work() as work:
            stored = await work.barring.services_of(check.state.account_id, check.state.order_id)
        wanted = check.service_ids or tuple(one.service_id for one in stored)
        return [one for one in stored if one.service_id in wanted and one.state == ORDERED]

    async def _check(self, check: OrderCheck, ordered: OrderedService) -> None:
        if await self._is_true(check.state, ordered):
            await self._record(check.state, ordered)
        elif await self._is_overtaken(ordered):
            await self._leave_to_the_newer(ordered)
        elif check.order_again:
            await self._send(check.state, ordered, await self._count_sending(ordered))

    async def _leave_to_the_newer(self, ordered: OrderedService) -> None:
        """An older order is over with the service once the newest one about it is confirmed."""
        async with self._make_work() as work:
            await work.accounts.lock(ordered.account_id)
            newer = await newest_naming(work, ordered)
            if newer is not None and newer[1].state == CONFIRMED:
                await record_overtaken(work, ordered)
                await work.commit()

    async def _is_overtaken(self, ordered: OrderedService) -> bool:
        async with self._make_work() as work:
            return await is_overtaken(work, ordered.account_id, ordered.order_id, ordered.service_id)

    async def confirm(self, confirmation: Confirmation) -> bool:
        """Record the network's word. False when it is not about an order of ours, or about another level of it."""
        async with self._make_work() as work:
            await work.accounts.lock(confirmation.account_id)
            orders = await work.barring.orders(confirmation.account_id)
            order = next((one for one in orders if one.order_id == confirmation.order_id), None)
            if order is None:
                return False
            services = await work.barring.services_of(order.account_id, order.order_id)
            ordered = next((one for one in services if one.service_id == confirmation.service_id), None)
            if ordered is None or level_of(ordered, order.level) != confirmation.level:
                return False
            overtaken = await is_overtaken(work, order.account_id, order.order_id, confirmation.service_id)
            await record_confirmed(work, order, ordered, self._clock.now(), in_force=not overtaken)
            await work.commit()
        return True

    async def _record(self, state: BarringState, ordered: OrderedService) -> None:
        level = level_of(ordered, state.level)
        await self.confirm(Confirmation(state.account_id, state.order_id, ordered.service_id, level))

    async def record_outcome(self, result: BarringResult) -> Restored | None:
        """Write down how the order ended and tell the timeline, with how long the network took.

        How soon a payment restored services, where one did; None otherwise, and when it was written down before.
        """
        async with self._make_work() as work:
            await work.accounts.lock(result.account_id)
            try:
                order = await work.barring.order(result.account_id, result.order_id)
            except NotFound:
                if result.outcome != WITHDRAWN:
                    raise
                return None  # while it waited for the brand's hours: nothing was ordered
            if order.finished_at is not None:
                return None
            restored = await order_finished(work, order, result, self._clock)
            await work.commit()
        return restored

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
            tuple(one.service_id for one in stored if one.state == ORDERED),
            tuple(one.service_id for one in stored if one.state == CONFIRMED),
            silent=_is_silent(state, stored),
        )


async def _allowed_at(work: UnitOfWork, state: BarringState, now: datetime) -> datetime:
    """When services may be restricted for a debt by the brand's hours; freeing and every other cause never waits."""
    if is_stop(state.level) or state.level == LIFTED or cause_of(state) is not Cause.DUNNING:
        return now
    brand = await work.accounts.brand((await work.accounts.get(state.account_id)).brand)
    hours = BarringPolicy.from_dict(brand.barring_policy).restricting_hours
    return now if hours is None else next_allowed(now, brand.zone, brand.country, hours)


async def _write_order(work: UnitOfWork, state: BarringState, now: datetime) -> None:
    """The order, what it adds or lifts, and the level of each of its services."""
    services = [one for one in await work.accounts.services(state.account_id) if _is_meant(state, one, now)]
    levels: Mapping[str, str] = {}
    if not is_stop(state.level):
        levels = await write_holds(work, state, [one.service_id for one in services], now)
    cause = "" if is_stop(state.level) else cause_of(state)
    order = Order(state.account_id, state.order_id, state.level, state.reason, state.author, now, cause=cause)
    blank = OrderedService(state.account_id, state.order_id, "", "", ORDERED)
    named = [
        replace(
            blank,
            service_id=one.service_id,
            identifier=one.identifier,
            level=levels.get(one.service_id, state.level),
        )
        for one in services
    ]
    await work.barring.add_order(order, named)


def _is_silent(state: BarringState, services: Sequence[OrderedService]) -> bool:
    """Whether the customer hears nothing: more holds the services, a newer order decided, or nobody may be told."""
    if is_stop(state.level):
        return False
    if state.level == LIFTED:
        return any(level_of(one, state.level) != LIFTED for one in services)
    return cause_of(state) in CAUSES_NOT_TOLD or any(one.state not in (ORDERED, CONFIRMED) for one in services)


def correlation_id(ordered: OrderedService, times_sent: int) -> str:
    """``<account>/<order>/<service>``, with the number of the sending from the second on."""
    base = f"{ordered.account_id}/{ordered.order_id}/{ordered.service_id}"
    return base if times_sent == 1 else f"{base}/{times_sent}"


def _is_meant(state: BarringState, service: Service, now: datetime) -> bool:
    """All active services, or those of them that are named."""
    if now < service.active_from or (service.active_to is not None and now >= service.active_to):
        return False
    return service.service_id in state.service_ids or not (state.service_ids or is_stop(state.level))


def _known(service: Service, level: str) -> str:
    """What the network confirmed of a service, in the words of such an order."""
    return service.usage_stop if is_stop(level) else service.barring_level
