"""What the network must stop because a cap is reached, and the orders that tell it so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from billing.domain.barring import stop_level, stopped_parts
from billing.domain.limits import stops_of
from billing.messages.limits import ReviewStopsRequest, StopOrder, StopsReview
from billing.ports.barring import Order, OrderedService
from billing.ports.unit_of_work import UnitOfWork
from billing.services.limited_cycle import LimitedCycle

ORDERED = "ordered"
# While something is stopped: usage may have been taken back, a line added, a policy changed.
LOOK_AGAIN_AFTER = timedelta(days=1)


async def write_orders(
    work: UnitOfWork, present: LimitedCycle, request: ReviewStopsRequest, now: datetime
) -> StopsReview:
    """Write down the orders that bring the network in step with limits; a repeat answers the same ones.

    The caller has locked the account, and commits.
    """
    wanted = stops_of(present.uses, [one.service_id for one in present.services])
    orders = await _placed_before(work, request) or await _place(work, present, request, wanted, now)
    if present.cycle is None or not any(wanted.values()):
        return StopsReview(tuple(orders))
    return StopsReview(tuple(orders), min(present.cycle.closes_at, now + LOOK_AGAIN_AFTER))


async def _placed_before(work: UnitOfWork, request: ReviewStopsRequest) -> list[StopOrder]:
    """The orders of this very review, when its answer was lost."""
    name = _order_id(request)
    orders = [one for one in await work.barring.orders(request.account_id) if one.order_id.split(".")[0] == name]
    placed: list[StopOrder] = []
    for order in orders:
        services = await work.barring.services_of(order.account_id, order.order_id)
        placed.append(StopOrder(order.order_id, order.level, tuple(one.service_id for one in services), order.reason))
    return placed


async def _place(
    work: UnitOfWork,
    present: LimitedCycle,
    request: ReviewStopsRequest,
    wanted: Mapping[str, tuple[str, ...]],
    now: datetime,
) -> list[StopOrder]:
    """One order for each level that differs from what the network was last told."""
    told = await work.barring.ordered_stops(request.account_id)
    by_level: dict[str, list[str]] = {}
    for service_id, parts in wanted.items():
        level = stop_level(parts)
        if level != told.get(service_id, stop_level(())):
            by_level.setdefault(level, []).append(service_id)
    identifiers = {one.service_id: one.identifier for one in present.services}
    orders: list[StopOrder] = []
    for place, (level, service_ids) in enumerate(sorted(by_level.items())):
        order_id = _order_id(request) + (f".{place + 1}" if place else "")
        order = StopOrder(order_id, level, tuple(service_ids), _reason(level))
        services = [
            OrderedService(request.account_id, order_id, each, identifiers[each], ORDERED) for each in service_ids
        ]
        await work.barring.add_order(Order(request.account_id, order_id, level, order.reason, "limits", now), services)
        orders.append(order)
    return orders


def _order_id(request: ReviewStopsRequest) -> str:
    return f"limit-{request.review_number}"


def _reason(level: str) -> str:
    stopped = stopped_parts(level)
    return f"A cap on usage is reached: {', '.join(stopped)}" if stopped else "No cap on usage is reached"
