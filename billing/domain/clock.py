"""The business clock: business time = a segment's origin + rate x (real time since the segment began).

Production runs one segment of rate 1. A demo or a test runs faster, so that months pass in minutes; while its stack is
down no time passes, because a new segment starts where the last one was last seen. Everything that belongs to a vendor
(key age, signature tolerance, session expiry) stays in real time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from billing.domain.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class ClockSegment:
    """One stretch of business time.

    ``real_start`` and ``business_start`` are aware UTC instants of the same moment; ``rate`` is business seconds per
    real second (1 in production, 17,280 when a day passes in five seconds). Before ``real_start`` business time stands
    still, so that a segment may begin a little later than it is made known.
    """

    real_start: datetime
    business_start: datetime
    rate: float = 1.0

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise InvalidValue(
                "Business time must move forwards.",
                field="rate",
                value=self.rate,
                remedy="Use a positive rate; 1 is normal time.",
            )

    @property
    def is_normal_time(self) -> bool:
        """True when business time is real time."""
        return self.rate == 1.0 and self.real_start == self.business_start

    def business(self, real: datetime) -> datetime:
        """The business instant at a real instant."""
        if self.is_normal_time:
            return real
        return self.business_start + (max(real, self.real_start) - self.real_start) * self.rate

    def real(self, business: datetime) -> datetime:
        """The real instant at which a business instant is reached."""
        if self.is_normal_time:
            return business
        return self.real_start + (business - self.business_start) / self.rate

    def real_duration(self, business_duration: timedelta) -> timedelta:
        """How long a business duration takes in real time."""
        return business_duration / self.rate

    def continued_from(self, last_seen_real: datetime, resumed_real: datetime, rate: float) -> ClockSegment:
        """The segment after a stop: business time goes on from where it was last seen."""
        return ClockSegment(real_start=resumed_real, business_start=self.business(last_seen_real), rate=rate)


NORMAL_TIME = ClockSegment(datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC), 1.0)
