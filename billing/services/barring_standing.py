"""Where an order to the network stands among the others about the same service."""

from __future__ import annotations

from billing.domain.barring import is_stop
from billing.ports.barring import Order, OrderedService
from billing.ports.unit_of_work import UnitOfWork

ORDERED, CONFIRMED, OVERTAKEN = "ordered", "confirmed", "overtaken"


def level_of(ordered: OrderedService, asked_for: str) -> str:
    """What the network is told of a service: its own level, or what an older order asked for all."""
    return ordered.level or asked_for


async def is_overtaken(work: UnitOfWork, account_id: str, order_id: str, service_id: str) -> bool:
    """Whether a newer order names the service, so that this one no longer decides its level.

    Orders about what caps stop and orders about the level do not overtake each other.
    """
    return await newest_naming(work, OrderedService(account_id, order_id, service_id, "", ORDERED)) is not None


async def newest_naming(work: UnitOfWork, ordered: OrderedService) -> tuple[Order, OrderedService] | None:
    """The newest order after this one that names the service, in the same matter; None when this is the newest."""
    orders = list(await work.barring.orders(ordered.account_id))
    place = [one.order_id for one in orders].index(ordered.order_id)
    for newer in reversed(orders[place + 1 :]):
        if is_stop(newer.level) is not is_stop(orders[place].level):
            continue
        for named in await work.barring.services_of(ordered.account_id, newer.order_id):
            if named.service_id == ordered.service_id:
                return newer, named
    return None
