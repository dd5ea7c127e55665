"""Restrictions by kind: what is barred on a service, why, and the one level the network is told.

A cause (a debt, a lost phone, a court) holds kinds of use; several causes may hold one kind, and lifting one leaves the
others. What the network is told is the union of all kinds held, as one level that is set:

    none, outgoing, full                  the named sets
    bars:international,premium            any other set, its kinds in alphabetical order
    bars:data_throttled@512               data goes on at 512 kbit/s

Emergency calls, incoming SMS and the pay page are in no kind, and data for the pay page is not throttled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from billing.domain.errors import InvalidValue

_BARS = "bars:"
LEAST_KBPS, MOST_KBPS = 16, 1_000_000


class BarKind(StrEnum):
    """One kind of use that can be restricted by itself."""

    OUTGOING_CALLS = "outgoing_calls"  # calls abroad included
    OUTGOING_SMS = "outgoing_sms"
    INTERNATIONAL = "international"  # calls to other countries
    PREMIUM = "premium"  # services that are charged beyond the call or message
    ROAMING = "roaming"  # everything from a network abroad
    DATA = "data"
    DATA_THROTTLED = "data_throttled"  # data goes on, at a rate
    INCOMING_CALLS = "incoming_calls"


class Cause(StrEnum):
    """Why a kind is restricted."""

    DUNNING = "dunning"  # an overdue debt
    LIMIT = "limit"  # a cap on usage; ordered apart, as a usage stop
    FRAUD = "fraud"
    LOST_OR_STOLEN = "lost_or_stolen"
    CUSTOMER = "customer"  # the customer's own wish
    COURT = "court"  # an order of a court or an authority
    OPERATOR = "operator"  # a person of ours, for another reason


# What a person may give as the cause; the others belong to the system.
CAUSES_OF_PERSONS = (Cause.OPERATOR, Cause.CUSTOMER, Cause.LOST_OR_STOLEN, Cause.FRAUD, Cause.COURT)
LIFTED_BY_PERSONS = (*CAUSES_OF_PERSONS, Cause.DUNNING)
# What a person lifts without naming causes: the rest is lifted only by its name.
LIFTED_UNNAMED = (Cause.OPERATOR, Cause.DUNNING)
# The customer wanted it, and is told that it was done.
CAUSES_ASKED_FOR = (Cause.CUSTOMER, Cause.LOST_OR_STOLEN)
# Of these the customer is told by a person, or not at all.
CAUSES_NOT_TOLD = (Cause.FRAUD, Cause.COURT)

_OUTGOING = frozenset(BarKind) - {BarKind.DATA_THROTTLED, BarKind.INCOMING_CALLS}
_NAMED: dict[str, frozenset[BarKind]] = {
    "none": frozenset(),
    "outgoing": _OUTGOING,
    "full": _OUTGOING | {BarKind.INCOMING_CALLS},
}


@dataclass(frozen=True, slots=True)
class Restrictions:
    """A set of kinds; ``data_kbps`` is the rate of throttled data (None: not throttled).

    What another kind contains is added or dropped: outgoing calls contain international ones, barred data is not
    throttled as well.
    """

    kinds: frozenset[BarKind] = frozenset()
    data_kbps: int | None = None

    def __post_init__(self) -> None:
        kinds = set(self.kinds)
        if BarKind.OUTGOING_CALLS in kinds:
            kinds.add(BarKind.INTERNATIONAL)
        if BarKind.DATA in kinds:
            kinds.discard(BarKind.DATA_THROTTLED)
        throttled = BarKind.DATA_THROTTLED in kinds
        if throttled and (self.data_kbps is None or not LEAST_KBPS <= self.data_kbps <= MOST_KBPS):
            raise _bad_rate(self.data_kbps)
        object.__setattr__(self, "kinds", frozenset(kinds))
        object.__setattr__(self, "data_kbps", self.data_kbps if throttled else None)

    @property
    def level(self) -> str:
        """The one name of this set, as the network is told it and as it is stored."""
        named = next((name for name, kinds in _NAMED.items() if kinds == self.kinds), None)
        return named if named is not None else _BARS + ",".join(self._written(kind) for kind in sorted(self.kinds))

    def _written(self, kind: BarKind) -> str:
        return f"{kind}@{self.data_kbps}" if kind is BarKind.DATA_THROTTLED else kind.value

    def __or__(self, other: Restrictions) -> Restrictions:
        """Both together; of two rates the slower."""
        rates = [rate for rate in (self.data_kbps, other.data_kbps) if rate is not None]
        return Restrictions(self.kinds | other.kinds, min(rates, default=None))

    def __and__(self, other: Restrictions) -> Restrictions:
        """What both restrict; of two rates the faster, and barred data restricts throttled data too."""
        kinds = self.kinds & other.kinds
        if BarKind.DATA not in kinds and all(one.limits_data for one in (self, other)):
            rates = [rate for rate in (self.data_kbps, other.data_kbps) if rate is not None]
            return Restrictions(kinds | {BarKind.DATA_THROTTLED}, max(rates))
        return Restrictions(kinds)

    @property
    def limits_data(self) -> bool:
        """Whether data is barred or slowed down."""
        return bool(self.kinds & {BarKind.DATA, BarKind.DATA_THROTTLED})

    def covers(self, other: Restrictions) -> bool:
        """True when the other restricts nothing that this does not."""
        return (self | other) == self

    @classmethod
    def parse(cls, level: str) -> Restrictions:
        """The set a level names. Raises InvalidValue for what names none."""
        if level in _NAMED:
            return cls(_NAMED[level])
        if not level.startswith(_BARS):
            raise _bad_level(level)
        words = [word.partition("@") for word in level.removeprefix(_BARS).split(",")]
        rates = [rate for _, at, rate in words if at]
        slowed = [name for name, at, _ in words if at]
        unknown = any(name not in _KINDS for name, _, _ in words) or any(not _is_rate(rate) for rate in rates)
        if unknown or any(name != BarKind.DATA_THROTTLED for name in slowed):
            raise _bad_level(level)
        return cls(frozenset(_KINDS[name] for name, _, _ in words), int(rates[0]) if rates else None)


_KINDS = {kind.value: kind for kind in BarKind}
# What a person or a policy may name: a kind, or a set of kinds.
NAMES = (*_KINDS, "outgoing", "full")
NOTHING = Restrictions()


def named(names: Iterable[str], data_kbps: int | None = None, field: str = "kinds") -> Restrictions:
    """The set of kinds and named sets, as a person wrote them. Raises InvalidValue naming the field."""
    kinds = kinds_of(names, field)
    if BarKind.DATA_THROTTLED not in kinds and data_kbps is not None:
        raise InvalidValue(
            "A rate belongs to throttled data.",
            field="data_kbps",
            value=data_kbps,
            remedy="Name the kind data_throttled, or leave the rate out.",
        )
    return Restrictions(kinds, data_kbps)


def kinds_of(names: Iterable[str], field: str = "kinds") -> frozenset[BarKind]:
    """The kinds that these names stand for. Raises InvalidValue naming the field."""
    kinds: set[BarKind] = set()
    for place, name in enumerate(names):
        if name in _KINDS:
            kinds.add(_KINDS[name])
        elif name in NAMES:
            kinds |= _NAMED[name]
        else:
            raise InvalidValue(
                "There is no such kind of restriction.",
                field=f"{field}[{place}]",
                value=name,
                remedy=f"Use any of {', '.join(NAMES)}.",
            )
    return frozenset(kinds)


def unusable_bar(names: Iterable[str], data_kbps: int | None, cause: str) -> InvalidValue | None:
    """Why a person cannot restrict these kinds for this cause; None when it may be done."""
    try:
        named(names, data_kbps)
    except InvalidValue as refusal:
        return refusal
    if cause and cause not in CAUSES_OF_PERSONS:
        return InvalidValue(
            "A person does not restrict for this cause.",
            field="cause",
            value=cause,
            remedy=f"Use {', '.join(CAUSES_OF_PERSONS)}; debts and caps restrict by their own rules.",
        )
    return None


def unusable_lifting(names: Iterable[str], causes: Iterable[str]) -> InvalidValue | None:
    """Why these kinds of these causes cannot be lifted by a person; None when they may be."""
    try:
        kinds_of(names)
    except InvalidValue as refusal:
        return refusal
    for place, cause in enumerate(causes):
        if cause not in LIFTED_BY_PERSONS:
            return InvalidValue(
                "A person does not lift what this cause holds.",
                field=f"causes[{place}]",
                value=cause,
                remedy=f"Use {', '.join(LIFTED_BY_PERSONS)}; what a cap stopped is lifted by its limit.",
            )
    return None


def is_level(level: str) -> bool:
    """Whether a text names a set of restrictions, in the one way it is written."""
    try:
        return Restrictions.parse(level).level == level
    except InvalidValue:
        return False


def union(levels: Iterable[str]) -> str:
    """The level that restricts whatever any of these does."""
    together = NOTHING
    for level in levels:
        together |= Restrictions.parse(level)
    return together.level


def in_all(levels: Iterable[str]) -> str:
    """The level that restricts what every one of these does; none of no levels."""
    sets = [Restrictions.parse(level) for level in levels]
    common = sets[0] if sets else NOTHING
    for one in sets[1:]:
        common &= one
    return common.level


def goes_beyond(level: str, present: str) -> bool:
    """True when a level restricts anything that the present one does not."""
    return not Restrictions.parse(present).covers(Restrictions.parse(level))


def _is_rate(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(MOST_KBPS))


def _bad_level(level: str) -> InvalidValue:
    return InvalidValue(
        "There is no such level.",
        field="level",
        value=level,
        remedy=f"Use none, outgoing, full, or {_BARS} and kinds divided by commas: {', '.join(_KINDS)}.",
    )


def _bad_rate(rate: int | None) -> InvalidValue:
    return InvalidValue(
        "Throttled data needs its rate.",
        field="data_kbps",
        value="" if rate is None else rate,
        remedy=f"Give kilobits per second, {LEAST_KBPS} to {MOST_KBPS}.",
    )
