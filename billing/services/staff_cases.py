"""What a person does with a case: look, acknowledge, close with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from billing.domain.errors import UnableTo
from billing.domain.staff_cases import CaseState, a_reason, kind_of
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.staff_cases import CaseFilter, StaffCase
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory


class UnableToDecide(UnableTo):
    """The case is closed already."""


class StaffCases:
    """Cases for people, as the doors see them."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def find(self, wanted: CaseFilter) -> Sequence[StaffCase]:
        """The newest first. Raises InvalidValue for a kind there is not."""
        if wanted.kind:
            kind_of(wanted.kind)
        async with self._make_work() as work:
            return await work.staff_cases.find(wanted)

    async def number(self, wanted: CaseFilter) -> int:
        """How many a filter chooses, whatever the page."""
        async with self._make_work() as work:
            return await work.staff_cases.number(wanted)

    async def counts(self) -> Mapping[str, int]:
        """How many are not closed, by severity."""
        async with self._make_work() as work:
            return await work.staff_cases.counts()

    async def get(self, case_id: str) -> StaffCase:
        """Raises NotFound."""
        async with self._make_work() as work:
            return await work.staff_cases.get(case_id)

    async def acknowledge(self, case_id: str, author: str, reason: str) -> StaffCase:
        """It is the author's from now on. Raises NotFound, InvalidValue, UnableToDecide for a closed one."""
        return await self._decide(case_id, CaseState.ACKNOWLEDGED, author, reason)

    async def close(self, case_id: str, author: str, reason: str) -> StaffCase:
        """It needs nobody any more; it stays closed until its cause was gone and came back.

        Raises NotFound, InvalidValue without a reason, UnableToDecide for a closed one.
        """
        return await self._decide(case_id, CaseState.CLOSED, author, reason)

    async def _decide(self, case_id: str, state: CaseState, author: str, reason: str) -> StaffCase:
        now, why = self._clock.now(), a_reason(reason)
        async with self._make_work() as work:
            case = await work.staff_cases.lock(case_id)
            if case.state == CaseState.CLOSED:
                remedy = "Nothing is left to decide; a cause that comes back opens it again."
                raise UnableToDecide(f"{case_id} is closed.", field="case_id", value=case_id, remedy=remedy)
            values = {"state": state.value} | _end_of(case, state, now)
            if state is CaseState.ACKNOWLEDGED:
                values |= {"assignee": author}
            note = {"at": now.isoformat(), "state": state.value, "author": author, "reason": why}
            await work.staff_cases.change(case, values, note)
            await _tell_timeline(
                work, case, TimelineEntry(case.account_id or "", now, *_told(case, state, why), author)
            )
            decided = await work.staff_cases.get(case_id)
            await work.commit()
        return decided


def _end_of(case: StaffCase, state: CaseState, now: object) -> dict[str, object]:
    """What nobody sees the end of ends with the person's word: the same cause is news afterwards."""
    if state is not CaseState.CLOSED:
        return {}
    return {"closed_at": now} | ({} if kind_of(case.kind).closes_itself else {"cause_gone_at": now})


def _told(case: StaffCase, state: CaseState, why: str) -> tuple[str, str, Mapping[str, str]]:
    summary = f"Case {case.case_id} ({case.kind.replace('_', ' ')}) {state.value}."
    return f"case_{state.value}", summary, {"case_id": case.case_id, "reason": why}


async def _tell_timeline(work: UnitOfWork, case: StaffCase, entry: TimelineEntry) -> None:
    if case.account_id is not None:
        await work.timeline.add(entry)
