"""``python -m benchmarks``: measure, print a table, and judge nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import (
    answering,
    books,
    closing,
    cycle,
    memory,
    pages,
    starting,
    usage_doors,
    usage_full,
    usage_import,
    work_list,
)
from benchmarks.figures import Figure, table_of
from benchmarks.machine import machine
from benchmarks.options import Options
from benchmarks.places import forget_own_settings
from evenflow.stack.errors import StackError
from evenflow.stack.supervisor import StoppedByUser

WIDTH_OF_A_PIPE = 120
WHEN_NAMED = ("usage_full", "books", "pages", "work_list")  # fill gigabytes
PARTS: dict[str, Callable[[Options], list[Figure]]] = {
    "starting": starting.measure,
    "answering": answering.measure,
    "cycle": cycle.measure,
    "memory": memory.measure,
    "usage_import": usage_import.measure,
    "usage_full": usage_full.measure,
    "closing": closing.measure,
    "usage_doors": usage_doors.measure,
    "books": books.measure,
    "pages": pages.measure,
    "work_list": work_list.measure,
}


def bench(
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is measured.")] = 5,
    requests: Annotated[int, typer.Option(min=100, help="Per endpoint, number of connections and round.")] = 1000,
    stored: Annotated[int, typer.Option(min=0, help="Rows stored before usage_full measures again.")] = 25_000_000,
    only: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(PARTS)}. May be repeated.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every round to this file too.")] = None,
) -> None:
    """Measure starting, answering, a cycle's history and memory, each on a stack of its own."""
    unknown = sorted(set(only or ()) - set(PARTS))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)} is not measured here.", param_hint="--only")
    forget_own_settings()
    where, options = machine(), Options(rounds, requests, stored)
    try:
        chosen = [name for name in PARTS if (name in only if only else name not in WHEN_NAMED)]
        figures = [figure for name in chosen for figure in PARTS[name](options)]
    except (StackError, RuntimeError) as error:
        raise SystemExit(f"benchmarks: {error}") from None
    except (StoppedByUser, KeyboardInterrupt):
        raise SystemExit("benchmarks: stopped") from None
    _show(where, options, figures)
    if json_file:
        _write(json_file, where, options, figures)


def _show(where: Mapping[str, str], options: Options, figures: Sequence[Figure]) -> None:
    console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE)
    for name, value in where.items():
        console.print(f"{name:<13} {value}", highlight=False, markup=False)
    console.print(f"{'measured':<13} {options.rounds} rounds, {options.requests} requests each", highlight=False)
    console.print()
    console.print(table_of(figures))


def _write(path: Path, where: Mapping[str, str], options: Options, figures: Sequence[Figure]) -> None:
    content = {
        "machine": where,
        "rounds": options.rounds,
        "requests": options.requests,
        "figures": [figure.as_json() for figure in figures],
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(bench)
