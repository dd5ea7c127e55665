"""``evenflow import``: files in the order of their numbers, by the running installation, with progress and a report."""

from __future__ import annotations

import glob
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from billing.adapters.usage_formats import declared_formats, standard_formats
from billing.ports.usage import UsageFormat
from evenflow.cli.usage_door import NothingAnswers, UsageDoor
from evenflow.settings import read_settings
from evenflow.stack.errors import StackError

ALL_COUNTED, SOME_REJECTED, HELD = 0, 3, 4
LOOK_AGAIN_SECONDS = 0.3
TELL_EVERY_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
SETTLED = ("done", "held", "rejected", "cancelled")


@dataclass
class _Sending:
    """One file on its way: its lines as far as they were counted while it was sent, and the newest report."""

    path: Path
    lines: int = 0
    is_text: bool = True
    report: Mapping[str, Any] = field(default_factory=dict)
    already_known: bool = False

    @property
    def file(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.report["file"]
        return found

    @property
    def is_over(self) -> bool:
        return bool(self.report) and self.file["status"] in SETTLED

    def saw(self, piece: bytes) -> None:
        self.lines += piece.count(b"\n")
        self.is_text = self.is_text and b"\0" not in piece


def format_of(profile: str) -> UsageFormat:
    """A declared source. Raises StackError naming those there are, InvalidValue for a declaration that is none."""
    own = read_settings().usage.profiles
    formats = {**standard_formats(), **(declared_formats(own) if own else {})}
    if profile not in formats:
        raise StackError(f"There is no profile {profile}. Use one of: {', '.join(sorted(formats))}.")
    return formats[profile]


def in_order(profile: str, patterns: Sequence[str]) -> list[Path]:
    """The files that paths and patterns mean, by the number in their names, then by name.

    Raises StackError for one that is not there.
    """
    sequence_of = format_of(profile).profile.sequence_of
    paths: dict[Path, None] = {}
    for pattern in patterns:
        found = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))
        files = [path for each in found if (path := Path(each)).is_file()]
        if not files:
            raise StackError(f"There is no file {pattern}.")
        paths |= dict.fromkeys(files)
    return sorted(paths, key=lambda path: (sequence_of(path.name) or 0, path.name))


def import_files(door: UsageDoor, profile: str, paths: Sequence[Path], *, wait: bool, as_json: bool) -> int:
    """Send the files, follow their imports and print their reports; answers the exit code.

    0: nothing was held or rejected; 3: records were rejected or in conflict; 4: a file is held for a person.
    """
    sendings = [_Sending(path) for path in paths]
    with _Board() as board:
        for each in sendings:
            uploaded = door.upload(each.path, profile, each.saw)
            each.already_known = uploaded["already_known"]
            each.report = door.report(uploaded["file"]["file_id"])
            board.show(each)
        if wait:
            _follow(door, sendings, board)
    code = max(_code(each.report) for each in sendings)
    _print(sendings, code, as_json)
    return code


def _follow(door: UsageDoor, sendings: Sequence[_Sending], board: _Board) -> None:
    """Look until every import is over. An API that is being started again is waited for: the imports go on without it.

    Raises NothingAnswers when it stays away.
    """
    answered_at = time.monotonic()
    while open_ones := [each for each in sendings if not each.is_over]:
        time.sleep(LOOK_AGAIN_SECONDS)
        try:
            for each in open_ones:
                each.report = door.report(each.file["file_id"])
                board.show(each)
            answered_at = time.monotonic()
        except NothingAnswers:
            if time.monotonic() - answered_at > PATIENCE_SECONDS:
                raise


def _code(report: Mapping[str, Any]) -> int:
    file = report["file"]
    if file["status"] in ("held", "rejected", "cancelled"):
        return HELD
    return SOME_REJECTED if file["rejected"] or file["conflicts"] else ALL_COUNTED


def _print(sendings: Sequence[_Sending], code: int, as_json: bool) -> None:
    if as_json:
        files = [{"path": str(each.path), "already_known": each.already_known, **each.report} for each in sendings]
        print(json.dumps({"files": files, "exit_code": code}, indent=2))
        return
    for each in sendings:
        known = "This content was handed in before; it is taken once.\n" if each.already_known else ""
        print(f"{known}{each.report['text']}")


class _Board:
    """Progress on the error stream: bars on a terminal, else a line a second for each file."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(),
        )
        self._bars = Progress(*columns, console=console) if console.is_terminal else None
        self._tasks: dict[Path, TaskID] = {}
        self._told_at: dict[Path, float] = {}

    def __enter__(self) -> _Board:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars:
            self._bars.stop()

    def show(self, sending: _Sending) -> None:
        """Where a file is now."""
        file = sending.file
        said = f"{file['status']}: {file['read']} read, {file['accepted']} counted, {file['rejected']} rejected"
        if self._bars:
            total = sending.lines if sending.is_text and sending.lines else None
            if sending.path not in self._tasks:
                self._tasks[sending.path] = self._bars.add_task(sending.path.name, said="")
            task = self._tasks[sending.path]
            done = total if sending.is_over else file["lines_done"]
            self._bars.update(task, total=total or (1 if sending.is_over else None), completed=done or 0, said=said)
        elif time.monotonic() - self._told_at.get(sending.path, 0.0) >= TELL_EVERY_SECONDS and not sending.is_over:
            self._told_at[sending.path] = time.monotonic()
            sys.stderr.write(f"{sending.path.name}: {said}\n")
            sys.stderr.flush()
