"""The one directory in which a stack keeps everything: data, logs, ports, secrets, and who is running it.

lock              held while a stack runs; names its process and its addresses
stack.json        ports and secrets, chosen at the first start
children.json     the processes of the present start, so that the next one can stop what a kill left behind
logs/             one file per child
postgres/ ...     what the children keep
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evenflow.stack.errors import StackError, plain_words_for_disk_trouble
from evenflow.stack.ports import free_port, is_free
from evenflow.stack.process_identity import birth, signal_group

LEAST_FREE_BYTES = 300 * 1024 * 1024
LEFTOVER_SECONDS = 15.0


class DataDirectory:
    """A data directory that exists and can be written. Raises StackError in one sentence when it cannot."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        with plain_words_for_disk_trouble(self.path):
            # Others may pass through, for the database server's user, but not look around.
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)
            (self.path / "lock").touch()
        free_bytes = shutil.disk_usage(self.path).free
        if free_bytes < LEAST_FREE_BYTES:
            raise StackError(
                f"The disk that holds {self.path} is full ({free_bytes // 2**20} MB free, "
                f"{LEAST_FREE_BYTES // 2**20} MB needed): free some space, or choose another directory with --data-dir."
            )

    @property
    def logs(self) -> Path:
        """Where each child's output goes."""
        return self.path / "logs"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for this process. Raises StackError naming the process that already does."""
        with (self.path / "lock").open("r+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StackError(self._who_runs()) from None
            self.announce({})
            self.stop_leftovers()
            try:
                yield
            finally:
                lock.truncate(0)

    def announce(self, addresses: Mapping[str, str]) -> None:
        """Write beside the lock who holds it, for a second start to tell."""
        self._write_in_place("lock", {"process_id": os.getpid(), "addresses": dict(addresses)})

    def _who_runs(self) -> str:
        with contextlib.suppress(ValueError, KeyError, OSError):
            holder = json.loads((self.path / "lock").read_text(encoding="utf-8"))
            places = ", ".join(f"{name} {address}" for name, address in holder["addresses"].items())
            return (
                f"Evenflow already runs on {self.path} as process {holder['process_id']}"
                f"{f' ({places})' if places else ''}: use that one, stop it, or choose another --data-dir."
            )
        return f"Evenflow already runs on {self.path}: use that one, stop it, or choose another --data-dir."

    def _write_in_place(self, name: str, content: Mapping[str, Any]) -> None:
        # The lock belongs to the file, so it must not be replaced by a new one.
        with plain_words_for_disk_trouble(self.path):
            (self.path / name).write_text(json.dumps(content), encoding="utf-8")

    def read(self, name: str) -> dict[str, Any]:
        """The content of a JSON file of the directory; empty when it is not there."""
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            raise StackError(f"{self.path / name} is damaged: restore it, or choose another --data-dir.") from None
        return dict(content)

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Replace a JSON file of the directory in one step, readable for the owner only."""
        draft = self.path / f"{name}.draft"
        with plain_words_for_disk_trouble(self.path):
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(content, indent=2), encoding="utf-8")
            draft.replace(self.path / name)

    def ports(self, names: tuple[str, ...], wanted: Mapping[str, int]) -> dict[str, int]:
        """A port per name: the wanted one (StackError when busy), else the one of the last start, else a free one."""
        state = self.read("stack.json")
        remembered = state.get("ports", {})
        chosen: dict[str, int] = {}
        for name in names:
            if name in wanted and not is_free(wanted[name]):
                raise StackError(
                    f"Port {wanted[name]} for {name} is busy: stop what uses it, or choose another port for {name}."
                )
            port = wanted.get(name) or remembered.get(name)
            if port is None or not is_free(port):
                port = free_port({*chosen.values(), *remembered.values()})
            chosen[name] = port
        self.write("stack.json", {**state, "ports": {**remembered, **chosen}})
        return chosen

    def secret(self, name: str, prefix: str = "") -> str:
        """A random secret made at the first call and kept."""
        state = self.read("stack.json")
        kept = state.setdefault("secrets", {})
        if name not in kept:
            kept[name] = prefix + secrets.token_hex(24)
            self.write("stack.json", state)
        return str(kept[name])

    def remember_children(self, born: Mapping[int, str]) -> None:
        """Note the living children (process id to birth), for ``stop_leftovers`` of the next start."""
        self.write("children.json", {str(process_id): moment for process_id, moment in born.items()})

    def stop_leftovers(self) -> None:
        """End the processes that a killed supervisor left behind; a process id used by somebody else is left alone."""
        left = {int(process_id): moment for process_id, moment in self.read("children.json").items()}
        deadline = time.monotonic() + LEFTOVER_SECONDS
        for number in (signal.SIGINT, signal.SIGKILL):
            for process_id in left:
                if birth(process_id) == left[process_id]:
                    signal_group(process_id, number)
            while time.monotonic() < deadline and any(birth(one) == moment for one, moment in left.items()):
                time.sleep(0.05)
            deadline = time.monotonic() + LEFTOVER_SECONDS
        self.remember_children({})
