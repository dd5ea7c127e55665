"""What is kept of a barring order: confirmed services, the outcome, and how long it took."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from billing.domain.barring import BarringLevel, is_stop, stopped_parts
from billing.domain.ledger import EntryKind
from billing.messages.dunning import BarringResult
from billing.ports.accounts import TimelineEntry
from billing.ports.barring import Order
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork


async def record_confirmed(work: UnitOfWork, order: Order, service_id: str, now: datetime, *, in_force: bool) -> None:
    """Mark the service of the order confirmed, once; ``in_force`` also makes its level the service's."""
    services = await work.barring.services_of(order.account_id, order.order_id)
    if any(one.service_id == service_id and one.state == "confirmed" for one in services):
        return
    confirmed = {"state": "confirmed", "confirmed_at": now}
    await work.barring.change_service(order.account_id, order.order_id, service_id, confirmed)
    if in_force:
        column = "usage_stop" if is_stop(order.level) else "barring_level"
        await work.accounts.change_service(order.account_id, service_id, {column: order.level})


async def order_finished(work: UnitOfWork, order: Order, result: BarringResult, clock: BusinessClock) -> None:
    """Store the outcome and explain it in the timeline."""
    now = clock.now()
    await work.barring.change_order(order.account_id, order.order_id, {"outcome": result.outcome, "finished_at": now})
    services = await work.barring.services_of(order.account_id, order.order_id)
    reason: dict[str, Any] = {
        "rule": "order to the network",
        "order_id": order.order_id,
        "reason": order.reason,
        "services": {one.identifier: one.state for one in services},
    }
    confirmed_at = max((one.confirmed_at for one in services if one.confirmed_at is not None), default=now)
    if result.outcome == "confirmed":
        reason["confirmed_after"] = _duration(confirmed_at - order.placed_at, clock)
    if result.outcome == "confirmed" and order.level == BarringLevel.NONE:
        paid_at = await _last_payment(work, order)
        if paid_at is not None:
            reason["restored_after_payment"] = _duration(confirmed_at - paid_at, clock)
    entry = TimelineEntry(order.account_id, now, "barring", _summary(order, result), reason, order.author)
    await work.timeline.add(entry)


async def _last_payment(work: UnitOfWork, order: Order) -> datetime | None:
    """When the money came that this order restores services for."""
    entries = await work.ledger.entries(order.account_id)
    paid = [one.at for one in entries if one.kind is EntryKind.PAYMENT_RECEIVED]
    return max((at for at in paid if at <= order.placed_at), default=None)


def _duration(business: timedelta, clock: BusinessClock) -> dict[str, float]:
    """A business duration, and the real one where business time runs faster."""
    real = clock.segment().real_duration(business)
    return {"business_seconds": round(business.total_seconds(), 1), "real_seconds": round(real.total_seconds(), 3)}


def _summary(order: Order, result: BarringResult) -> str:
    what = _what(order.level)
    told = {"confirmed": "confirmed by the network", "withdrawn": "order withdrawn before it was confirmed"}
    return f"{what}: {told.get(result.outcome, result.outcome)}"


def _what(level: str) -> str:
    if is_stop(level):
        stopped = stopped_parts(level)
        return f"Usage stopped by a cap: {', '.join(stopped)}" if stopped else "Usage is no longer stopped by a cap"
    return "Restrictions lifted" if level == BarringLevel.NONE else f"Services restricted to level {level}"
