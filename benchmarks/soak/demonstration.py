"""``evenflow demo --exit`` as a child process that can be watched, killed in parts or as a whole, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from benchmarks.children import living_children
from billing.domain.clock import ClockSegment
from evenflow.demo.usage import CLOCK_STARTS
from evenflow.stack.directory import DataDirectory
from evenflow.stack.errors import StackError
from evenflow.stack.process_identity import die_with_parent

COMMAND = (sys.executable, "-c", "from evenflow.cli.main import app; app()", "demo", "--exit")
# The heart beats every second; business time that was not seen for so long stands still.
LONGEST_SILENCE = timedelta(seconds=3)
STOP_SECONDS = 60.0
DIED = " died and is started again."
NEWEST_SEGMENT = (
    "SELECT real_start, business_start, rate, last_seen_real FROM clock_segments ORDER BY segment_id DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Size:
    """How large the demonstration is, by its own options."""

    accounts: int
    days: int
    day_seconds: float

    def arguments(self) -> list[str]:
        """As the command takes them."""
        return [f"--accounts={self.accounts}", f"--days={self.days}", f"--day-seconds={self.day_seconds:g}"]


class Demonstration:
    """One demonstration on one data directory; what it prints goes to ``log``."""

    def __init__(self, directory: Path, size: Size) -> None:
        self.data_dir = directory / "demo"
        self.log = directory / "demo.log"
        self._size = size
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run the command; on a directory that holds a demonstration it goes on."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "--data-dir", str(self.data_dir), *self._size.arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._started.poll()

    def day(self) -> float | None:
        """Business days since the first one began; None while business time stands still."""
        try:
            with psycopg.connect(self._database(), connect_timeout=2) as connection:
                row = connection.execute(NEWEST_SEGMENT).fetchone()
        except (psycopg.Error, StackError, KeyError):
            return None
        now = datetime.now(UTC)
        if row is None or now - row[3] > LONGEST_SILENCE:
            return None
        begins = datetime.combine(CLOCK_STARTS, datetime.min.time(), UTC)
        return (ClockSegment(*row[:3]).business(now) - begins) / timedelta(days=1)

    def _database(self) -> str:
        """The address of the books, as the last start wrote it down."""
        environment = DataDirectory(self.data_dir).read("environment.json")
        return str(environment["EVENFLOW_DATABASE_URL"]).replace("+psycopg", "", 1)

    def kill(self, name: str) -> bool:
        """kill -9 of one part; False when it is not there to be killed."""
        process_id = living_children(self.data_dir).get(name)
        if process_id is None:
            return False
        _kill(process_id)
        return True

    def kill_everything(self) -> None:
        """kill -9 of every part and of the supervisor, which is held so that it cannot notice before."""
        self._started.send_signal(signal.SIGSTOP)
        for process_id in [*living_children(self.data_dir).values(), self._started.pid]:
            _kill(process_id)
        self._started.wait(STOP_SECONDS)

    def stop(self) -> None:
        """As Ctrl-C does it, and by force when that takes too long."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill_everything()

    def deaths(self) -> Counter[str]:
        """How often the supervisor found which part dead."""
        lines = [line for line in self._lines() if line.endswith(DIED)]
        return Counter(line.removesuffix(DIED).removeprefix("The ") for line in lines)

    def last_lines(self, number: int) -> list[str]:
        """The end of what it printed."""
        return self._lines()[-number:]

    def checks(self) -> list[str]:
        """The accounts whose story went wrong, its own checks, and how many stories are as expected."""
        lines = self._lines()
        begin = max((place for place, line in enumerate(lines) if line == "Checks"), default=len(lines))
        wrong = [line for line in lines[:begin] if line.startswith("✗ ")]
        return wrong + [line for line in lines[begin + 1 :] if line.startswith(("✓", "✗", "    ", "After "))]

    def _lines(self) -> list[str]:
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return [line.rstrip() for line in text.splitlines()]

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it has to be started first"
        return self._process


def _kill(process_id: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGKILL)
