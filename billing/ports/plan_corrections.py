"""Corrections of a published price: from an instant on, one version of a plan counts as another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class NewPlanCorrection:
    """From ``since`` on, lines that have ``plan_version`` of a plan count by ``corrected_version``."""

    plan_code: str
    plan_version: int
    corrected_version: int
    since: datetime
    reason: str
    author: str

    @property
    def says(self) -> tuple[str, int, int, datetime]:
        """What it asks for, whoever asks."""
        return self.plan_code, self.plan_version, self.corrected_version, self.since


@dataclass(frozen=True)
class PlanCorrection(NewPlanCorrection):
    """A correction and how far it is.

    ``accounts`` were changed, ``events`` rated again and ``waiting`` of them have no price any more;
    ``difference_minor`` is what all changed cycles together cost more (positive) or less, net, in ``currency``.
    ``last_account_id`` is the last account that is done.
    """

    correction_id: str
    currency: str
    recorded_at: datetime
    finished_at: datetime | None = None
    last_account_id: str | None = None
    accounts: int = 0
    events: int = 0
    waiting: int = 0
    difference_minor: int = 0


@dataclass(frozen=True)
class CycleDifference:
    """What one cycle of an account cost before and costs now, net and before discounts, in minor units.

    ``lines`` are those of its lines that changed: service_id, description, before_minor, after_minor and the steps of
    the arithmetic as ``explanation``. ``billed``: the difference is on the next invoice.
    """

    account_id: str
    cycle_number: int
    billed: bool
    before_minor: int
    after_minor: int
    lines: Sequence[Mapping[str, Any]]

    @property
    def difference_minor(self) -> int:
        return self.after_minor - self.before_minor


class PlanCorrectionRepository(Protocol):
    """Corrections, and what they changed."""

    async def add(self, correction: NewPlanCorrection, currency: str, at: datetime) -> PlanCorrection: ...
    async def get(self, correction_id: str) -> PlanCorrection:
        """Raises NotFound."""
        ...

    async def lock(self, correction_id: str) -> PlanCorrection:
        """The same, locked: one process carries it out at a time."""
        ...

    async def of(self, plan_code: str = "", limit: int = 100) -> Sequence[PlanCorrection]:
        """The newest first."""
        ...

    async def unfinished(self, plan_code: str = "") -> Sequence[PlanCorrection]:
        """The oldest first."""
        ...

    async def change(self, correction: PlanCorrection) -> None:
        """Store how far it is."""
        ...

    async def accounts_with(self, wanted: NewPlanCorrection, after: str | None, limit: int) -> Sequence[str]:
        """Accounts with a line that had, has or will have the version, in order; those after one."""
        ...

    async def accounts_counting(self, wanted: NewPlanCorrection, after: str | None, limit: int) -> Sequence[str]:
        """Accounts with usage since then that is counted by the version, in order; those after one."""
        ...

    async def add_differences(self, correction_id: str, differences: Sequence[CycleDifference]) -> None:
        """Keep what changed; a cycle that changes once more keeps what it cost at first."""
        ...

    async def differences(
        self, correction_id: str, after: tuple[str, int] | None = None, limit: int = 100
    ) -> Sequence[CycleDifference]:
        """What changed, in order of account and cycle; what comes after one."""
        ...
