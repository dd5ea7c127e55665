"""What a demonstration remembers in its data directory, so that the same command goes on where it was."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from evenflow.stack.directory import DataDirectory
from evenflow.stack.errors import StackError
from evenflow.stack.postgres import home_elsewhere

FILE = "demo.json"
# Kept when a demonstration begins anew: who runs, and the directory itself.
_KEPT = ("lock",)


@dataclass(frozen=True, slots=True)
class Memory:
    """``loaded``: every account is open. ``finished``: the last day has passed and the summary was shown.

    ``start_seconds`` is how long this machine took to start the stack: so long business time waits at every start.
    """

    accounts: int
    days: int
    day_seconds: float
    loaded: bool = False
    finished: bool = False
    start_seconds: float = 0.0


def recall(data_dir: Path, wanted: Memory, *, fresh: bool) -> Memory:
    """The demonstration to run: the one of the directory, with the pace now wanted, or a new one.

    Raises StackError when the directory holds something else, or another demonstration than the one asked for.
    """
    directory = DataDirectory(data_dir)
    if fresh:
        _forget(directory)
    known = directory.read(FILE)
    if not known:
        if (directory.path / "stack.json").exists():
            raise StackError(
                f"{directory.path} holds a stack that is no demonstration: choose another directory with --data-dir."
            )
        directory.write(FILE, asdict(wanted))
        return wanted
    memory = Memory(**known)
    if memory.accounts != wanted.accounts:
        raise StackError(
            f"{directory.path} holds a demonstration of {memory.accounts} accounts: go on with --accounts "
            f"{memory.accounts}, begin anew with --fresh, or choose another --data-dir."
        )
    longer = wanted.days > memory.days
    return replace(
        memory,
        days=wanted.days,
        day_seconds=wanted.day_seconds,
        finished=memory.finished and not longer,
    )


def remember(data_dir: Path, memory: Memory) -> None:
    """Write it down in one step."""
    DataDirectory(data_dir).write(FILE, asdict(memory))


def _forget(directory: DataDirectory) -> None:
    """Remove a demonstration, and nothing but one. Raises StackError while it runs, and for anything else."""
    if not directory.read(FILE):
        return
    with directory.locked():
        for child in directory.path.iterdir():
            if child.name in _KEPT:
                continue
            if child.is_dir():
                shutil.rmtree(child)
            else:
                child.unlink()
        shutil.rmtree(home_elsewhere(directory.path), ignore_errors=True)
