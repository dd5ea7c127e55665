"""Barring levels: what each level restricts, and what no level may ever restrict.

A level is set, never toggled. Emergency calls, incoming SMS and the pay page work at every level.

Beside the level, usage may be stopped by a cap: ``stop:data,sms`` names every part that is stopped, ``stop:`` none. The
two are set apart, so that lifting one never lifts the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

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
_OUTGOING = ("outgoing_calls", "outgoing_sms", "data", "roaming", "premium_services")
_INCOMING = ("incoming_calls",)
_RESTRICTED: dict[BarringLevel, tuple[str, ...]] = {
    BarringLevel.NONE: (),
    BarringLevel.OUTGOING: _OUTGOING,
    BarringLevel.FULL: _OUTGOING + _INCOMING,
}


def restrictions(level: BarringLevel) -> dict[str, str]:
    """What a level means for each part of a service: ``allowed`` or ``barred``; the payload for the network."""
    parts = NEVER_RESTRICTED + _OUTGOING + _INCOMING
    return {part: "barred" if part in _RESTRICTED[level] else "allowed" for part in parts}


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
