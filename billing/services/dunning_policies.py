"""Dunning policies as versioned data: publish, list, and preview every step by the code that decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from billing.domain.cycle_calendar import local_date
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.dunning_policy import STANDARD, CaseFacts, DunningPolicy, Wait, Warn
from billing.domain.errors import InvalidValue, NotFound
from billing.domain.retry import FailureCategory
from billing.ports.clock import BusinessClock
from billing.ports.dunning import PolicyVersion
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.dunning_outlook import Debt, Outlook, fee_of, follow, foresee
from billing.services.law_packs import check_law

DEFAULT_POLICY = "default"


@dataclass(frozen=True)
class PreviewedStep:
    """A step of a case that nobody pays: when it would be taken, and why then. ``bar_on`` is what a warning names,
    ``fee_minor`` what a reminder costs (net)."""

    step: str
    at: datetime
    local_day: date
    reason: str
    bar_on: date | None = None
    fee_minor: int = 0


class DunningPolicyService:
    """The operator's policies. A published version never changes; running cases keep theirs."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def publish(self, definition: Mapping[str, Any], author: str = "", reason: str = "") -> PolicyVersion:
        """Store a definition as the next version of its code; the newest version again when it says the same.

        A ``version`` in it is not used. Raises InvalidValue naming the field, also where the law pack that the policy
        names is broken.
        """
        policy = checked_definition(definition)
        async with self._make_work() as work:
            published = await _publish(work, policy, self._clock.now(), author, reason)
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
        policy = checked_definition(definition)
        return walk(policy, opened_at, zone, country, currency)

    async def outlook(self, definition: Mapping[str, Any], debt: Debt, brand: str) -> Outlook:
        """What would happen day by day to a debt of a brand's account that nobody pays.

        Raises InvalidValue, NotFound for an unknown brand.
        """
        policy = checked_definition(definition)
        async with self._make_work() as work:
            kept = await work.accounts.brand(brand)
        return foresee(policy, debt, kept, CyclePolicy.from_dict(kept.cycle_policy).debit_hour_local)

    async def cases_by_version(self, policy_code: str) -> Mapping[int, int]:
        """How many open cases walk by each version of a policy."""
        async with self._make_work() as work:
            return await work.dunning.open_cases_by_version(policy_code)


async def ensure_default(make_work: UnitOfWorkFactory, clock: BusinessClock) -> PolicyVersion:
    """Publish the standard ladder under the code ``default`` unless the operator has a policy of that code."""
    async with make_work() as work:
        try:
            return await work.dunning.policy(DEFAULT_POLICY)
        except NotFound:
            published = await _publish(
                work, replace(STANDARD, code=DEFAULT_POLICY), clock.now(), "evenflow", "the standard ladder"
            )
            await work.commit()
            return published


def read_definition(definition: Mapping[str, Any]) -> DunningPolicy:
    """The policy a definition describes, its version left aside. Raises InvalidValue."""
    return DunningPolicy.from_dict({name: value for name, value in definition.items() if name != "version"})


def checked_definition(definition: Mapping[str, Any]) -> DunningPolicy:
    """The policy a definition describes, its law pack kept. Raises InvalidValue."""
    policy = read_definition(definition)
    check_law(policy)
    return policy


async def _publish(work: UnitOfWork, policy: DunningPolicy, now: datetime, author: str, reason: str) -> PolicyVersion:
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
    published = PolicyVersion(policy.code, version, definition, now, author, reason)
    await work.dunning.add_policy(published)
    return published


def walk(policy: DunningPolicy, opened_at: datetime, zone: str, country: str, currency: str) -> list[PreviewedStep]:
    """Every step of an unpaid case, each taken the moment it may be, each warning delivered at once."""
    facts = CaseFacts(
        opened_at=opened_at,
        currency=currency,
        open_amount_minor=max(policy.bar_threshold_minor, 1, *(one.when.least_pursued_minor for one in policy.steps)),
        unpaid_invoices=max(1, *(one.when.least_unpaid_invoices for one in policy.steps)),
        oldest_due_on=local_date(opened_at, zone),
        zone=zone,
        country=country,
        last_failure_category=FailureCategory.FUNDS,
        attempt_times=(opened_at,),
    )
    steps: list[PreviewedStep] = []
    for now, decision in follow(policy, facts):
        if isinstance(decision, Wait):
            continue
        bar_on = decision.bar_on if isinstance(decision, Warn) else None
        fee_minor = fee_of(policy, decision.step, [(one.step, one.fee_minor) for one in steps])
        steps.append(PreviewedStep(decision.step, now, local_date(now, zone), decision.reason, bar_on, fee_minor))
    return steps
