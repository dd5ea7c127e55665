"""Days whose events are archived and in the database no more: what was counted on them is not to be changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from billing.domain.errors import UnableTo
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage_files import UsageFile


async def dropped_between(work: UnitOfWork, first: datetime, last: datetime) -> Sequence[date]:
    """The archived days on which something may have started between two instants, oldest first."""
    return await work.usage.dropped_days(first.astimezone(UTC).date(), last.astimezone(UTC).date())


async def refuse_partly_gone(work: UnitOfWork, file: UsageFile) -> None:
    """Raises UnableTo for a file of which only a part could be taken back."""
    days = await dropped_between(work, *file.span) if file.span else ()
    if days:
        remedy = (
            "Correct what it counted by adjustments of the accounts; their timelines and invoices say what that is."
        )
        raise UnableTo(
            f"Records of this file are archived ({in_words(days)}) and cannot be taken back.",
            field="file_id",
            value=file.file_id,
            remedy=remedy,
        )


def in_words(days: Sequence[date]) -> str:
    """Some days, one at least, oldest first: "2027-02-01", "3 days from 2027-02-01 to 2027-02-03"."""
    return str(days[0]) if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"
