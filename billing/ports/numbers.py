"""Whose a number was and at which plan, at every instant; and moves of numbers that usage may have to follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class MoveKind(StrEnum):
    """Why a number's usage may belong elsewhere than it was guided to."""

    ACTIVATED = "activated"  # a service has it from an instant on
    ENDED = "ended"  # the service that had it ended
    PORTED = "ported"  # another service has it from an instant on
    PLAN_CHANGED = "plan_changed"  # the same service, at another plan


@dataclass(frozen=True, slots=True)
class NumberUse:
    """A service that has or had a number in [active_from, active_to); None: until further notice."""

    account_id: str
    service_id: str
    active_from: datetime
    active_to: datetime | None


@dataclass(frozen=True, slots=True)
class NewNumberMove:
    """From ``since`` on usage of ``identifier`` (directory spelling) is guided differently than before.

    ``from_account_id`` and ``to_account_id`` are whose it was and is; None: nobody's. A plan change names one account
    twice.
    """

    identifier: str
    since: datetime
    kind: MoveKind
    from_account_id: str | None
    to_account_id: str | None


@dataclass(frozen=True, slots=True)
class NumberMove:
    """A recorded move; ``reguided_at`` is when the usage that was there followed it (None: it has not yet)."""

    move_id: str
    identifier: str
    since: datetime
    kind: str
    from_account_id: str | None
    to_account_id: str | None
    recorded_at: datetime
    reguided_at: datetime | None = None


@dataclass(frozen=True)
class PlanRow:
    """From when on a service has which plan version, until its next row."""

    active_from: datetime
    plan_code: str
    plan_version: int


class NumberDirectory(Protocol):
    """The directory of numbers, plans of services in time, and the moves that usage has to follow."""

    async def owner_of(self, identifier: str, at: datetime) -> tuple[str, str] | None: ...
    async def lock_number(self, identifier: str) -> None:
        """Until the end of the transaction nobody else gives this number away or takes it."""
        ...

    async def uses_of(self, identifier: str, first: datetime, last: datetime | None) -> Sequence[NumberUse]:
        """The services that have the number at some moment of [first, last), in order; last None: ever after."""
        ...

    async def change_plan(
        self, account_id: str, service_id: str, at: datetime, plan_code: str, plan_version: int
    ) -> None:
        """The service has this plan version from an instant on; later changes that were decided before fall away."""
        ...

    async def write_plans(self, account_id: str, service_id: str, rows: Sequence[PlanRow], since: datetime) -> None:
        """The service has had these plans, which are other than before from ``since`` on."""
        ...

    async def add_number_move(self, move: NewNumberMove, at: datetime) -> NumberMove: ...
    async def pending_number_moves(self, limit: int = 100) -> Sequence[NumberMove]:
        """Moves that usage has not followed yet, oldest first."""
        ...

    async def mark_number_moved(self, move_id: str, at: datetime) -> None:
        """The usage of a move is guided anew."""
        ...
