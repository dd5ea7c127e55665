"""What is kept of a barring order: confirmed services, the outcome, and how long it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from billing.domain.barring import BarringLevel, is_stop, stopped_parts
from billing.domain.ledger import EntryKind
from billing.messages.dunning import BarringResult
from billing.ports.accounts import TimelineEntry
from billing.ports.barring import Order, OrderedService
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork
from billing.services.barring_fees import charge_reconnection
from billing.services.barring_standing import CONFIRMED, OVERTAKEN, level_of


@dataclass(frozen=True)
class Restored:
    """How soon after a payment the network confirmed that services are free, in business and in real seconds."""

    business_seconds: float
    real_seconds: float


async def record_confirmed(
    work: UnitOfWork, order: Order, ordered: OrderedService, now: datetime, *, in_force: bool
) -> None:
    """Mark the service of the order confirmed, once; ``in_force`` also makes its level the service's."""
    if ordered.state == CONFIRMED:
        return
    confirmed = {"state": CONFIRMED, "confirmed_at": now}
    await work.barring.change_service(order.account_id, order.order_id, ordered.service_id, confirmed)
    if in_force:
        level = level_of(ordered, order.level)
        column = "usage_stop" if is_stop(level) else "barring_level"
        await work.accounts.change_service(order.account_id, ordered.service_id, {column: level})


async def record_overtaken(work: UnitOfWork, ordered: OrderedService) -> None:
    """A newer order about the service was confirmed: this one waits for it no more."""
    values = {"state": OVERTAKEN}
    await work.barring.change_service(ordered.account_id, ordered.order_id, ordered.service_id, values)


async def order_finished(
    work: UnitOfWork, order: Order, result: BarringResult, clock: BusinessClock
) -> Restored | None:
    """Store the outcome and explain it in the timeline; how soon a payment restored services, where it did."""
    now = clock.now()
    services = await work.barring.services_of(order.account_id, order.order_id)
    values: dict[str, Any] = {"outcome": result.outcome, "finished_at": now}
    reason: dict[str, Any] = {
        "rule": "order to the network",
        "order_id": order.order_id,
        "reason": order.reason,
        "services": {one.identifier: one.state for one in services},
    }
    if order.cause:
        reason |= {"cause": order.cause, "levels": {one.identifier: level_of(one, order.level) for one in services}}
    confirmed_at = max((one.confirmed_at for one in services if one.confirmed_at is not None), default=now)
    paid_at, restored = None, None
    if result.outcome == "confirmed":
        reason["confirmed_after"] = _duration(confirmed_at - order.placed_at, clock)
        paid_at = await _last_payment(work, order) if order.level == BarringLevel.NONE else None
    if paid_at is not None:
        reason["restored_after_payment"] = took = _duration(confirmed_at - paid_at, clock)
        restored = Restored(**took)
        values |= {"paid_at": paid_at, "restored_real_seconds": restored.real_seconds}
    await work.barring.change_order(order.account_id, order.order_id, values)
    entry = TimelineEntry(order.account_id, now, "barring", _summary(order, result, services), reason, order.author)
    await work.timeline.add(entry)
    if result.outcome == "confirmed":
        await charge_reconnection(work, order, paid_at, now)
    return restored


async def _last_payment(work: UnitOfWork, order: Order) -> datetime | None:
    """When the money came that this order restores services for."""
    entries = await work.ledger.entries(order.account_id)
    paid = [one.at for one in entries if one.kind is EntryKind.PAYMENT_RECEIVED]
    return max((at for at in paid if at <= order.placed_at), default=None)


def _duration(business: timedelta, clock: BusinessClock) -> dict[str, float]:
    """A business duration, and the real one where business time runs faster."""
    real = clock.segment().real_duration(business)
    return {"business_seconds": round(business.total_seconds(), 1), "real_seconds": round(real.total_seconds(), 3)}


def _summary(order: Order, result: BarringResult, services: Sequence[OrderedService]) -> str:
    what = _what(order.level)
    if order.level == BarringLevel.NONE and any(level_of(one, order.level) != order.level for one in services):
        what = "Restrictions lifted in part: other causes hold the rest"
    told = {"confirmed": "confirmed by the network", "withdrawn": "order withdrawn before it was confirmed"}
    return f"{what}: {told.get(result.outcome, result.outcome)}"


def _what(level: str) -> str:
    if is_stop(level):
        stopped = stopped_parts(level)
        return f"Usage stopped by a cap: {', '.join(stopped)}" if stopped else "Usage is no longer stopped by a cap"
    if level == BarringLevel.NONE:
        return "Restrictions lifted"
    return f"Services restricted to level {level}" if level in list(BarringLevel) else f"Services restricted: {level}"
