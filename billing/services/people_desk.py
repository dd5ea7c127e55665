"""What upkeep does for people: looks for what needs one, and tells staff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from billing.domain.staff_cases import KINDS
from billing.ports.staff_cases import Cause
from billing.services.case_sweep import CaseSweep, Swept
from billing.services.staff_alerts import StaffAlerts
from billing.services.upkeep import Looked


class SweptPartly(Exception):
    """A look failed; the others are held against the cases."""


class UpkeepDesk:
    """The sweep and the alerts, as a round of upkeep calls them."""

    def __init__(self, sweep: CaseSweep, alerts: StaffAlerts) -> None:
        self._sweep = sweep
        self._alerts = alerts

    async def look(self) -> Looked:
        """Raises SweptPartly naming the kinds that could not be looked for; all else is done then."""
        swept = await self._sweep.sweep()
        if swept.failed:
            raise SweptPartly(f"no look for {', '.join(swept.failed)}")
        return Looked(swept.opened, swept.closed)

    async def hold(self, said: Mapping[str, Sequence[Cause]]) -> Looked:
        """A kind that does not close itself keeps its cases; of all others, what is not said any more is gone."""
        parts: list[Swept] = []
        for kind, causes in said.items():
            parts.append(await self._sweep.hold(kind, causes, gone=KINDS[kind].closes_itself))
        return Looked(sum(one.opened for one in parts), sum(one.closed for one in parts))

    async def tell(self) -> int:
        return await self._alerts.tell()
