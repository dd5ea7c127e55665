"""Barring levels: what each level restricts, and what no level may ever restrict.

A level is set, never toggled. Emergency calls, incoming SMS and the pay page work at every level. The levels here are
the named ones; ``billing.domain.restrictions`` has those of single kinds.

Beside the level, usage may be stopped by a cap: ``stop:data,sms`` names every part that is stopped, ``stop:`` none. The
two are set apart, so that lifting one never lifts the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from billing.domain.restrictions import BarKind, Restrictions

_STOP = "stop:"


class BarringLevel(StrEnum):
    """How far a service is restricted; levels are ordered none < outgoing < full."""

    NONE = "none"
    OUTGOING = "outgoing"  # soft: the customer can be reached but cannot start calls, messages or data
    FULL = "full"  # hard: neither out nor in, except what is never restricted

    @property
    def rank(self) -> int:
        """0, 1, 2: the higher, the more is restricted."""
        return _ORDER.index(self)

    def restricts_more_than(self, other: BarringLevel) -> bool:
        """True when this level goes further than the other (text order would lie: full < none)."""
        return self.rank > other.rank


_ORDER = (BarringLevel.NONE, BarringLevel.OUTGOING, BarringLevel.FULL)

NEVER_RESTRICTED = ("emergency_calls", "incoming_sms", "pay_page")
_PARTS: dict[str, BarKind] = {
    "outgoing_calls": BarKind.OUTGOING_CALLS,
    "outgoing_sms": BarKind.OUTGOING_SMS,
    "data": BarKind.DATA,
    "roaming": BarKind.ROAMING,
    "premium_services": BarKind.PREMIUM,
    "international_calls": BarKind.INTERNATIONAL,
    "incoming_calls": BarKind.INCOMING_CALLS,
}


def restrictions(level: str) -> dict[str, str]:
    """What a level means for each part of a service: ``allowed``, ``barred`` or, of data, ``throttled``.

    The payload for the network. Raises InvalidValue for what is no level.
    """
    held = Restrictions.parse(level)
    meaning = dict.fromkeys(NEVER_RESTRICTED, "allowed")
    meaning |= {part: "barred" if kind in held.kinds else "allowed" for part, kind in _PARTS.items()}
    if held.data_kbps is not None:
        meaning["data"] = "throttled"
    return meaning


def data_kbps(level: str) -> int | None:
    """The rate in kbit/s at which a level lets data go on; None when it does not throttle."""
    return Restrictions.parse(level).data_kbps


def stop_level(parts: Iterable[str]) -> str:
    """The order that stops usage of these parts and no other: ``stop:data,sms``; ``stop:`` lifts every stop."""
    return _STOP + ",".join(sorted(set(parts)))


def is_stop(level: str) -> bool:
    """True for an order about stopped usage, false for one of a barring level."""
    return level.startswith(_STOP)


def stopped_parts(level: str) -> tuple[str, ...]:
    """What an order of ``stop_level`` names; nothing for a barring level."""
    return tuple(part for part in level.removeprefix(_STOP).split(",") if part) if is_stop(level) else ()


def is_restoring(level: str) -> bool:
    """True for an order that gives something back: it lifts all restrictions, or every stop of usage."""
    return level == BarringLevel.NONE or (is_stop(level) and not stopped_parts(level))
