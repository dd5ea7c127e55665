"""The database server that ran before: it must be gone before the next one starts on the same cluster.

After a ``kill -9`` of everything the dead postmaster may stay in the process table until its new parent asks for it.
PostgreSQL takes that for a server that still runs, and refuses to start.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from evenflow.stack.process_identity import birth

PATIENCE_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 0.1


def wait_for_the_last_one(cluster: Path) -> None:
    """Wait until nothing works on the cluster, then take away the lock file of a postmaster that is dead but listed.

    Whoever is still alive after the patience keeps the lock file, and PostgreSQL says so.
    """
    lock = cluster / "postmaster.pid"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _is_locked(lock) and _works_on(cluster):
        if time.monotonic() > deadline:
            return
        time.sleep(LOOK_AGAIN_SECONDS)
    owner = _owner(lock)
    if owner is not None and birth(owner) is None and Path(f"/proc/{owner}").exists():
        lock.unlink(missing_ok=True)


def _is_locked(lock: Path) -> bool:
    return _owner(lock) is not None


def _owner(lock: Path) -> int | None:
    """The process id in the lock file; None when there is none to read."""
    try:
        first = lock.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except OSError:
        return None
    return int(first) if first.isdigit() else None


def _works_on(cluster: Path) -> bool:
    """True while a living process, postmaster or backend, has the cluster for its working directory."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd") == str(cluster) and birth(int(process.name)) is not None:
                return True
        except OSError:
            continue
    return False
