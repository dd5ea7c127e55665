"""The rules of the books, checked round after round: some accounts at a time, and those lately booked on every time.

A rule about single accounts walks through them, a slice a round, so that its cost does not grow with the installation;
accounts with new entries, and those of an open case, are looked at in every round. A rule that looks across accounts
is checked as a whole once a day. What a check found is kept, and a broken rule is a case until it holds again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from billing.domain.errors import InvalidValue
from billing.domain.staff_cases import INVARIANT_BROKEN
from billing.messages.invariants import CheckReport
from billing.ports.clock import BusinessClock
from billing.ports.invariants import BookChecks, Broken, CheckRun, Rule, Slice
from billing.ports.staff_cases import Cause, StaffCase
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

_log = logging.getLogger(__name__)

SLICE = 10_000
MOST_LATELY_BOOKED = 5_000
BOOKED_WITHIN = timedelta(hours=1)
WHOLE_EVERY = timedelta(days=1)
KEPT_FOR = timedelta(days=60)
MOST_KEPT = 200
EVERYTHING, SOME = "everything", "accounts"


@dataclass(frozen=True)
class RuleState:
    """How a rule stands: its newest check, when all of it had last been checked, and how often it is broken now."""

    rule: Rule
    newest: CheckRun | None
    whole_at: datetime | None
    broken: int


@dataclass(frozen=True)
class _Turn:
    """What one check looks at: a slice and some more accounts, or everything."""

    scope: str
    pass_began_at: datetime
    part: Slice | None = None
    more: tuple[str, ...] = ()

    @property
    def ends_pass(self) -> bool:
        return self.part is None or self.part.is_end

    def looked_at(self, account_id: str) -> bool:
        """Whether the check says something about this account."""
        if self.scope == EVERYTHING or account_id in self.more:
            return True
        return self.part is not None and _number(self.part.first) <= _number(account_id) <= _number(self.part.last)


class InvariantChecks:
    """Checks one rule at a time and keeps what it found."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        books: BookChecks,
        slice_size: int = SLICE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._books = books
        self._slice_size = slice_size
        self._now = now

    async def due(self) -> tuple[str, ...]:
        """The rules whose turn it is; old results are forgotten meanwhile."""
        async with self._make_work() as work:
            await work.check_runs.forget(self._now() - KEPT_FOR)
            newest = await work.check_runs.newest()
            await work.commit()
        return tuple(each.name for each in await self._books.rules() if self._is_due(each, newest.get(each.name)))

    def _is_due(self, rule: Rule, newest: CheckRun | None) -> bool:
        if rule.by_accounts or newest is None or newest.failure:
            return True
        return self._clock.now() - self._clock.segment().business(newest.started_at) >= WHOLE_EVERY

    async def states(self) -> Sequence[RuleState]:
        """How every rule stands."""
        async with self._make_work() as work:
            newest, passes = await work.check_runs.newest(), await work.check_runs.passes()
            cases = {one.subject: one for one in await work.staff_cases.lasting(INVARIANT_BROKEN)}
        return [
            RuleState(each, newest.get(each.name), passes.get(each.name), _count(cases.get(each.name)))
            for each in await self._books.rules()
        ]

    async def runs(self, rule: str = "", limit: int = 100) -> Sequence[CheckRun]:
        """The newest checks first. Raises InvalidValue for a rule there is not."""
        if rule:
            await self._rule(rule)
        async with self._make_work() as work:
            return await work.check_runs.runs(rule, limit)

    async def check(self, name: str) -> CheckReport:
        """Check one rule as far as its turn goes. What cannot be checked is reported, and tried in the next round."""
        rule = await self._rule(name)
        async with self._make_work() as work:
            turn = await self._turn(work, rule)
        started_at, began = self._now(), time.monotonic()
        found: Sequence[Broken] = ()
        failure = ""
        try:
            found = await self._books.find(name, turn.part, turn.more)
        except Exception as error:
            _log.warning("the rule %r could not be checked; the next round tries again", name, exc_info=True)
            failure = type(error).__name__
        run = _run(rule, turn, started_at, int((time.monotonic() - began) * 1000), found, failure)
        async with self._make_work() as work:
            await work.check_runs.add(run)
            if not failure:
                await self._hold_case(work, rule, turn, found)
            await work.commit()
        return CheckReport(name, run.violations, run.duration_ms, run.ends_pass, failure)

    async def _rule(self, name: str) -> Rule:
        known = {each.name: each for each in await self._books.rules()}
        if name not in known:
            raise InvalidValue(
                "There is no such rule.", field="rule", value=name, remedy=f"Use one of: {', '.join(known)}."
            )
        return known[name]

    async def _turn(self, work: UnitOfWork, rule: Rule) -> _Turn:
        now = self._now()
        if not rule.by_accounts:
            return _Turn(EVERYTHING, now)
        last = await work.check_runs.last(rule.name)
        goes_on = last is not None and not last.ends_pass
        part = await self._books.next_slice(last.last_account_id if last and goes_on else None, self._slice_size)
        if part is None and last is not None and goes_on:
            part = await self._books.next_slice(None, self._slice_size)
            goes_on = False
        since = self._clock.segment().business(now - BOOKED_WITHIN)
        more = set(await self._books.lately_booked(since, MOST_LATELY_BOOKED))
        more |= {one["account_id"] for case in await self._case(work, rule) for one in _places(case)}
        began_at = last.pass_began_at if last is not None and goes_on else now
        return _Turn(SOME, began_at, part, tuple(sorted(more - {""})))

    async def _case(self, work: UnitOfWork, rule: Rule) -> Sequence[StaffCase]:
        return await work.staff_cases.lasting(INVARIANT_BROKEN, None, rule.name)

    async def _hold_case(self, work: UnitOfWork, rule: Rule, turn: _Turn, found: Sequence[Broken]) -> None:
        """The case lists where the rule is broken: what this check did not look at stands as it was."""
        now = self._clock.now()
        places = {(one.account_id, one.what): {"account_id": one.account_id, "what": one.what} for one in found}
        for case in await self._case(work, rule):
            for place in _places(case):
                if not turn.looked_at(place["account_id"]):
                    places.setdefault((place["account_id"], place["what"]), dict(place))
        if not places:
            await work.staff_cases.gone(INVARIANT_BROKEN, None, rule.name, now)
            return
        listed = [places[each] for each in sorted(places)]
        first = listed[0]
        cause = Cause(
            INVARIANT_BROKEN,
            rule.name,
            f"{rule.name}: {len(listed)} broken, the first: {first['account_id']} {first['what']}".replace(":  ", ": "),
            facts={
                "rule": rule.name,
                "means": rule.means,
                "what_to_do": rule.remedy,
                "count": len(listed),
                "places": listed[:MOST_KEPT],
            },
        )
        await work.staff_cases.see([cause], now)


def _run(
    rule: Rule, turn: _Turn, started_at: datetime, duration_ms: int, found: Sequence[Broken], failure: str
) -> CheckRun:
    return CheckRun(
        rule=rule.name,
        started_at=started_at,
        duration_ms=duration_ms,
        scope=turn.scope,
        pass_began_at=turn.pass_began_at,
        ends_pass=turn.ends_pass and not failure,
        violations=len({(one.account_id, one.what) for one in found}),
        first_account_id=turn.part.first if turn.part else None,
        last_account_id=turn.part.last if turn.part else None,
        examples=[{"account_id": one.account_id, "what": one.what} for one in found[:20]],
        failure=failure,
    )


def _places(case: StaffCase) -> Sequence[Mapping[str, Any]]:
    places: Sequence[Mapping[str, Any]] = case.facts.get("places", ())
    return places


def _count(case: StaffCase | None) -> int:
    return 0 if case is None else int(case.facts.get("count", 0))


def _number(account_id: str) -> int:
    head = account_id.rpartition("_")[2]
    return int(head) if head.isdigit() else -1
