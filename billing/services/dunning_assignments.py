"""Which dunning policy an account has: its own pin first, then its segment's within the brand, then the brand's."""

from __future__ import annotations

from collections.abc import Sequence

from billing.domain.errors import InvalidValue
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.arrangements import PolicyAssignment
from billing.ports.clock import BusinessClock
from billing.ports.dunning import PolicyVersion
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory


async def policy_of(work: UnitOfWork, account: Account) -> PolicyVersion:
    """The policy version that a case of this account opens under now."""
    if account.dunning_policy_code:
        return await work.dunning.policy(account.dunning_policy_code, account.dunning_policy_version)
    assigned = await work.arrangements.assignment(account.brand, account.segment)
    if assigned is not None and assigned.policy_code:
        return await work.dunning.policy(assigned.policy_code, assigned.policy_version)
    brand = await work.accounts.brand(account.brand)
    return await work.dunning.policy(brand.dunning_policy_code)


class PolicyAssignments:
    """Segments of accounts, and the policies that a brand gives them. Running cases keep theirs."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def all(self, brand: str) -> Sequence[PolicyAssignment]:
        """A brand's assignments by segment. Raises NotFound for an unknown brand."""
        async with self._make_work() as work:
            await work.accounts.brand(brand)
            return await work.arrangements.assignments(brand)

    async def assign(
        self, brand: str, segment: str, policy_code: str, policy_version: int | None, author: str, reason: str
    ) -> PolicyAssignment:
        """From now on cases of this segment open under this policy; under the brand's own when no code is given.

        Raises NotFound.
        """
        async with self._make_work() as work:
            await work.accounts.brand(brand)
            if policy_code:
                await work.dunning.policy(policy_code, policy_version)
            now = self._clock.now()
            assignment = PolicyAssignment(brand, segment, policy_code, policy_version, author, reason, now)
            await work.arrangements.assign(assignment)
            await work.commit()
        return assignment

    async def move_account(self, account_id: str, segment: str, author: str, reason: str) -> Account:
        """Put an account into another segment; a running case keeps its policy, its steps read the new segment."""
        if not segment.strip():
            raise InvalidValue(
                "A segment has a name.", field="segment", value=segment, remedy="Name it, like standard."
            )
        async with self._make_work() as work:
            account = await work.accounts.lock(account_id)
            if account.segment == segment:
                return account
            await work.accounts.change(account_id, {"segment": segment})
            told = {"rule": "a person's decision", "from": account.segment, "to": segment, "reason": reason}
            summary = f"Segment {account.segment} becomes {segment}"
            entry = TimelineEntry(account_id, self._clock.now(), "segment_changed", summary, told, author)
            await work.timeline.add(entry)
            changed = await work.accounts.get(account_id)
            await work.commit()
        return changed
