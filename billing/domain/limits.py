"""Limits on usage: a soft limit tells the customer at 80 and 100 percent, a hard cap stops at 100 as well.

A limit is on an account, on one of its services, on a meter of either, or on data used abroad by one service. It is a
quantity in the meter's own units, or an amount of money: usage charges net of VAT, before invoice discounts and
without recurring fees. Raising works at once, lowering from the next cycle on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

TOLD_AT_PERCENT = (80, 100)
STOPPED_AT_PERCENT = 100
# What the network is asked to stop: a meter by its own name, all that can be used, or data used abroad.
EVERYTHING = "*"
ROAMING_DATA = "roaming_data"
# What an amount of money leaves out.
EXCLUDED_FROM_AMOUNTS = ("recurring_fees", "vat", "invoice_discounts", "usage_not_reported_yet")
EXCLUDED_FROM_QUANTITIES = ("usage_not_reported_yet",)


class LimitKind(StrEnum):
    """What happens at 100 percent."""

    SOFT = "soft"  # a notice
    HARD = "hard"  # a notice, and usage is stopped


class Measure(StrEnum):
    """What is limited."""

    AMOUNT = "amount"  # minor units of the account's currency
    QUANTITY = "quantity"  # the meter's own units


class LimitState(StrEnum):
    """Where usage stands against a limit."""

    FREE = "free"
    NEAR = "near"  # from 80 percent on
    REACHED = "reached"  # a soft limit, from 100 percent on
    STOPPED = "stopped"  # a hard cap, from 100 percent on
    AGREED = "agreed"  # a hard cap beyond 100 percent, and the customer agreed to go on


@dataclass(frozen=True, slots=True, order=True)
class LimitScope:
    """Whose usage is meant: ``service_id`` empty for all services, ``meter`` empty for all meters.

    ``roaming`` means only data that was used abroad, of one service.
    """

    service_id: str = ""
    meter: str = ""
    roaming: bool = False

    @property
    def stops(self) -> str:
        """The part of a service that a cap stops, as the network is told."""
        return ROAMING_DATA if self.roaming else self.meter or EVERYTHING

    @property
    def words(self) -> str:
        """Whose usage it is, for people."""
        what = "data abroad" if self.roaming else self.meter or "all usage"
        return f"{what} of {self.service_id}" if self.service_id else what

    def covers(self, use: MeterUse) -> bool:
        """Whether this use counts against the limit."""
        return (
            self.service_id in ("", use.service_id)
            and self.meter in ("", use.meter)
            and (use.roaming or not self.roaming)
        )


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit in force. ``reminder`` is a further amount beyond it at which the customer is told again (0: none).

    ``by_policy`` marks the brand's own default.
    """

    kind: LimitKind
    measure: Measure
    scope: LimitScope
    value: int
    reminder: int = 0
    by_policy: bool = False

    @property
    def limit_id(self) -> str:
        """What it is known by; the same when its value changes."""
        return limit_id(self.kind, self.measure, self.scope)

    @property
    def key(self) -> str:
        """The limit at this value: each value is crossed, and told, once per cycle."""
        return f"{self.limit_id}:{self.value}"

    @property
    def percents(self) -> tuple[int, ...]:
        """The percents at which the customer is told, lowest first."""
        if self.reminder > self.value > 0:
            return *TOLD_AT_PERCENT, self.reminder * 100 // self.value
        return TOLD_AT_PERCENT

    def is_passed_at(self, percent: int, used: int) -> bool:
        """Whether ``used`` has reached so many percent of the limit. Of a limit of 0 everything is reached by use."""
        if percent > STOPPED_AT_PERCENT:
            return used >= self.reminder
        return used > 0 and used * 100 >= self.value * percent


def limit_id(kind: LimitKind, measure: Measure, scope: LimitScope) -> str:
    """``hard:amount:svc_1001:data``; ``account`` and ``all`` where no service or meter is named."""
    meter = ROAMING_DATA if scope.roaming else scope.meter or "all"
    return f"{kind}:{measure}:{scope.service_id or 'account'}:{meter}"


@dataclass(frozen=True, slots=True)
class MeterUse:
    """What one service used on one meter in a cycle, at home or (``roaming``) abroad.

    ``quantity`` is billable, in the meter's own units; ``amount_minor`` what it costs so far, net.
    """

    service_id: str
    meter: str
    roaming: bool
    quantity: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class LimitUse:
    """A limit with what is used of it; ``agreed`` when the customer agreed to go on beyond it in this cycle."""

    limit: Limit
    used: int
    agreed: bool = False

    @property
    def left(self) -> int:
        """What is left; never below zero."""
        return max(self.limit.value - self.used, 0)

    @property
    def state(self) -> LimitState:
        """Where usage stands."""
        if not self.limit.is_passed_at(STOPPED_AT_PERCENT, self.used):
            return LimitState.NEAR if self.limit.is_passed_at(TOLD_AT_PERCENT[0], self.used) else LimitState.FREE
        if self.limit.kind is LimitKind.SOFT:
            return LimitState.REACHED
        return LimitState.AGREED if self.agreed else LimitState.STOPPED

    @property
    def passed_percents(self) -> tuple[int, ...]:
        """The percents that were reached."""
        return tuple(percent for percent in self.limit.percents if self.limit.is_passed_at(percent, self.used))

    @property
    def excludes(self) -> tuple[str, ...]:
        """What does not count against it."""
        return EXCLUDED_FROM_AMOUNTS if self.limit.measure is Measure.AMOUNT else EXCLUDED_FROM_QUANTITIES


def limit_uses(
    limits: Iterable[Limit], uses: Sequence[MeterUse], agreed_service_ids: Collection[str] = ()
) -> tuple[LimitUse, ...]:
    """Each limit with what is used of it; ``agreed_service_ids`` go on using data abroad."""
    return tuple(
        LimitUse(limit, used_of(limit, uses), limit.scope.roaming and limit.scope.service_id in agreed_service_ids)
        for limit in limits
    )


def used_of(limit: Limit, uses: Iterable[MeterUse]) -> int:
    """What counts against a limit, in its measure."""
    counted = [use for use in uses if limit.scope.covers(use)]
    return sum(use.amount_minor if limit.measure is Measure.AMOUNT else use.quantity for use in counted)


def stops_of(uses: Iterable[LimitUse], service_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What must be stopped on each of these services now, in order; empty where nothing is."""
    stopped = [use.limit.scope for use in uses if use.state is LimitState.STOPPED]
    return {
        service_id: tuple(sorted({scope.stops for scope in stopped if scope.service_id in ("", service_id)}))
        for service_id in service_ids
    }


def takes_effect_in(cycle_number: int, present: int | None, wanted: int | None) -> int:
    """The first cycle of a new value: this one when it raises the limit, sets or removes it; else the next one.

    ``None`` is no limit. A first limit takes nothing away that was promised, so it works at once.
    """
    lowers = present is not None and wanted is not None and wanted < present
    return cycle_number + 1 if lowers else cycle_number
