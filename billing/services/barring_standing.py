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
    naming = list(await work.barring.orders_naming(ordered.account_id, ordered.service_id))
    place = [order.order_id for order, _ in naming].index(ordered.order_id)
    is_about_stops = is_stop(naming[place][0].level)
    newer = [one for one in naming[place + 1 :] if is_stop(one[0].level) is is_about_stops]
    return newer[-1] if newer else None
