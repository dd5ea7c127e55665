"""What a correction of a price changes in the cycles of an account: before, after, and every line that differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.domain.invoice import InvoiceLine
from billing.domain.money import Money
from billing.ports.accounts import Brand, Cycle, TimelineEntry
from billing.ports.plan_corrections import CycleDifference, PlanCorrection
from billing.ports.unit_of_work import UnitOfWork
from billing.services.invoicing_charges import lines_of
from billing.services.invoicing_cycles import CANCELLED, ISSUED, zone_of
from billing.services.usage_plans import PlanShelf

CORRECTED = "plan.corrected"


@dataclass(frozen=True)
class CycleLines:
    """A cycle and what it consists of."""

    cycle: Cycle
    lines: Sequence[InvoiceLine]


async def cycles_since(
    work: UnitOfWork, shelf: PlanShelf, account_id: str, since: datetime, now: datetime
) -> list[CycleLines]:
    """Every cycle of an account that ends after ``since`` and has begun, with its lines as they are now."""
    brand = await _brand_of(work, account_id)
    cycles = [
        each
        for each in await work.accounts.cycles(account_id)
        if each.status != CANCELLED and each.closes_at > since and each.opens_at <= now
    ]
    return [CycleLines(each, await lines_of(work, shelf, each, zone_of(each, brand))) for each in cycles]


async def _brand_of(work: UnitOfWork, account_id: str) -> Brand:
    return await work.accounts.brand((await work.accounts.get(account_id)).brand)


def differences_between(before: Sequence[CycleLines], after: Sequence[CycleLines]) -> list[CycleDifference]:
    """The cycles whose lines differ."""
    found = []
    for was, now in zip(before, after, strict=True):
        lines = _changed(was.lines, now.lines)
        if lines:
            found.append(
                CycleDifference(
                    account_id=now.cycle.account_id,
                    cycle_number=now.cycle.cycle_number,
                    billed=now.cycle.status == ISSUED,
                    before_minor=_sum(was.lines),
                    after_minor=_sum(now.lines),
                    lines=lines,
                )
            )
    return found


def told(correction: PlanCorrection, differences: Sequence[CycleDifference], now: datetime) -> TimelineEntry:
    """One account's entry in its timeline."""
    parts = [
        f"cycle {each.cycle_number} {Money(each.before_minor, correction.currency)} -> "
        f"{Money(each.after_minor, correction.currency)}"
        f"{' (on the next invoice)' if each.billed else ''}"
        for each in differences
    ]
    version = f"{correction.plan_code} version {correction.plan_version} counts as {correction.corrected_version}"
    return TimelineEntry(
        account_id=differences[0].account_id,
        at=now,
        kind=CORRECTED,
        summary=f"{version} since {correction.since.isoformat()}: {', '.join(parts)}",
        reason={
            "rule": "a corrected price counts from its instant on; a billed cycle owes the difference",
            "reason": correction.reason,
            "cycles": [{"cycle_number": each.cycle_number, "lines": list(each.lines)} for each in differences],
        },
        actor=correction.author,
    )


def _changed(before: Sequence[InvoiceLine], after: Sequence[InvoiceLine]) -> list[dict[str, Any]]:
    was, now = _by_place(before), _by_place(after)
    found = []
    for place in dict.fromkeys((*was, *now)):
        old, new = was.get(place, ()), now.get(place, ())
        if _sum(old) != _sum(new) or [each.explanation for each in old] != [each.explanation for each in new]:
            steps = [step for each in new for step in each.explanation]
            found.append(
                {
                    "service_id": place[0],
                    "description": place[-1],
                    "before_minor": _sum(old),
                    "after_minor": _sum(new),
                    "explanation": steps,
                }
            )
    return found


def _by_place(lines: Iterable[InvoiceLine]) -> Mapping[tuple[str, ...], Sequence[InvoiceLine]]:
    found: dict[tuple[str, ...], list[InvoiceLine]] = {}
    for line in lines:
        found.setdefault((line.service_id or "", line.kind, line.price_code, line.description), []).append(line)
    return found


def _sum(lines: Iterable[InvoiceLine]) -> int:
    return sum(line.amount.amount_minor for line in lines)
