"""Dunning policies as versioned data: publish, list, and preview every step by the code that decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from billing.domain.cycle_calendar import local_date
from billing.domain.dunning_policy import STANDARD, Bar, CaseFacts, DunningPolicy, HandOver, Wait, Warn, decide
from billing.domain.errors import InvalidValue, NotFound
from billing.domain.retry import FailureCategory
from billing.ports.clock import BusinessClock
from billing.ports.dunning import PolicyVersion
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

DEFAULT_POLICY = "default"
# A ladder has at most fifty steps; each may wait for a few free days.
_MOST_LOOKS = 500


@dataclass(frozen=True)
class PreviewedStep:
    """A step of a case that nobody pays: when it would be taken, and why then. ``bar_on`` is what a warning names."""

    step: str
    at: datetime
    local_day: date
    reason: str
    bar_on: date | None = None


class DunningPolicyService:
    """The operator's policies. A published version never changes; running cases keep theirs."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def publish(self, definition: Mapping[str, Any]) -> PolicyVersion:
        """Store a definition as the next version of its code; the newest version again when it says the same.

        A ``version`` in it is not used. Raises InvalidValue naming the field.
        """
        policy = read_definition(definition)
        async with self._make_work() as work:
            published = await _publish(work, policy, self._clock.now())
            await work.commit()
        return published

    async def all(self) -> Sequence[PolicyVersion]:
        """Every published version, by code, oldest first."""
        async with self._make_work() as work:
            return await work.dunning.policies()

    async def preview(
        self, definition: Mapping[str, Any], opened_at: datetime, zone: str, country: str = "", currency: str = "EUR"
    ) -> Sequence[PreviewedStep]:
        """The steps of a case opened when a debit failed for want of funds and nobody pays. Raises InvalidValue."""
        if opened_at.tzinfo is None:
            raise InvalidValue(
                "An instant needs its offset.", field="opened_at", value=opened_at, remedy="Add Z or an offset."
            )
        return walk(read_definition(definition), opened_at, zone, country, currency)


async def ensure_default(make_work: UnitOfWorkFactory, clock: BusinessClock) -> PolicyVersion:
    """Publish the standard ladder under the code ``default`` unless the operator has a policy of that code."""
    async with make_work() as work:
        try:
            return await work.dunning.policy(DEFAULT_POLICY)
        except NotFound:
            published = await _publish(work, replace(STANDARD, code=DEFAULT_POLICY), clock.now())
            await work.commit()
            return published


def read_definition(definition: Mapping[str, Any]) -> DunningPolicy:
    """The policy a definition describes, its version left aside. Raises InvalidValue."""
    return DunningPolicy.from_dict({name: value for name, value in definition.items() if name != "version"})


async def _publish(work: UnitOfWork, policy: DunningPolicy, now: datetime) -> PolicyVersion:
    definition = {name: value for name, value in policy.to_dict().items() if name != "version"}
    version = 1
    try:
        newest = await work.dunning.policy(policy.code)
    except NotFound:
        newest = None
    if newest is not None:
        if replace(read_definition(newest.definition), version=policy.version) == policy:
            return newest
        version = newest.policy_version + 1
    published = PolicyVersion(policy.code, version, definition, now)
    await work.dunning.add_policy(published)
    return published


def walk(policy: DunningPolicy, opened_at: datetime, zone: str, country: str, currency: str) -> list[PreviewedStep]:
    """Every step of an unpaid case, each taken the moment it may be, each warning delivered at once."""
    facts = CaseFacts(
        opened_at=opened_at,
        currency=currency,
        open_amount_minor=max(policy.bar_threshold_minor, 1),
        zone=zone,
        country=country,
        last_failure_category=FailureCategory.FUNDS,
        attempt_times=(opened_at,),
    )
    now, steps = opened_at, []
    for _ in range(_MOST_LOOKS):
        decision = decide(policy, facts, now)
        if isinstance(decision, Wait):
            if decision.until is None:
                break
            now = decision.until
            continue
        bar_on = decision.bar_on if isinstance(decision, Warn) else None
        steps.append(PreviewedStep(decision.step, now, local_date(now, zone), decision.reason, bar_on))
        facts = replace(facts, steps_done=(*facts.steps_done, decision.step))
        if isinstance(decision, Warn):
            facts = replace(facts, warned_at=now, warning_delivered_at=now)
        elif isinstance(decision, Bar):
            facts = replace(facts, barring_level=decision.level, barred_at=now)
        elif isinstance(decision, HandOver):
            break
    return steps
