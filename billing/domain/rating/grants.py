"""Grants: quantities a service may draw beside its plan's allowances, rolled over from an earlier cycle or bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from billing.domain.rating.allowance import Allowance
from billing.domain.rating.bands import Band

_NEVER = datetime.max.replace(tzinfo=UTC)


class Origin(StrEnum):
    """Where a quantity comes from."""

    PLAN = "plan"
    ROLLOVER = "rollover"
    ADD_ON = "add_on"


@dataclass(frozen=True, slots=True)
class Grant:
    """``quantity`` that may be drawn in one cycle under the limits of ``allowance`` (whose own quantity is not used).

    ``valid_from`` and ``valid_to`` are instants within the cycle, half-open; None: as long as the cycle. ``expires_at``
    is when the grant itself ends, which decides the order of drawing: soonest first, None last. ``rolls_from`` is the
    plan's allowance it is left from, if any; ``lives_on`` when what this cycle leaves may be drawn in the next one.
    """

    code: str
    allowance: Allowance
    quantity: int
    origin: Origin
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    expires_at: datetime | None = None
    rolls_from: str = ""
    lives_on: bool = False

    @property
    def boundaries(self) -> tuple[datetime, ...]:
        """The instants at which counters split: what may be drawn changes there."""
        return tuple(at for at in (self.valid_from, self.valid_to) if at is not None)

    def covers(self, band: Band, drawing_from: datetime | None) -> bool:
        """True when usage of a band may draw that started from ``drawing_from`` on (None: from the cycle's begin)."""
        if self.valid_from is not None and (drawing_from is None or drawing_from < self.valid_from):
            return False
        if self.valid_to is not None and drawing_from is not None and drawing_from >= self.valid_to:
            return False
        return band.is_within(self.allowance)

    @property
    def place_in_order(self) -> tuple[datetime, bool, str]:
        """Soonest expiry first; then what was rolled over, then what was bought."""
        return self.expires_at or _NEVER, self.origin is Origin.ADD_ON, self.code


@dataclass(frozen=True, slots=True)
class ServiceGrants:
    """What one service may draw beside its plan. ``places`` are its entries among the services that are rated together
    (several when its plan changed within the cycle); ``carried`` is what later cycles already took out of its plan's
    allowances, by (place, allowance code), so that nothing is drawn twice.
    """

    places: Sequence[int]
    grants: Sequence[Grant] = ()
    carried: Mapping[tuple[int, str], int] = field(default_factory=dict)
