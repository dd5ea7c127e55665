"""One child process: how it is started, known to be ready, and stopped without leaving anything behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from evenflow.stack.errors import StackError, plain_words_for_disk_trouble
from evenflow.stack.probes import Probe, always
from evenflow.stack.process_identity import RunAs, birth, die_with_parent, identity_arguments, signal_group

Hook = Callable[[], Awaitable[None]]
PROBE_INTERVAL_SECONDS = 0.1
LONGEST_LOG_BYTES = 20_000_000
TAIL_LINES = 15
TAIL_BYTES = 16_384


def nothing() -> None:
    """For a child that needs nothing done before it starts."""


@dataclass(frozen=True)
class ChildSpec:
    """What to run and how to treat it.

    ``environment`` is added to our own; ``needs`` names the children that must be ready first; ``on_orphaned`` is the
    signal the child gets when the supervisor itself is killed. ``before_start`` and ``after_ready`` run once per
    start of the stack, not at restarts of the child; ``before_each_start`` runs before the process, and may block.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    ready: Probe = always
    needs: tuple[str, ...] = ()
    run_as: RunAs | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    on_orphaned: signal.Signals = signal.SIGKILL
    stop_seconds: float = 10.0
    ready_seconds: float = 60.0
    before_start: Hook | None = None
    after_ready: Hook | None = None
    before_each_start: Callable[[], None] = nothing


class Child:
    """A running (or dead) process of a specification; its output goes to one log file."""

    def __init__(self, spec: ChildSpec, log_path: Path) -> None:
        self.spec = spec
        self.log_path = log_path
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process in a group of its own. Raises StackError when it cannot be started at all."""
        with plain_words_for_disk_trouble(self.log_path), self._opened_log() as log:
            self.process = subprocess.Popen(
                self.spec.command,
                env={**os.environ, **self.spec.environment},
                cwd=self.spec.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
                preexec_fn=die_with_parent(self.spec.on_orphaned),
                **identity_arguments(self.spec.run_as),
            )

    def _opened_log(self) -> BinaryIO:
        """The log, to be appended to; one that has grown too long becomes the previous one first."""
        if self.log_path.exists() and self.log_path.stat().st_size > LONGEST_LOG_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".previous.log"))
        return self.log_path.open("ab")

    @property
    def process_id(self) -> int:
        """The process id of the latest start."""
        if self.process is None:
            raise StackError(f"The {self.spec.name} was never started.")
        return self.process.pid

    @property
    def birth(self) -> str | None:
        """When the process was born (see ``process_identity``)."""
        return birth(self.process_id)

    def is_alive(self) -> bool:
        """True while the process runs; reaps it when it has ended."""
        return self.process is not None and self.process.poll() is None

    def wait_until_ready(self) -> None:
        """Block until the probe says yes. Raises StackError, with the log's end, when the child dies or is late."""
        deadline = time.monotonic() + self.spec.ready_seconds
        while not self.spec.ready():
            if not self.is_alive():
                raise StackError(f"The {self.spec.name} ended while starting.\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise StackError(
                    f"The {self.spec.name} was not ready after {self.spec.ready_seconds:g} seconds.\n{self.log_tail()}"
                )
            time.sleep(PROBE_INTERVAL_SECONDS)

    def stop(self) -> None:
        """End the process: politely first, then by force with everything it started."""
        if self.process is None:
            return
        if self.is_alive():
            signal_group(self.process.pid, self.spec.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.spec.stop_seconds)
        signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def log_tail(self) -> str:
        """The last lines of the log, introduced by its path."""
        try:
            content = self.log_path.read_bytes()[-TAIL_BYTES:].decode(errors="replace")
        except OSError:
            content = ""
        lines = content.splitlines()[-TAIL_LINES:]
        return "\n".join([f"The end of {self.log_path}:", *(f"    {line}" for line in lines)])
