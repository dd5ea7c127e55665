"""Open cases moved to another policy version on purpose: chosen by a filter, previewed with a count, then moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.dunning_ladder import DunningPolicy
from billing.domain.errors import InvalidValue, NotFound, Refusal
from billing.messages.account import ChangeDunningPolicy
from billing.messages.identities import account_workflow_id
from billing.ports.clock import BusinessClock
from billing.ports.dunning import CaseFilter, OpenCase
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.dunning import pinned_policy
from billing.services.dunning_facts import read_view
from billing.services.dunning_steps import next_step

MOST_CASES = 200


@dataclass(frozen=True)
class MovedCase:
    """One case: what comes next by its own policy and by the new one; ``outcome`` is preview, moved or a refusal."""

    account_id: str
    case_id: str
    from_policy: str
    stage: str
    next_now: str
    next_then: str
    outcome: str = "preview"


@dataclass(frozen=True)
class CaseMove:
    """What a move is, or was: ``matched`` cases in all, ``cases`` of them (at most 200), ``left`` for the next time."""

    to_policy: str
    matched: int
    left: int
    cases: Sequence[MovedCase]


class CaseMoves:
    """Moves go through each account's process, one by one, so that its case is read again at once."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, process: Process) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process

    async def preview(self, wanted: CaseFilter, policy_code: str, policy_version: int) -> CaseMove:
        """How many cases the filter chooses, and what would come next in each; nothing is changed."""
        _refuse_everything(wanted)
        now = self._clock.now()
        async with self._make_work() as work:
            target = await _target(work, policy_code, policy_version)
            matched, chosen = await _chosen(work, wanted, target)
            cases = [await _preview(work, one, target, now) for one in chosen]
        return CaseMove(_name(target), matched, matched - len(cases), cases)

    async def move(
        self, wanted: CaseFilter, policy_code: str, policy_version: int, expected: int, command: ChangeDunningPolicy
    ) -> CaseMove:
        """Move the cases that the filter chooses, at most 200; the same command again changes nothing twice.

        ``expected`` is the count that was previewed. Raises InvalidValue when it is another one by now.
        """
        previewed = await self.preview(wanted, policy_code, policy_version)
        if previewed.matched != expected:
            raise InvalidValue(
                f"The filter chooses {previewed.matched} cases now.",
                field="expected",
                value=expected,
                remedy="Look at the preview again, and send its count.",
            )
        async with self._make_work() as work:
            _, chosen = await _chosen(work, wanted, await _target(work, policy_code, policy_version))
        owners = {one.case_id: one for one in chosen}
        moved = [replace(one, outcome=await self._move(owners[one.case_id], command)) for one in previewed.cases]
        return replace(previewed, cases=moved)

    async def _move(self, one: OpenCase, command: ChangeDunningPolicy) -> str:
        own = replace(command, command_id=f"{command.command_id}-{one.case_id}", case_only=True)
        try:
            done = await self._process.command(account_workflow_id(one.brand, one.number), "change_dunning_policy", own)
        except (NotFound, Refusal) as refusal:
            return f"refused: {refusal.message}"
        return "moved" if done.accepted else f"refused: {done.summary}"


def _refuse_everything(wanted: CaseFilter) -> None:
    if wanted == CaseFilter():
        raise InvalidValue(
            "A move of every case of every brand is not meant.",
            field="brand",
            value="",
            remedy="Name at least a brand, a segment, a policy or a stage.",
        )


async def _target(work: UnitOfWork, policy_code: str, policy_version: int) -> DunningPolicy:
    stored = await work.dunning.policy(policy_code, policy_version)
    return DunningPolicy.from_dict({**stored.definition, "version": stored.policy_version})


async def _chosen(work: UnitOfWork, wanted: CaseFilter, target: DunningPolicy) -> tuple[int, Sequence[OpenCase]]:
    """How many cases there are, and the oldest of them; those that walk by the target already are left out."""
    here = replace(wanted, policy_code=target.code, policy_version=target.version)
    is_elsewhere = (wanted.policy_code or target.code, wanted.policy_version or target.version) != (
        target.code,
        target.version,
    )
    there = 0 if is_elsewhere else await work.dunning.count_open_cases(here)
    matched = await work.dunning.count_open_cases(wanted) - there
    opened = await work.dunning.open_cases(wanted, MOST_CASES + there)
    others = [one for one in opened if (one.policy_code, one.policy_version) != (target.code, target.version)]
    return matched, others[:MOST_CASES]


async def _preview(work: UnitOfWork, one: OpenCase, target: DunningPolicy, now: datetime) -> MovedCase:
    account = await work.accounts.get(one.account_id)
    case = await work.dunning.case(one.account_id, one.case_id)
    steps = []
    for policy in (await pinned_policy(work, case), target):
        view = await read_view(work, account, case, policy, now)
        step = next_step(case, view, policy, now)
        at = f" at {step.until:%Y-%m-%d %H:%M} UTC" if step.until else ""
        steps.append(f"{step.action}{at}: {step.reason}")
    source = f"{one.policy_code} version {one.policy_version}"
    return MovedCase(one.account_id, one.case_id, source, one.stage, steps[0], steps[1])


def _name(policy: DunningPolicy) -> str:
    return f"{policy.code} version {policy.version}"
