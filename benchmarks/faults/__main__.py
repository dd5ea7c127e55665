"""``python -m benchmarks.faults``: exit code 0 only when every fault was survived."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.faults.injecting import Pace
from benchmarks.faults.report import Report, show
from benchmarks.faults.run import Size, run
from benchmarks.places import forget_own_settings, remove_elsewhere
from evenflow.stack.errors import StackError
from evenflow.stack.supervisor import StoppedByUser

WIDTH_OF_A_PIPE = 120
console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE, highlight=False, markup=False, soft_wrap=True)


def faults(
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts.")] = 48,
    days: Annotated[int, typer.Option(min=2, help="How many business days pass at least.")] = 125,
    day_seconds: Annotated[float, typer.Option(min=0.5, help="Real seconds one business day takes.")] = 15.0,
    wanted: Annotated[int, typer.Option("--faults", min=1, help="How many faults have to strike at least.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed draws the same faults in the same order.")] = 1,
    kill_seconds: Annotated[float, typer.Option(min=0.5, help="Pause after a worker's death at a boundary.")] = 15.0,
    outage_seconds: Annotated[float, typer.Option(min=1, help="Pause between parts that stop.")] = 60.0,
    rule_seconds: Annotated[float, typer.Option(min=0.1, help="Pause between faults of vendors.")] = 3.0,
    workers: Annotated[int, typer.Option(min=1, help="How many workers share the work.")] = 2,
    minutes: Annotated[float, typer.Option(min=0, help="Break nothing more after so long; 0: never.")] = 0.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report there too.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep data and logs; a bad run's are always kept.")] = False,
) -> None:
    """Let a population bill and pay while everything breaks, and see whether anything was lost or doubled."""
    forget_own_settings()
    # Workers start over and over: compiled once is enough, whatever our own environment says about keeping it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    directory = Path(tempfile.mkdtemp(prefix="evenflow-faults-")).resolve()
    directory.chmod(0o755)
    pace = Pace(kill_seconds, outage_seconds, rule_seconds, rule_seconds * 1.5)
    size = Size(accounts, days, day_seconds, wanted, seed, pace, workers, minutes)
    report: Report | None = None
    is_stopped = False
    try:
        report = asyncio.run(run(directory / "stack", size, console))
        for file in (directory / "report.json", *([json_file] if json_file else [])):
            file.write_text(json.dumps(report.as_json(), indent=1), encoding="utf-8")
        show(report, console)
    except (StoppedByUser, KeyboardInterrupt):
        is_stopped = True
        console.print("Stopped; nothing is left running.")
    except StackError as error:
        console.print(str(error))
    finally:
        is_well = report is not None and report.is_well
        _clear(directory, keep=keep or not (is_well or is_stopped))
    raise typer.Exit(0 if is_well else 1)


def _clear(directory: Path, *, keep: bool) -> None:
    if keep:
        console.print(f"Data and logs are kept in {directory}")
        return
    remove_elsewhere(directory / "stack")
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    typer.run(faults)
