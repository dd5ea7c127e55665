"""What holds services: written down with cause and author, added up to the level the network is told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from billing.domain.restrictions import (
    LIFTED_UNNAMED,
    NOTHING,
    BarKind,
    Cause,
    Restrictions,
    kinds_of,
)
from billing.messages.dunning import BarringState
from billing.ports.barring import Held
from billing.ports.unit_of_work import UnitOfWork

BY_DUNNING = "dunning"
LIFTED = "none"


def cause_of(state: BarringState) -> Cause:
    """Why an order restricts: as it says; without a word dunning's for dunning, an operator's for a person."""
    return Cause(state.cause) if state.cause else Cause.DUNNING if state.author == BY_DUNNING else Cause.OPERATOR


def lifted_causes(state: BarringState) -> tuple[Cause, ...]:
    """Whose restrictions an order lifts: dunning its own; a person those named, else an operator's and dunning's."""
    if state.lift_causes:
        return tuple(Cause(each) for each in state.lift_causes)
    return (Cause.DUNNING,) if state.author == BY_DUNNING else LIFTED_UNNAMED


def after_order(held: Sequence[Held], state: BarringState, service_ids: Iterable[str]) -> dict[str, str]:
    """The level of each service once the order is carried out, everything that holds it together."""
    changed = [one for one in held if not (_is_lifted(state, one) or _is_replaced(state, one))]
    asked = Restrictions.parse(state.level)
    return {each: (together(changed, each) | asked).level for each in service_ids}


def together(held: Iterable[Held], service_id: str) -> Restrictions:
    """All that holds a service, as one set."""
    union = NOTHING
    for one in held:
        if one.service_id == service_id:
            union |= Restrictions(frozenset({BarKind(one.kind)}), one.data_kbps)
    return union


async def write_holds(
    work: UnitOfWork, state: BarringState, service_ids: Collection[str], now: datetime
) -> Mapping[str, str]:
    """Write down what the order adds or lifts; the level of each service afterwards. The account is locked."""
    held = [one for one in await work.barring.held(state.account_id) if one.service_id in service_ids]
    levels = after_order(held, state, service_ids)
    lifted = [one for one in held if _is_lifted(state, one)]
    added = _added(held, state, service_ids, now)
    replaced = [one for one in held if any(_is_same(one, new) for new in added)]
    await _lift(work, state, [*lifted, *replaced], now)
    await work.barring.hold(added)
    return levels


async def _lift(work: UnitOfWork, state: BarringState, held: Sequence[Held], now: datetime) -> None:
    if held:
        values = {
            "lifted_at": now,
            "lifted_by": state.author,
            "lift_reason": state.reason,
            "lift_order_id": state.order_id,
        }
        await work.barring.lift(state.account_id, [one.restriction_id for one in held], values)


def _added(held: Sequence[Held], state: BarringState, service_ids: Iterable[str], now: datetime) -> list[Held]:
    """What is not held for this cause yet, or at another rate."""
    asked, cause = Restrictions.parse(state.level), cause_of(state)
    wanted = [
        Held(
            account_id=state.account_id,
            service_id=service_id,
            kind=kind,
            cause=cause,
            author=state.author,
            reason=state.reason,
            order_id=state.order_id,
            since=now,
            data_kbps=asked.data_kbps if kind is BarKind.DATA_THROTTLED else None,
        )
        for service_id in service_ids
        for kind in sorted(asked.kinds)
    ]
    return [one for one in wanted if not any(_is_same(each, one) and each.data_kbps == one.data_kbps for each in held)]


def _is_replaced(state: BarringState, one: Held) -> bool:
    """Another rate of throttled data takes the place of the one this cause had."""
    asked = Restrictions.parse(state.level)
    return BarKind.DATA_THROTTLED in asked.kinds and (one.kind, one.cause) == (BarKind.DATA_THROTTLED, cause_of(state))


def _is_same(one: Held, other: Held) -> bool:
    return (one.service_id, one.kind, one.cause) == (other.service_id, other.kind, other.cause)


def _is_lifted(state: BarringState, one: Held) -> bool:
    if state.level != LIFTED or one.cause not in lifted_causes(state):
        return False
    return not state.lift_kinds or one.kind in kinds_of(state.lift_kinds)
