"""Numbers that moved: the usage that was counted before everybody knew follows them to the right account and plan.

A move is recorded with the command that makes it and stays pending until its usage has followed, so nothing is lost
when a process dies in between; upkeep takes up what is pending.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from billing.domain.errors import InvalidValue
from billing.domain.numbers import directory_spelling
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.numbers import NumberMove
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage_corrections import MOVED, Change, EventsOf
from billing.services.upkeep import PartlyDone
from billing.services.usage_counting import UsageCounting
from billing.services.usage_decisions import stated
from billing.services.usage_dropped import dropped_between, in_words
from billing.services.usage_following import Followed, UsageFollowing
from billing.services.usage_mending import UsageMending
from billing.services.usage_records import AHEAD

_logger = logging.getLogger(__name__)
_WORDS = {
    "activated": "was activated",
    "ended": "was given up",
    "ported": "was ported",
    "plan_changed": "changed its plan",
}


class UsageMoves:
    """Lets counted and waiting usage follow numbers."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        following: UsageFollowing,
        mending: UsageMending,
        counting: UsageCounting,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._following = following
        self._mending = mending
        self._counting = counting

    async def number_moved(self, move: NumberMove) -> None:
        """Follow a move that was just committed. Never fails: what is not followed now stays pending for upkeep."""
        try:
            await self.follow(move)
        except Exception:
            _logger.warning("usage follows %s later", move.move_id, exc_info=True)

    async def follow_pending(self) -> int:
        """Follow moves that are pending, the oldest first; answers how many events and records went elsewhere.

        Raises PartlyDone when some could not be followed; they stay pending and keep no other one waiting.
        """
        async with self._make_work() as work:
            moves = await work.accounts.pending_number_moves()
        done, failures = 0, list[Exception]()
        for move in moves:
            try:
                done += await self.follow(move)
            except Exception as error:
                failures.append(error)
        if failures:
            raise PartlyDone(done, len(failures)) from failures[0]
        return done

    async def follow(self, move: NumberMove) -> int:
        """Follow one move; may be repeated. Answers how many events and waiting records are counted elsewhere now."""
        why = f"{move.identifier} {_WORDS.get(move.kind, move.kind)} at {move.since.isoformat()} ({move.move_id})"
        followed = Followed()
        if move.from_account_id is not None:
            wanted = self._of_number(move.identifier, move.since, [move.from_account_id])
            followed = await self._follow(wanted, Change(MOVED, why, "evenflow", self._clock.now()))
        resolved = await self._guide_waiting(move.identifier)
        async with self._make_work() as work:
            await self._tell_archived(work, move, why)
            await work.accounts.mark_number_moved(move.move_id, self._clock.now())
            await work.commit()
        return followed.changed + followed.recycled + followed.repeats + resolved

    async def guide_again(self, identifier: str, since: datetime, author: str, reason: str) -> Followed:
        """Guide what was counted of a number from an instant on again, by the directory as it is now.

        Raises InvalidValue for an instant that is not behind us, or behind archived days; and without a number or a
        reason.
        """
        if not identifier:
            raise InvalidValue("Whose usage?", field="identifier", value="", remedy="Name the number of one line.")
        now = self._clock.now()
        if since >= now:
            raise InvalidValue("It is not behind us.", field="since", value=since, remedy="Use an earlier instant.")
        change = Change(MOVED, stated(reason), author, now)
        async with self._make_work() as work:
            days = await dropped_between(work, since, now)
        if days:
            remedy = f"Use an instant after {days[-1]} (UTC), and correct what lies before by adjustments."
            message = f"Usage is archived ({in_words(days)}), and cannot be guided again."
            raise InvalidValue(message, field="since", value=since.isoformat(), remedy=remedy)
        return await self._follow(self._of_number(identifier, since, ()), change)

    async def _tell_archived(self, work: UnitOfWork, move: NumberMove, why: str) -> None:
        """Say on the account it stays with that usage of archived days does not follow."""
        now = self._clock.now()
        days = await dropped_between(work, move.since, now) if move.from_account_id else ()
        if days and move.from_account_id:
            summary = f"Usage that is archived did not follow its number: {in_words(days)}"
            reason = {"rule": "archived usage stays where it was counted; correct it by adjustments", "why": why}
            await work.timeline.add(TimelineEntry(move.from_account_id, now, "usage.archived", summary, reason))

    def _of_number(self, identifier: str, since: datetime, accounts: Sequence[str]) -> EventsOf:
        last = self._clock.now() + AHEAD + timedelta(days=1)
        return EventsOf(since, max(since, last), identifiers=_spellings(identifier), accounts=accounts)

    async def _follow(self, wanted: EventsOf, change: Change) -> Followed:
        async with self._make_work() as work:
            # Whoever guided by the directory as it was has stored what it guided.
            await work.usage.wait_for_intake()
        total = Followed()
        while True:
            async with self._make_work() as work:
                await work.usage.begin_intake()
                page = await self._following.follow_page(work, wanted, change, total.last)
                await work.commit()
            await self._counting.count_few(sorted(page.accounts))
            total = total.plus(page)
            if page.last is None:
                return total

    async def _guide_waiting(self, identifier: str) -> int:
        return sum([(await self._mending.reguide(each)).resolved for each in _spellings(identifier)])


def _spellings(identifier: str) -> Sequence[str]:
    """How records may write a number that the directory spells with a +."""
    spelled = directory_spelling(identifier)
    bare = spelled.removeprefix("+")
    return [spelled, bare] if directory_spelling(bare) == spelled and bare != spelled else [spelled]
