"""Which process is which, and as whom it runs.

A process id alone is not an identity: the system hands it out again. Together with the time of birth it is.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

PR_SET_PDEATHSIG = 1
UNPRIVILEGED_NAMES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class RunAs:
    """A user and group to drop to before a child starts."""

    name: str
    user_id: int
    group_id: int


class IdentityArguments(TypedDict, total=False):
    """The keyword arguments by which subprocess drops to another user; empty to stay who we are."""

    user: int
    group: int
    extra_groups: list[str | int]


def identity_arguments(run_as: RunAs | None) -> IdentityArguments:
    """The arguments for subprocess that make a child run as ``run_as``."""
    return {"user": run_as.user_id, "group": run_as.group_id, "extra_groups": []} if run_as else {}


def unprivileged_user() -> RunAs | None:
    """The existing user to drop to when we are root (PostgreSQL refuses to run as root); None when we are not."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return RunAs(name, entry.pw_uid, entry.pw_gid)
    return RunAs("65534", 65534, 65534)


def birth(process_id: int) -> str | None:
    """When the process was born, as an opaque text; None when no such process lives (a zombie does not)."""
    status = Path(f"/proc/{process_id}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = status.read_text(encoding="utf-8").rpartition(")")[2].split()
        except (OSError, UnicodeDecodeError):
            return None
        return None if fields[0] in "ZX" else fields[19]
    listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(process_id)], capture_output=True, text=True, check=False)
    return listed.stdout.strip() or None


def signal_group(process_id: int, number: signal.Signals) -> None:
    """Signal the whole process group led by the process; a group that is gone is fine."""
    try:
        os.killpg(process_id, number)
    except (ProcessLookupError, PermissionError):
        return


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before it becomes its program, so that it gets the signal when its parent is killed.

    Only Linux offers this; elsewhere the next start finds and stops what was left (see ``leftovers``).
    """
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def before_exec() -> None:
        library.prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return before_exec
