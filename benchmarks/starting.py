"""How long a stack takes to start: the real command, on an empty directory and again on the one it left."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.administrator import Administrator
from benchmarks.figures import Figure
from benchmarks.options import Options
from benchmarks.places import data_directory
from evenflow.stack.assembly import ENVIRONMENT_FILE
from evenflow.stack.directory import DataDirectory
from evenflow.stack.process_identity import die_with_parent

READY = "Evenflow runs."
PATIENCE_SECONDS = 60.0
COMMAND = (sys.executable, "-c", "from evenflow.cli.main import app; app()", "up", "--data-dir")


def measure(options: Options) -> list[Figure]:
    """Seconds from the command to its pages, and to the first answer of an account's process."""
    cold, second = [], []
    for number in range(options.rounds):
        options.say(f"starting: round {number + 1} of {options.rounds}")
        with data_directory() as data_dir:
            cold.append(_start(data_dir, is_first=True))
            second.append(_start(data_dir, is_first=False))
    names = ("until the pages answer", "until a process answers")
    return [
        Figure(f"{start} start {name}", "s", tuple(values))
        for start, rounds in (("cold", cold), ("second", second))
        for name, values in zip(names, zip(*rounds, strict=True), strict=True)
    ]


def _start(data_dir: Path, *, is_first: bool) -> tuple[float, float]:
    """The seconds of one start. The first one has to load a brand, a plan and an account before one can answer."""
    began = time.perf_counter()
    with _up(data_dir):
        pages = time.perf_counter() - began
        administrator = Administrator(DataDirectory(data_dir).read(ENVIRONMENT_FILE))
        if is_first:
            administrator.load_catalogue()
            account_id = administrator.open_account(0, datetime.now(UTC) - timedelta(days=3))
        else:
            account_id = administrator.get("/v1/accounts")["accounts"][0]["account_id"]
        administrator.wait_for_process(account_id)
        return pages, time.perf_counter() - began


@contextmanager
def _up(data_dir: Path) -> Iterator[None]:
    """``evenflow up`` until it says that it runs, and stopped as a user would at the end."""
    with subprocess.Popen(
        [*COMMAND, str(data_dir)], stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent(signal.SIGTERM)
    ) as process:
        try:
            assert process.stdout is not None
            if not any(READY in line for line in process.stdout):
                raise RuntimeError(f"The stack did not start; its exit code is {process.wait()}.")
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_SECONDS)
