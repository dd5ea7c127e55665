"""What a run found, for people and for a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.faults.delays import Delay
from benchmarks.faults.plan import places
from benchmarks.faults.unfinished import Kill
from evenflow.boundaries import Boundary

SHOWN = 15


@dataclass(frozen=True, slots=True)
class Check:
    """Something that has to be right, and what is wrong with it."""

    what: str
    troubles: Sequence[str] = ()


@dataclass(frozen=True)
class Report:
    """``struck`` counts faults by kind; ``business`` and ``real_seconds`` are how long it took."""

    seed: int
    struck: Counter[str]
    kills: Sequence[Kill]
    deaths: dict[str, int]
    commands: Counter[str]
    delays: Sequence[Delay]
    rate: float
    business: timedelta
    real_seconds: float
    checks: Sequence[Check] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Nothing is wrong."""
        return not any(check.troubles for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        reached = Counter(f"{one.place.activity} {one.place.boundary}" for one in self.kills)
        return {
            "seed": self.seed,
            "is_well": self.is_well,
            "faults": dict(self.struck),
            "total": self.struck.total(),
            "boundaries": dict(reached),
            "survived_kills": sum(one.is_survived for one in self.kills),
            "deaths": self.deaths,
            "commands": dict(self.commands),
            "business_days": self.business / timedelta(days=1),
            "real_seconds": round(self.real_seconds),
            "delays": {
                one.what: {
                    "number": one.number,
                    "looked_at": one.looked_at,
                    "median_business_hours": round(one.median / timedelta(hours=1), 1),
                    "worst_business_hours": round(one.late / timedelta(hours=1), 1),
                    "worst_real_seconds": round(one.real(self.rate).total_seconds(), 1),
                }
                for one in self.delays
            },
            "checks": {check.what: list(check.troubles) for check in self.checks},
        }


def show(report: Report, console: Console) -> None:
    """Print everything."""
    console.print(_struck(report))
    console.print(_boundaries(report))
    console.print(_delays(report))
    for check in report.checks:
        console.print(f"{'✗' if check.troubles else '✓'} {check.what}")
        for trouble in check.troubles[:SHOWN]:
            console.print(f"    {trouble}")
        if len(check.troubles) > SHOWN:
            console.print(f"    and {len(check.troubles) - SHOWN} more")
    days = report.business / timedelta(days=1)
    console.print(
        f"Seed {report.seed}: {report.struck.total()} faults in {days:.0f} business days "
        f"({report.real_seconds / 60:.0f} minutes), {'all survived' if report.is_well else 'NOT ALL SURVIVED'}."
    )


def _struck(report: Report) -> Table:
    """A fault is survived when all is well at the end; a kill also when its own activity was carried out."""
    table = Table(title="Faults by kind", title_justify="left")
    for name, justify in (("Kind", "left"), ("Struck", "right"), ("Survived", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    for kind, number in sorted(report.struck.items()):
        is_kill = kind.endswith("at a boundary")
        outlived = sum(one.is_survived for one in report.kills) if is_kill else number
        table.add_row(kind, str(number), str(outlived) if report.is_well or is_kill else "see below")
    return table


def _boundaries(report: Report) -> Table:
    reached = Counter(one.place for one in report.kills)
    known = {place.activity: None for place in places()}
    table = Table(title="Workers killed, by activity and boundary", title_justify="left")
    table.add_column("Activity", no_wrap=True)
    for boundary in Boundary:
        table.add_column(boundary.replace("_", " "), justify="right", no_wrap=True)
    for activity in sorted(known):
        numbers = [
            str(next((reached[place] for place in reached if (place.activity, place.boundary) == (activity, one)), 0))
            if any((place.activity, place.boundary) == (activity, one) for place in places())
            else "-"
            for one in Boundary
        ]
        table.add_row(activity, *numbers)
    table.add_section()
    table.add_row("boundaries reached", f"{len(reached)} of {len(places())}")
    return table


def _delays(report: Report) -> Table:
    table = Table(title="Planned date against done", title_justify="left")
    for name in ("What", "How many", "Median late", "Worst late, business", "Worst late, real"):
        table.add_column(name, justify="left" if name == "What" else "right", no_wrap=True)
    for one in report.delays:
        table.add_row(
            one.what,
            str(one.looked_at),
            f"{one.median / timedelta(hours=1):.1f} h",
            f"{one.late / timedelta(hours=1):.1f} h",
            f"{one.real(report.rate).total_seconds():.0f} s",
        )
    return table
