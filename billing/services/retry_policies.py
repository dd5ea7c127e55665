"""Retry policies as versioned data: publish, list, and preview by the code that decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from billing.domain.cycle_calendar import at_local_time, local_date
from billing.domain.cycle_plan import plan_retry, retry_on
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.errors import InvalidValue
from billing.domain.paydays import first_debit_on
from billing.domain.retry import FailureCategory, Scheme
from billing.domain.retry_decision import Try, decide_retry
from billing.domain.retry_policy import STANDARD, RetryPolicy
from billing.messages.payments import MethodKind
from billing.ports.clock import BusinessClock
from billing.ports.retries import RetryPolicyVersion
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

EVERY_BRAND = ""
_MOST_RETRIES = 100
_EVENING = time(17)
_DEBT = frozenset({"debt"})
_KINDS = {Scheme.SEPA: MethodKind.SEPA_DEBIT, Scheme.BACS: MethodKind.BACS_DEBIT}


@dataclass(frozen=True)
class PreviewedRetry:
    """One retry of a debt that fails every time: when it is announced, submitted and dated, and why then."""

    number: int
    notify_at: datetime
    submit_at: datetime
    debit_on: date
    rule: str
    reason: str


@dataclass(frozen=True)
class RetryPreview:
    """The retries there would be, and why there is no further one."""

    retries: Sequence[PreviewedRetry]
    ends_because: str


async def in_force(work: UnitOfWork, brand: str) -> RetryPolicy:
    """The newest policy of a brand, else that of every brand, else the built-in one (version 0)."""
    for name in dict.fromkeys((brand, EVERY_BRAND)):
        found = await work.retries.policy(name)
        if found is not None:
            return RetryPolicy.from_dict(found.definition, found.policy_version)
    return STANDARD


class RetryPolicyService:
    """The operator's policies. A published version never changes; each retry is decided by the newest one then."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def publish(self, brand: str, definition: Mapping[str, Any], author: str, reason: str) -> RetryPolicyVersion:
        """Store a definition as the brand's next version; the newest one again when it says the same.

        Raises InvalidValue naming the field, NotFound for an unknown brand, Conflict when two publish at once.
        """
        policy = RetryPolicy.from_dict(definition)
        async with self._make_work() as work:
            if brand != EVERY_BRAND:
                await work.accounts.brand(brand)
            newest = await work.retries.policy(brand)
            if newest is not None and RetryPolicy.from_dict(newest.definition) == policy:
                return newest
            version = newest.policy_version + 1 if newest else 1
            published = RetryPolicyVersion(brand, version, policy.to_dict(), self._clock.now(), author, reason)
            await work.retries.add_policy(published)
            await work.commit()
        return published

    async def all(self) -> Sequence[RetryPolicyVersion]:
        """Every published version, by brand, oldest first."""
        async with self._make_work() as work:
            return await work.retries.policies()

    async def preview(
        self,
        brand: str,
        definition: Mapping[str, Any] | None,
        scheme: str,
        category: str,
        code: str,
        failed_at: datetime,
    ) -> RetryPreview:
        """Every retry of a debt that fails for the same reason each time; by the policy in force without definition.

        Raises InvalidValue naming the field, NotFound for an unknown brand.
        """
        async with self._make_work() as work:
            kept = await work.accounts.brand(brand)
            policy = await in_force(work, brand) if definition is None else RetryPolicy.from_dict(definition)
        cycle_policy = CyclePolicy.from_dict(kept.cycle_policy)
        walk = _Walk(policy, cycle_policy, kept.zone, _word(Scheme, "scheme", scheme), code)
        return walk.from_failure(_word(FailureCategory, "category", category), failed_at)


def _word(kind: Any, field: str, value: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        remedy = f"Use one of {', '.join(kind)}."
        raise InvalidValue("This is not known.", field=field, value=value, remedy=remedy) from None


@dataclass(frozen=True)
class _Walk:
    """A debt whose every retry fails alike."""

    policy: RetryPolicy
    cycle_policy: CyclePolicy
    zone: str
    scheme: Scheme
    code: str

    def from_failure(self, category: FailureCategory, failed_at: datetime) -> RetryPreview:
        tries = [Try(failed_at, category, self.code, debts=_DEBT)]
        found: list[PreviewedRetry] = []
        while len(found) < _MOST_RETRIES:
            # A failure is not known before the day of its debit.
            begin = at_local_time(found[-1].debit_on, _EVENING, self.zone) if found else failed_at
            step = self._next(tries, begin, len(found) + 1)
            if isinstance(step, str):
                return RetryPreview(found, step)
            found.append(step)
            tries.append(Try(step.submit_at, category, self.code, debts=_DEBT))
        return RetryPreview(found, f"only {_MOST_RETRIES} are shown")

    def _next(self, tries: list[Try], begin: datetime, number: int) -> PreviewedRetry | str:
        kind = _KINDS.get(self.scheme, MethodKind.CARD)
        decision = decide_retry(self.policy, self.scheme, tries, _DEBT, begin)
        if not decision.allowed and decision.not_before is None:
            return decision.reason
        dates = plan_retry(max(begin, decision.not_before or begin), self.cycle_policy, self.zone, kind)
        reason = ""
        if decision.on_payday:
            calendar = self.cycle_policy.calendar_of(kind)
            wanted, reason = first_debit_on(dates.debit_on, self.policy.paydays, calendar)
            if decision.not_after is None or wanted <= local_date(decision.not_after, self.zone):
                dates = retry_on(wanted, dates, self.cycle_policy, self.zone, kind)
        if decision.not_after is not None and dates.submit_at > decision.not_after:
            return f"the next date would be {dates.debit_on}, too late by the rule {decision.rule}"
        again = decide_retry(self.policy, self.scheme, tries, _DEBT, dates.submit_at)
        if not again.allowed:
            return again.reason
        why = "; ".join(part for part in (decision.reason, reason) if part)
        return PreviewedRetry(number, dates.notice_at, dates.submit_at, dates.debit_on, decision.rule, why)
