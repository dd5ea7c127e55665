"""Bulk actions as operators meet them: a preview that changes nothing, a confirmation, progress, and the way back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from billing.domain.bulk_actions import KINDS, BulkKind, BulkOrder, BulkOutcome, BulkState
from billing.domain.bulk_standing import foresee
from billing.domain.errors import InvalidValue, UnableTo
from billing.domain.work_list import WorkFilter
from billing.messages.account import CommandResult
from billing.messages.bulk_actions import (
    BulkActionState,
    BulkReport,
    CancelBulkAction,
    PauseBulkAction,
    ResumeBulkAction,
)
from billing.messages.identities import bulk_action_workflow_id
from billing.ports.bulk_actions import BULK_ORDERS, BulkAccount, BulkAction, BulkChoice
from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.work_list import WorkList
from billing.services.access import Caller
from billing.services.bulk_commands import weighed
from billing.services.bulk_previews import (
    BulkLimits,
    Totals,
    choice_again,
    choice_of,
    keep_totals,
    preview_values,
)
from billing.services.bulk_running import BulkRunning

_log = logging.getLogger(__name__)
# What was previewed long ago is no longer what would be done.
PREVIEWS_LAST = timedelta(hours=24)
_AT_ONCE = 1000
_COMMANDS = {"pause": PauseBulkAction, "resume": ResumeBulkAction, "cancel": CancelBulkAction}


class UnableToChangeBulkAction(UnableTo):
    """It has ended, or was not begun."""


class UnableToUndo(UnableTo):
    """There is no way back."""


class BulkActions:
    """Nothing is changed without a preview, and only what was previewed is changed."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        process: Process,
        work_list: WorkList,
        running: BulkRunning,
        limits: BulkLimits | None = None,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process
        self._work_list = work_list
        self._running = running
        self.limits = limits or BulkLimits()

    async def preview(self, order: BulkOrder, wanted: WorkFilter, author: str) -> BulkAction:
        """Take down what a filter chooses now, and what would become of each account. Nothing of them is changed.

        Raises InvalidValue for an order that lacks something, NotFound for a policy there is not.
        """
        now = self._clock.now()
        if order.kind is BulkKind.UNDO:
            raise _no_such_kind(order.kind)
        order.validate(now)
        async with self._make_work() as work:
            if order.policy_code:
                await work.dunning.policy(order.policy_code, order.policy_version)
            action = await work.bulk_actions.add(preview_values(order, wanted, author, now))
            totals = Totals()
            piece: list[BulkChoice] = []
            async for item in self._work_list.everything(wanted, now):
                seen = foresee(order, weighed(item.account), now)
                why = seen.why if seen.outcome is not BulkOutcome.DONE else ""
                totals.add(item.currency, item.overdue_minor, why)
                piece.append(choice_of(item, why))
                if len(piece) == _AT_ONCE:
                    await work.bulk_actions.choose(action.bulk_id, piece)
                    piece = []
            await work.bulk_actions.choose(action.bulk_id, piece)
            await keep_totals(work, action, totals)
            previewed = await work.bulk_actions.get(action.bulk_id)
            await work.commit()
        return previewed

    async def preview_undo(self, bulk_id: str, author: str) -> BulkAction:
        """Take down the accounts that an action really changed. Raises UnableToUndo with the reason."""
        now = self._clock.now()
        async with self._make_work() as work:
            first = await work.bulk_actions.lock(bulk_id)
            await _refuse_to_undo(work, first)
            order = BulkOrder(BulkKind.UNDO)
            action = await work.bulk_actions.add(preview_values(order, WorkFilter(), author, now, undoes=bulk_id))
            totals, after = Totals(), ""
            while changed := await work.bulk_actions.accounts(bulk_id, BulkOutcome.DONE, after, _AT_ONCE):
                for one in changed:
                    totals.add(one.currency, one.overdue_minor, "")
                await work.bulk_actions.choose(action.bulk_id, [choice_again(one) for one in changed])
                after = changed[-1].account_id
            await keep_totals(work, action, totals)
            previewed = await work.bulk_actions.get(action.bulk_id)
            await work.commit()
        return previewed

    async def confirm(self, bulk_id: str, count: int, reason: str, caller: Caller) -> BulkAction:
        """Begin what was previewed; ``count`` is the number of accounts that the preview answered.

        Confirming again changes nothing. Raises InvalidValue for another count, NotForThisRole, UnableTo for a preview
        that is too old.
        """
        now = self._clock.now()
        if not reason.strip():
            raise InvalidValue("A reason is needed.", field="reason", value=reason, remedy="Say why, in a few words.")
        async with self._make_work() as work:
            action = await work.bulk_actions.lock(bulk_id)
            if action.confirmed_at is None:
                await self._refuse(work, action, count, caller)
                said = {"at": now.isoformat(), "state": "running", "author": caller.name, "reason": reason}
                values = {"state": "running", "author": caller.name, "reason": reason, "confirmed_at": now}
                await work.bulk_actions.change(bulk_id, values, said)
            confirmed = await work.bulk_actions.get(bulk_id)
            await work.commit()
        if confirmed.finished_at is None:
            await self._start(confirmed)
        return confirmed

    async def _refuse(self, work: UnitOfWork, action: BulkAction, count: int, caller: Caller) -> None:
        if count != action.accounts:
            raise InvalidValue(
                f"The preview chose {action.accounts} accounts.",
                field="count",
                value=count,
                remedy="Look at the preview again, and send its count.",
            )
        if not action.accounts:
            raise InvalidValue("Nothing was chosen.", field="count", value=0, remedy="Choose with another filter.")
        if self._clock.now() - action.previewed_at > PREVIEWS_LAST:
            raise UnableToChangeBulkAction(
                "This preview is more than a day old.",
                field="bulk_id",
                value=action.bulk_id,
                remedy="Make the preview again: what it chooses may be other accounts by now.",
            )
        self.limits.refuse(action.accounts, caller.role)
        BulkOrder.from_dict(action.definition).validate(self._clock.now())
        if action.undoes is not None:
            await _refuse_to_undo(work, await work.bulk_actions.lock(action.undoes))

    async def _start(self, action: BulkAction) -> None:
        paused, cancelled = action.state == BulkState.PAUSED, action.state == BulkState.CANCELLED
        await self._process.start_bulk_action(BulkActionState(action.bulk_id, paused, cancelled))

    async def command(self, bulk_id: str, what: str, command_id: str, author: str, reason: str) -> CommandResult:
        """``pause``, ``resume`` or ``cancel``. Raises UnableToChangeBulkAction once it has ended."""
        action = await self.get(bulk_id)
        if action.confirmed_at is None or action.finished_at is not None:
            raise _ended(action)
        command = _COMMANDS[what](command_id, author, reason)
        result = await self._process.command(bulk_action_workflow_id(bulk_id), f"{what}_bulk_action", command)
        if not result.accepted:
            raise _ended(await self.get(bulk_id))
        return result

    async def get(self, bulk_id: str) -> BulkAction:
        """Raises NotFound."""
        async with self._make_work() as work:
            return await work.bulk_actions.get(bulk_id)

    async def undone_by(self, bulk_id: str) -> BulkAction | None:
        """The action that put this one back, if there is one."""
        async with self._make_work() as work:
            return await work.bulk_actions.undone_by(bulk_id)

    async def report(self, bulk_id: str) -> BulkReport:
        """How far it is. Raises NotFound."""
        return await self._running.report(bulk_id)

    async def all(
        self, before: str = "", limit: int = 50, state: str = "", order: str = BULK_ORDERS[0], offset: int = 0
    ) -> Sequence[BulkAction]:
        """The newest first, or in the order that is asked for."""
        async with self._make_work() as work:
            return await work.bulk_actions.all(before, limit, state, order, offset)

    async def accounts(
        self, bulk_id: str, status: str = "", after: str = "", limit: int = 100, foreseen: bool = False
    ) -> Sequence[BulkAccount]:
        """Its accounts by account_id. Raises NotFound."""
        async with self._make_work() as work:
            await work.bulk_actions.get(bulk_id)
            return await work.bulk_actions.accounts(bulk_id, status, after, limit, foreseen)

    async def look_after(self) -> int:
        """For upkeep: start those that are confirmed and have not ended, where they do not run; how many there are.

        Previews that nobody confirmed are forgotten.
        """
        async with self._make_work() as work:
            await work.bulk_actions.forget_previews(self._clock.now() - 2 * PREVIEWS_LAST)
            unfinished = await work.bulk_actions.unfinished()
            await work.commit()
        for action in unfinished:
            await self._start(action)
        return len(unfinished)


async def _refuse_to_undo(work: UnitOfWork, first: BulkAction) -> None:
    kind = KINDS[first.kind]
    again = await work.bulk_actions.undone_by(first.bulk_id)
    reasons = (
        (not kind.undoable, kind.no_way_back),
        (first.confirmed_at is None, "it was never begun"),
        (first.confirmed_at is not None and first.finished_at is None, "it has not ended yet"),
        (again is not None, f"{again.bulk_id if again else ''} has undone it"),
    )
    why = next((why for is_so, why in reasons if is_so), "")
    if why:
        raise UnableToUndo(
            f"{first.bulk_id} cannot be undone: {why}.",
            field="bulk_id",
            value=first.bulk_id,
            remedy="Change single accounts by hand, or choose another action.",
        )


def _ended(action: BulkAction) -> UnableToChangeBulkAction:
    how = "has not been confirmed" if action.confirmed_at is None else f"has ended: it is {action.state}"
    return UnableToChangeBulkAction(
        f"{action.bulk_id} {how}.",
        field="bulk_id",
        value=action.bulk_id,
        remedy="Confirm it first." if action.confirmed_at is None else "What it changed can be undone, where possible.",
    )


def _no_such_kind(kind: str) -> InvalidValue:
    names = [each for each in KINDS if each != BulkKind.UNDO]
    return InvalidValue("There is no such action.", field="kind", value=kind, remedy=f"Use one of: {', '.join(names)}.")
