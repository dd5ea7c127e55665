"""The sweep for people: every look is held against the cases, which open, last and close by what is found."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from billing.domain import staff_cases as kinds
from billing.ports.clock import BusinessClock
from billing.ports.staff_cases import Cause
from billing.ports.troubles import MOST_CAUSES, Troubles
from billing.ports.unit_of_work import UnitOfWorkFactory

_log = logging.getLogger(__name__)

Look = Callable[[], Awaitable[Sequence[Cause]]]

# Real time, between us and the outside.
CONFIRMED_WITHIN = timedelta(minutes=30)
PARKED_SINCE = timedelta(days=30)
HEARD_WITHIN = timedelta(minutes=30)


@dataclass(frozen=True)
class Swept:
    """What one sweep changed, and the kinds of which a look failed: nothing is known of those."""

    opened: int = 0
    closed: int = 0
    failed: tuple[str, ...] = ()


class CaseSweep:
    """One look per kind; a look that fails closes nothing, and the others are not kept waiting by it."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, looks: Mapping[str, Look]) -> None:
        self._make_work = make_work
        self._clock = clock
        self._looks = looks

    async def sweep(self) -> Swept:
        """Hold what is found against the cases, each kind in a transaction of its own."""
        return _sum(await asyncio.gather(*(self._look(kind, look) for kind, look in self._looks.items())))

    async def _look(self, kind: str, look: Look) -> Swept:
        try:
            return await self.hold(kind, await look())
        except Exception:
            _log.warning("cannot look for %s; the next round tries again", kind, exc_info=True)
            return Swept(failed=(kind,))

    async def hold(self, kind: str, causes: Sequence[Cause], *, gone: bool = True) -> Swept:
        """The causes of a kind now: new ones open, lasting ones are noted, and what is not among them is ``gone``."""
        now = self._clock.now()
        async with self._make_work() as work:
            opened = await work.staff_cases.see(causes, now)
            # With more than are told one by one, nobody knows of the rest whether it is gone.
            all_known = gone and len(causes) < MOST_CAUSES
            still = {each.key for each in causes}
            closed = await work.staff_cases.close_gone(kind, still, now) if all_known else 0
            await work.commit()
        return Swept(opened, closed)


def looks_of(
    troubles: Troubles, clock: BusinessClock, real_now: Callable[[], datetime] | None = None
) -> dict[str, Look]:
    """The looks at the database by their kinds."""
    real = real_now or (lambda: datetime.now(UTC))

    async def orders() -> Sequence[Cause]:
        return await troubles.unconfirmed_orders(clock.segment().business(real() - CONFIRMED_WITHIN))

    async def parked() -> Sequence[Cause]:
        return await troubles.parked_webhooks(real() - PARKED_SINCE)

    async def silence() -> Sequence[Cause]:
        return await troubles.silent_webhooks(real(), int(HEARD_WITHIN.total_seconds()))

    return {
        kinds.CONFIGURATION_REFUSED: troubles.refused_by_providers,
        kinds.PARKED_WEBHOOK: parked,
        kinds.ORDER_UNCONFIRMED: orders,
        kinds.HELD_USAGE_FILE: troubles.held_files,
        kinds.STUCK_STREAM: troubles.stuck_streams,
        kinds.WEBHOOK_SILENCE: silence,
    }


def _sum(parts: Sequence[Swept]) -> Swept:
    failed = tuple(sorted(kind for part in parts for kind in part.failed))
    return Swept(sum(part.opened for part in parts), sum(part.closed for part in parts), failed)
