"""``python -m benchmarks.soak``: exit code 0 only when the demonstration ends well and the books hold."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.places import forget_own_settings, remove_elsewhere
from benchmarks.soak.comparing import WRONG, only_in_one, pairs, table_of
from benchmarks.soak.demonstration import Size
from benchmarks.soak.plan import Kill, UnusablePlan, planned
from benchmarks.soak.run import Ending, run

WIDTH_OF_A_PIPE = 120
console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE, highlight=False, markup=False, soft_wrap=True)


def soak(
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts.")] = 12,
    days: Annotated[int, typer.Option(min=2, help="How many business days pass.")] = 20,
    day_seconds: Annotated[float, typer.Option(min=0.5, help="Real seconds one business day takes.")] = 5.0,
    kills: Annotated[int, typer.Option(min=0, help="How often something is killed.")] = 6,
    seed: Annotated[int, typer.Option(help="The same seed kills the same at the same moments.")] = 1,
    kill_all: Annotated[bool, typer.Option("--kill-all", help="One kill is of everything, supervisor too.")] = False,
    compare: Annotated[bool, typer.Option("--compare", help="Run undisturbed as well, and compare.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep data and logs; a bad run's are always kept.")] = False,
) -> None:
    """Let the demonstration live while its parts are killed with kill -9."""
    forget_own_settings()
    size = Size(accounts, days, day_seconds)
    try:
        plan = planned(seed, kills, days, day_seconds, everything=kill_all)
    except UnusablePlan as refusal:
        raise typer.BadParameter(str(refusal), param_hint="--kills") from None
    directory = Path(tempfile.mkdtemp(prefix="evenflow-soak-")).resolve()
    directory.chmod(0o755)
    is_well, is_stopped = False, False
    try:
        is_well = _judge(directory, size, plan, compare=compare)
    except KeyboardInterrupt:
        is_stopped = True
        console.print("Stopped; nothing is left running.")
    finally:
        _clear(directory, keep=keep or not (is_well or is_stopped))
    raise typer.Exit(0 if is_well else 1)


def _judge(directory: Path, size: Size, plan: Sequence[Kill], *, compare: bool) -> bool:
    killed = _run("killed", directory, size, plan)
    if not compare:
        return killed.is_well
    undisturbed = _run("undisturbed", directory, size, [])
    return _compared(undisturbed, killed) and killed.is_well and undisturbed.is_well


def _run(name: str, directory: Path, size: Size, plan: Sequence[Kill]) -> Ending:
    console.print(f"The {name} run: {size.accounts} accounts, {size.days} days of {size.day_seconds:g} seconds")
    place = directory / name
    place.mkdir(mode=0o755)
    ending = run(place, size, plan, console.print)
    _report(ending)
    return ending


def _report(ending: Ending) -> None:
    """What was killed, how the demonstration ended, and whether the books hold."""
    died = ", ".join(f"{name} {number}" for name, number in sorted(ending.deaths.items())) or "none"
    console.print(f"  kills: {len(ending.killed)}; found dead and started again by the supervisor: {died}")
    for line in ending.checks or ending.last_lines:
        console.print(f"  {line}")
    ended = "did not end in time" if ending.exit_code is None else f"ended with exit code {ending.exit_code}"
    console.print(f"  The demonstration {ended}.")
    if ending.books is not None:
        broken = ending.books.broken
        console.print(f"  {len(broken)} rules are broken:" if broken else "  The rules of the books hold.")
        for sentence in broken[:20]:
            console.print(f"    {sentence}")


def _compared(undisturbed: Ending, killed: Ending) -> bool:
    """Print both side by side; True when no amount differs that time cannot explain."""
    if undisturbed.books is None or killed.books is None:
        return False
    found = pairs(undisturbed.books, killed.books)
    console.print(table_of(found))
    wrong = [pair for pair in found if pair.outcome in WRONG]
    for pair in wrong:
        console.print(f"  {pair.outcome.value}: undisturbed {pair.undisturbed}\n  killed {pair.killed}")
    alone = only_in_one(undisturbed.books, killed.books)
    if alone:
        console.print(f"Billed in one run only, by when it ended: {', '.join(alone)}")
    return bool(found) and not wrong


def _clear(directory: Path, *, keep: bool) -> None:
    if keep:
        console.print(f"Data and logs are kept in {directory}")
        return
    for place in directory.iterdir():
        remove_elsewhere(place / "demo")
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    typer.run(soak)
