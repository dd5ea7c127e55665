"""The rules of a brand in versions: its dates, its barring and its limits; changed with a reason, and compared.

A cycle that is planned keeps its dates; the next one is planned by what is in force then. Barring and limits read what
is in force each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from billing.domain.barring_policy import BarringPolicy
from billing.domain.cycle_calendar import CycleDay
from billing.domain.cycle_dates import MethodKind
from billing.domain.cycle_plan import CyclePlan, preview_cycles
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.errors import InvalidValue
from billing.domain.limit_policy import LimitPolicy
from billing.ports.accounts import Brand, BrandPolicyVersion
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.usage_decisions import stated

# How each part is read, by the name of its field in a brand.
READERS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "cycle_policy": CyclePolicy.from_dict,
    "barring_policy": BarringPolicy.from_dict,
    "limit_policy": LimitPolicy.from_dict,
}
_FIRST_AUTHOR = "evenflow"
_FIRST_REASON = "as it was before the first change"
_MOST_CYCLES = 24


@dataclass(frozen=True)
class BrandPart:
    """One part of a brand as it is in force, and its versions, the newest first (none: it was never changed)."""

    brand: Brand
    part: str
    definition: Mapping[str, Any]
    versions: Sequence[BrandPolicyVersion]


class BrandPolicies:
    """Reading, previewing and changing the parts of a brand. ``check`` refuses a brand that cannot be kept."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, check: Callable[[Brand], None]) -> None:
        self._make_work = make_work
        self._clock = clock
        self._check = check

    async def of(self, brand: str, part: str) -> BrandPart:
        """A part with its versions. Raises NotFound for an unknown brand, InvalidValue for an unknown part."""
        _refuse_part(part)
        async with self._make_work() as work:
            kept = await work.accounts.brand(brand)
            versions = await work.accounts.brand_policies(brand, part)
        return BrandPart(kept, part, getattr(kept, part), list(reversed(versions)))

    async def check(self, brand: str, part: str, definition: Mapping[str, Any]) -> Brand:
        """The brand as it would be. Raises InvalidValue naming the field within the part."""
        _refuse_part(part)
        async with self._make_work() as work:
            kept = await work.accounts.brand(brand)
        READERS[part](definition)
        changes: dict[str, Any] = {part: dict(definition)}
        changed = replace(kept, **changes)
        try:
            await asyncio.to_thread(self._check, changed)  # plans every day of decades: half a second of computing
        except InvalidValue as refusal:
            field = refusal.field.removeprefix(f"{part}.")
            raise InvalidValue(refusal.message, field=field, value=refusal.value, remedy=refusal.remedy) from refusal
        return changed

    async def cycles(
        self, brand: str, definition: Mapping[str, Any], cycle_day: int, method: str, count: int, start: datetime
    ) -> Sequence[CyclePlan]:
        """The dates of the next cycles by a cycle policy. Raises InvalidValue, NotFound."""
        if not 1 <= count <= _MOST_CYCLES:
            remedy = f"Use 1 to {_MOST_CYCLES}."
            raise InvalidValue("This is no number of cycles.", field="count", value=count, remedy=remedy)
        if method not in set(MethodKind):
            remedy = f"Use one of: {', '.join(MethodKind)}."
            raise InvalidValue("There is no such way to pay.", field="method", value=method, remedy=remedy)
        async with self._make_work() as work:
            zone = (await work.accounts.brand(brand)).zone
        policy = CyclePolicy.from_dict(definition)
        return preview_cycles(CycleDay(cycle_day), zone, start, count, policy, MethodKind(method))

    async def change(
        self, brand: str, part: str, definition: Mapping[str, Any], author: str, reason: str
    ) -> BrandPolicyVersion | None:
        """Put a part in force as its next version; None when it says what is in force.

        Raises InvalidValue naming the field, also without a reason; NotFound for an unknown brand.
        """
        said = stated(reason)
        await self.check(brand, part, definition)
        now = self._clock.now()
        async with self._make_work() as work:
            await work.accounts.lock_catalogue()
            kept = await work.accounts.brand(brand)
            before = getattr(kept, part)
            if READERS[part](before) == READERS[part](definition):
                return None
            versions = await work.accounts.brand_policies(brand, part)
            number = len(versions)
            if not versions:
                number = 1
                first = BrandPolicyVersion(brand, part, 1, before, now, _FIRST_AUTHOR, _FIRST_REASON)
                await work.accounts.add_brand_policy(first)
            version = BrandPolicyVersion(brand, part, number + 1, dict(definition), now, author, said)
            await work.accounts.add_brand_policy(version)
            await work.accounts.change_brand(brand, {part: dict(definition)})
            await work.commit()
        return version


def _refuse_part(part: str) -> None:
    if part not in READERS:
        remedy = f"Use one of: {', '.join(READERS)}."
        raise InvalidValue("A brand has no such policy.", field="part", value=part, remedy=remedy)
