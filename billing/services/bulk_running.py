"""Carrying out a bulk action: batch by batch, a few accounts at a time, each at most once, whatever dies meanwhile.

What becomes of an account is written down as soon as it is known; who comes after a death goes on with those that are
not, and asks again under the same command id, which is answered as the first time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from billing.domain.bulk_actions import WAITING, BulkKind, BulkOrder, BulkOutcome, BulkState
from billing.domain.bulk_standing import Standing, changed_since, foresee, way_back
from billing.domain.errors import Refusal
from billing.domain.work_list import WorkFilter
from billing.messages.bulk_actions import BulkBatch, BulkBatchRequest, BulkNote, BulkReport
from billing.messages.identities import bulk_command_id
from billing.ports.bulk_actions import BulkAccount, BulkAction
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.ports.work_list import AccountFacts, WorkList
from billing.services.bulk_commands import BulkCommands, Said, in_one_line, standing_after, weighed

_log = logging.getLogger(__name__)
AT_ONCE = 5
TRIES = 3
PAUSE_SECONDS = 2.0
_NOT_MATCHING = "it does not match the filter any more"


@dataclass(frozen=True)
class _Turn:
    """One account's turn within an action."""

    action: BulkAction
    order: BulkOrder
    chosen: BulkAccount
    facts: AccountFacts
    now: datetime


@dataclass(frozen=True)
class _Ended:
    """What became of an account."""

    outcome: BulkOutcome
    detail: str = ""
    after: Standing | None = None


class BulkRunning:
    """The steps of an action, as its process calls them; every one may be called again."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, work_list: WorkList, commands: BulkCommands
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._work_list = work_list
        self._commands = commands

    async def next_batch(self, request: BulkBatchRequest) -> BulkBatch:
        """Accounts whose turn it is; none when all have had theirs."""
        async with self._make_work() as work:
            waiting = await work.bulk_actions.waiting(request.bulk_id, request.limit)
        return BulkBatch(request.bulk_id, tuple(waiting))

    async def carry_out(self, batch: BulkBatch, alive: Callable[[], None] = lambda: None) -> int:
        """Give the accounts of a batch their turn; how many had it. It ends early when the action stands still.

        ``alive`` is called after each account.
        """
        turns = await self._turns(batch)
        places = asyncio.Semaphore(AT_ONCE)

        async def one(turn: _Turn) -> bool:
            async with places:
                if not await self._is_running(batch.bulk_id):
                    return False
                await self._take(turn)
                alive()
                return True

        return sum(await asyncio.gather(*(one(turn) for turn in turns)))

    async def _turns(self, batch: BulkBatch) -> list[_Turn]:
        """Those that have not had theirs; those that do not match any more are skipped here."""
        now = self._clock.now()
        async with self._make_work() as work:
            action = await work.bulk_actions.get(batch.bulk_id)
            rows = await work.bulk_actions.of(batch.bulk_id, batch.account_ids)
        waiting = [one for one in rows if one.status in WAITING]
        still = await self._still_chosen(action, waiting, now)
        for one in waiting:
            if one.account_id not in still:
                await self._end(one, _Ended(BulkOutcome.SKIPPED, _NOT_MATCHING))
        facts = await self._work_list.facts(sorted(still), now)
        order = BulkOrder.from_dict(action.definition)
        return [_Turn(action, order, one, facts[one.account_id], now) for one in waiting if one.account_id in still]

    async def _still_chosen(self, action: BulkAction, waiting: Sequence[BulkAccount], now: datetime) -> set[str]:
        """Whose command is on the way already is asked again, whatever it changed about the filter."""
        asked = {one.account_id for one in waiting if one.status == BulkOutcome.ASKED}
        fresh = [one.account_id for one in waiting if one.status != BulkOutcome.ASKED]
        if action.undoes is not None:
            return asked | set(fresh)
        return asked | await self._work_list.still_matching(WorkFilter.from_dict(action.chosen_by), now, fresh)

    async def _is_running(self, bulk_id: str) -> bool:
        async with self._make_work() as work:
            return (await work.bulk_actions.get(bulk_id)).state == BulkState.RUNNING

    async def _take(self, turn: _Turn) -> None:
        if turn.order.kind is BulkKind.UNDO:
            await self._put_back(turn)
        else:
            await self._change(turn)

    async def _change(self, turn: _Turn) -> None:
        """The order of the action, unless it is foreseen that it would not be carried out."""
        before = weighed(turn.facts).standing
        if turn.chosen.status == BulkOutcome.ASKED:
            before = Standing.from_dict(turn.chosen.before or {})
        else:
            seen = foresee(turn.order, weighed(turn.facts), turn.now)
            if seen.outcome is not BulkOutcome.DONE:
                await self._end(turn.chosen, _Ended(seen.outcome, seen.why))
                return
            await self._asked(turn, before)
        ended = await self._ask(turn, turn.order, bulk_command_id(turn.action.bulk_id, turn.facts.account_id))
        if ended.outcome is BulkOutcome.DONE:
            ended = replace(ended, after=standing_after(turn.order, before))
        await self._end(turn.chosen, ended)

    async def _put_back(self, turn: _Turn) -> None:
        """How the account stood before the undone action, where nobody changed it since."""
        found, first = weighed(turn.facts).standing, await self._undone(turn)
        before, after = Standing.from_dict(first.before or {}), Standing.from_dict(first.after or {})
        if turn.chosen.status == BulkOutcome.ASKED:
            # Some of its commands may have been carried out: they are the same ones as then, and are answered again.
            orders = way_back(before, after, Standing.from_dict(turn.chosen.before or {}), turn.now)
        else:
            why = changed_since(before, after, found, turn.now)
            if why:
                await self._end(turn.chosen, _Ended(BulkOutcome.SKIPPED, why))
                return
            orders = way_back(before, after, found, turn.now)
            await self._asked(turn, found)
        await self._end(turn.chosen, await self._ask_all(turn, orders, before))

    async def _undone(self, turn: _Turn) -> BulkAccount:
        async with self._make_work() as work:
            assert turn.action.undoes is not None
            return (await work.bulk_actions.of(turn.action.undoes, [turn.facts.account_id]))[0]

    async def _ask_all(self, turn: _Turn, orders: Sequence[BulkOrder], before: Standing) -> _Ended:
        if not orders:
            return _Ended(BulkOutcome.UNCHANGED, "it stands as it stood before")
        said = []
        for number, order in enumerate(orders, start=1):
            command_id = bulk_command_id(turn.action.bulk_id, turn.facts.account_id, number)
            ended = await self._ask(turn, order, command_id)
            if ended.outcome is not BulkOutcome.DONE:
                return ended
            said.append(ended.detail)
        return _Ended(BulkOutcome.DONE, " ".join(said), before)

    async def _ask(self, turn: _Turn, order: BulkOrder, command_id: str) -> _Ended:
        """Give the command; a process that does not answer is asked again, a few times."""
        action = turn.action
        said = Said(command_id, action.author, f"{action.reason} (bulk action {action.bulk_id})")
        fault: Exception | None = None
        for attempt in range(TRIES):
            try:
                return _Ended(BulkOutcome.DONE, await self._commands.carry_out(order, turn.facts, said))
            except Refusal as refusal:
                return _Ended(BulkOutcome.REFUSED, in_one_line(refusal))
            except Exception as met:
                fault = met
                _log.warning("%s: %s gave no answer: %r", action.bulk_id, turn.facts.account_id, met)
                await asyncio.sleep(PAUSE_SECONDS * (attempt + 1))
        why = f"its process gave no answer ({type(fault).__name__}); the command may still be carried out"
        return _Ended(BulkOutcome.FAILED, why)

    async def _asked(self, turn: _Turn, before: Standing) -> None:
        """Before the command is given: how the account stands, so that there is a way back whatever dies now."""
        await self._note(turn.chosen, {"status": BulkOutcome.ASKED.value, "before": before.to_dict()})

    async def _end(self, chosen: BulkAccount, ended: _Ended) -> None:
        values = {"status": ended.outcome.value, "detail": ended.detail[:500], "finished_at": self._clock.now()}
        after = {"after": ended.after.to_dict()} if ended.after else {}
        await self._note(chosen, values | after)

    async def _note(self, chosen: BulkAccount, values: dict[str, Any]) -> None:
        async with self._make_work() as work:
            await work.bulk_actions.note(chosen.bulk_id, chosen.account_id, values)
            await work.commit()

    async def note_state(self, note: BulkNote) -> bool:
        """An operator's pause, resumption or cancellation; False when the action has ended."""
        now = self._clock.now()
        async with self._make_work() as work:
            action = await work.bulk_actions.lock(note.bulk_id)
            if action.finished_at is not None or action.state == BulkState.CANCELLED:
                return False
            if action.state != note.state:
                said = {"at": now.isoformat(), "state": note.state, "author": note.author, "reason": note.reason}
                await work.bulk_actions.change(note.bulk_id, {"state": note.state}, said)
                await work.commit()
        return True

    async def finish(self, bulk_id: str) -> BulkReport:
        """The end: what waits still was cancelled and is left."""
        now = self._clock.now()
        async with self._make_work() as work:
            action = await work.bulk_actions.lock(bulk_id)
            if action.finished_at is None:
                left = await work.bulk_actions.leave(bulk_id, now)
                state = BulkState.CANCELLED if action.state == BulkState.CANCELLED or left else BulkState.DONE
                said = {"at": now.isoformat(), "state": "ended", "author": "evenflow", "reason": ""}
                await work.bulk_actions.change(bulk_id, {"state": state.value, "finished_at": now}, said)
                await work.commit()
        return await self.report(bulk_id)

    async def report(self, bulk_id: str) -> BulkReport:
        """How far it is."""
        async with self._make_work() as work:
            action = await work.bulk_actions.get(bulk_id)
            counts = dict(await work.bulk_actions.counts(bulk_id))
        waiting = sum(counts.pop(each.value, 0) for each in WAITING)
        return BulkReport(bulk_id, action.state, waiting, **counts)
