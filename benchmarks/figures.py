"""Measured figures: one value per round, shown as smallest, median and largest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured in several rounds. ``ratios`` are the same rounds as multiples of the bare endpoint."""

    what: str
    unit: str
    values: tuple[float, ...]
    ratios: tuple[float, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Every round, and what the table shows."""
        found: dict[str, Any] = {"what": self.what, "unit": self.unit, "rounds": list(self.values)}
        found |= _spread(self.values)
        return found | ({"ratio": {"rounds": list(self.ratios), **_spread(self.ratios)}} if self.ratios else {})


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"min": min(values), "median": median(values), "max": max(values)}


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that is at least as large as the given share of all values."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def table_of(figures: Sequence[Figure]) -> Table:
    """The figures in the order they were measured."""
    table = Table(title="Evenflow, measured", title_justify="left", caption_justify="left")
    for name in ("What", "Unit", "Min", "Median", "Max", "x bare (min-max)"):
        table.add_column(name, justify="left" if name in ("What", "Unit") else "right", no_wrap=True)
    for figure in figures:
        spread = [_shown(value) for value in _spread(figure.values).values()]
        table.add_row(figure.what, figure.unit, *spread, _ratio(figure.ratios))
    return table


def _ratio(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.3g} ({min(ratios):.3g}-{max(ratios):.3g})" if ratios else ""


def _shown(value: float) -> str:
    """Three digits that count, and whole numbers as such."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"
