"""Alerts to staff: what newly needs a person, at most once per case, and a digest of what is open, once a day.

An alert is stored with the cases it is about in one transaction, then claimed, then sent. What a vendor certainly did
not take is tried again; what it may have taken is looked for in its log and never sent twice. The digest is the net
under that: it lists every case that is not closed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from billing.domain.staff_cases import CaseState, Severity, kind_of
from billing.ports.alerts import Alert, AlertChannel, StoredAlert
from billing.ports.clock import BusinessClock
from billing.ports.messenger import Accepted, SendOutcome, Unknown, VendorBusy, VendorRefusesUs
from billing.ports.staff_cases import CaseFilter, StaffCase
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.staff_alert_words import digest_of, news_of

_log = logging.getLogger(__name__)

ANSWERED_WITHIN = timedelta(minutes=5)
MOST_IN_A_DIGEST = 200


@dataclass(frozen=True)
class AlertRules:
    """Who is told what. ``least_severity`` is the mildest that is told at once; the digest tells all, at
    ``digest_hour`` UTC. ``console`` is the address of the console, for links."""

    least_severity: Severity = Severity.HIGH
    digest_hour: int = 7
    console: str = ""

    @property
    def severities(self) -> tuple[str, ...]:
        """Those told at once."""
        ordered = list(Severity)
        return tuple(one.value for one in ordered[: ordered.index(self.least_severity) + 1])


def real_now() -> datetime:
    """The vendors' time."""
    return datetime.now(UTC)


class StaffAlerts:
    """Tells staff by every channel there is; without one it does nothing."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        channels: Sequence[AlertChannel],
        rules: AlertRules,
        now: Callable[[], datetime] = real_now,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._channels = {one.address: one for one in channels}
        self._rules = rules
        self._now = now

    async def tell(self) -> int:
        """Write down what is to be told, and send what waits; how many alerts were taken."""
        if not self._channels:
            return 0
        await self._settle_left_behind()
        await self._write_news()
        await self._write_digest()
        async with self._make_work() as work:
            claimed = await work.alerts.claim(self._now())
            await work.commit()
        return sum([await self._send(one) for one in claimed])

    async def _write_news(self) -> None:
        """One alert about all cases that became due since the last look."""
        async with self._make_work() as work:
            due = [one for one in await work.alerts.untold(self._rules.severities) if self._is_due(one)]
            if not due:
                return
            first = due[0]
            alert = news_of(f"cases/{first.case_id}/{first.times_opened}", due, self._rules.console)
            await work.alerts.add(alert, list(self._channels), "waiting", self._now())
            for case in due:
                await work.staff_cases.change(case, {"told_at": self._clock.now()})
            await work.commit()

    def _is_due(self, case: StaffCase) -> bool:
        """What mends itself within its kind's time calls nobody."""
        lasted = self._now() - self._clock.segment().real(case.opened_at)
        return lasted >= kind_of(case.kind).told_after

    async def _write_digest(self) -> None:
        now = self._clock.now()
        if now.hour < self._rules.digest_hour:
            return
        async with self._make_work() as work:
            alert = await self._digest(work, now)
            status = "waiting" if alert.cases else "nothing"
            if await work.alerts.add(alert, list(self._channels), status, self._now()):
                await work.commit()

    async def _digest(self, work: UnitOfWork, now: datetime) -> Alert:
        states = (CaseState.OPEN.value, CaseState.ACKNOWLEDGED.value)
        found = await work.staff_cases.find(CaseFilter(states=states, limit=MOST_IN_A_DIGEST))
        counts = await work.staff_cases.counts()
        return digest_of(f"digest/{now:%Y-%m-%d}", found, counts, now, self._rules.console)

    async def _send(self, stored: StoredAlert) -> bool:
        """True when it was taken. What certainly was not taken waits for the next round."""
        channel = self._channels.get(stored.address)
        if channel is None:
            await self._note(stored, "refused", explanation="this address is not in the settings any more")
            return False
        try:
            outcome = await channel.send(_alert(stored))
        except (VendorBusy, VendorRefusesUs) as fault:
            _log.warning("alert %s to %s waits: %s", stored.alert, stored.address, fault)
            await self._note(stored, "waiting", explanation=type(fault).__name__)
            return False
        await self._note_outcome(stored, outcome)
        return isinstance(outcome, Accepted)

    async def _note_outcome(self, stored: StoredAlert, outcome: SendOutcome) -> None:
        match outcome:
            case Accepted(reference=reference):
                await self._note(stored, "sent", reference)
            case Unknown(explanation=explanation):
                await self._note(stored, "sending", explanation=explanation)
            case _:
                _log.error("alert %s to %s is refused: %s", stored.alert, stored.address, outcome.explanation)
                await self._note(stored, "refused", explanation=outcome.explanation)

    async def _settle_left_behind(self) -> None:
        """Nobody knows whether these left: the vendor's log is asked, and none is sent again."""
        async with self._make_work() as work:
            behind = await work.alerts.left_behind(self._now() - ANSWERED_WITHIN)
        for one in behind:
            channel = self._channels.get(one.address)
            found = await channel.find(_alert(one), one.created_at) if channel else None
            await self._note(one, "sent" if found else "unknown", found.reference if found else "")

    async def _note(self, stored: StoredAlert, status: str, reference: str = "", explanation: str = "") -> None:
        finished = None if status in ("waiting", "sending") else self._now()
        values = {"status": status, "reference": reference, "explanation": explanation[:500], "finished_at": finished}
        async with self._make_work() as work:
            await work.alerts.change(stored, values)
            await work.commit()


def _alert(stored: StoredAlert) -> Alert:
    message = stored.message
    return Alert(stored.alert, str(message["subject"]), str(message["text"]), tuple(message["cases"]))
