"""A watched folder: complete files are taken from ``incoming/PROFILE/`` and moved away when their import is over.

What arrives by SFTP is strange ground: links are never followed, names never lead elsewhere, and a file is only taken
when nobody writes to it any more. Taking is safe to repeat, because the registry knows a file by its content: whatever
dies between taking and moving, the next round finds the file again, is told that it is known, and moves it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from billing.domain.errors import Refusal
from billing.ports.clock import BusinessClock
from billing.ports.usage_files import DONE, HELD, UsageFile
from billing.services.reconcile import Watched
from billing.services.usage_arrivals import UsageArrivals
from billing.services.usage_files import UsageFiles
from billing.services.usage_folder_ground import (
    Looks,
    NotPlain,
    StillWritten,
    directories_in,
    is_temporary,
    looks_of,
    move,
    opened_folder,
    printable,
    read_chunks,
    remove,
    shown,
)
from billing.services.usage_reports import as_text, report_on

_logger = logging.getLogger(__name__)
INCOMING, OUTCOMES = "incoming", (DONE, "failed", HELD)
REPORT = ".report.txt"


@dataclass(frozen=True, slots=True)
class FolderRules:
    """``quiet_seconds`` without a change make a file complete. With a ``marker`` (an ending such as ``.ok``) only files
    are taken beside which a file of that name and ending lies. ``patience_seconds`` is how long one may lie there."""

    quiet_seconds: float = 5.0
    marker: str = ""
    patience_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a file looked like, and since when."""

    looks: Looks
    since: float


@dataclass(slots=True)
class _Round:
    """What one round found and has still to do."""

    handled: int = 0
    present: set[tuple[str, str]] = field(default_factory=set)


class WatchedFolder:
    """One round at a time; several processes may watch the same folder."""

    def __init__(
        self,
        root: Path,
        files: UsageFiles,
        arrivals: UsageArrivals,
        clock: BusinessClock,
        rules: FolderRules | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._files = files
        self._arrivals = arrivals
        self._clock = clock
        self._rules = rules or FolderRules()
        self._now = now
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._taken: dict[tuple[str, str], str] = {}
        self._told: set[str] = set()

    def prepare(self) -> None:
        """Make the folders that a delivery needs: one per profile below ``incoming``, and where files go."""
        for name in self._files.profiles:
            (self._root / INCOMING / name).mkdir(parents=True, exist_ok=True)
        for name in OUTCOMES:
            (self._root / name).mkdir(exist_ok=True)

    async def watch(self, pause_seconds: float = 2.0) -> None:
        """Look again and again until cancelled; trouble is logged and tried again."""
        while True:
            try:
                await asyncio.to_thread(self.prepare)
                await self.look()
            except Exception as fault:  # the database, the process or the disk may be away for a while
                _logger.warning("the watched folder waits: %s", fault)
            await asyncio.sleep(pause_seconds)

    async def look(self) -> int:
        """One round: take what is complete, move what is over; answers how many files were taken or moved."""
        this = _Round()
        for profile in await asyncio.to_thread(self._folders):
            with opened_folder(self._root / INCOMING, profile) as folder:
                for name in await asyncio.to_thread(self._complete, this, profile, folder):
                    this.handled += await self._handle(profile, name, folder)
        for gone in self._seen.keys() - this.present:
            self._seen.pop(gone, None)
            self._taken.pop(gone, None)
        this.handled += await self._move_decided()
        return this.handled

    async def waiting(self) -> Watched:
        """For upkeep: how many files lie there, and a sentence for each that has lain there too long."""
        if not await asyncio.to_thread(self._root.is_dir):
            return Watched(0, (f"The watched folder {self._root} is not there.",))
        return await asyncio.to_thread(self._waiting)

    def _waiting(self) -> Watched:
        count, alarms = 0, []
        for profile in directories_in(self._root / INCOMING):
            for entry in os.scandir(self._root / INCOMING / profile):
                count += 1
                age = self._now() - entry.stat(follow_symlinks=False).st_mtime
                if age > self._rules.patience_seconds:
                    place = f"{INCOMING}/{profile}/{shown(entry.name)}"
                    alarms.append(f"{place} has been waiting for {age / 60:.0f} minutes: {self._why(profile, entry)}.")
        return Watched(count, tuple(alarms))

    def _why(self, profile: str, entry: os.DirEntry[str]) -> str:
        if profile not in self._files.profiles:
            return "there is no such profile"
        if not entry.is_file(follow_symlinks=False):
            return "it is no plain file"
        if is_temporary(entry.name):
            return "its name is that of an unfinished transfer"
        if (profile, entry.name) in self._taken:
            return f"the import of {self._taken[profile, entry.name]} is not over"
        return "its marker is missing, it is still written to, or the worker does not run"

    def _folders(self) -> Sequence[str]:
        """The profiles that have a folder; others are named once and left alone."""
        found = directories_in(self._root / INCOMING)
        for name in sorted(set(found) - set(self._files.profiles) - self._told):
            self._told.add(name)
            _logger.error("%s/%s is no profile; its files are left where they are", INCOMING, shown(name))
        return [name for name in found if name in self._files.profiles]

    def _complete(self, this: _Round, profile: str, folder: int) -> list[str]:
        """The names of complete files, in order; what is still written to is remembered."""
        found = []
        for name in self._candidates(folder):
            looks = self._looks(profile, name, folder)
            if looks is None:
                continue
            key = (profile, name)
            this.present.add(key)
            seen = self._seen.get(key)
            if seen is None or seen.looks != looks:
                self._seen[key] = _Seen(looks, time.monotonic())
                self._taken.pop(key, None)
            elif time.monotonic() - seen.since >= self._rules.quiet_seconds:
                found.append(name)
        return found

    def _candidates(self, folder: int) -> list[str]:
        """Names that are no transfer under way, and have their marker where markers are used."""
        names, marker = sorted(os.listdir(folder)), self._rules.marker
        finished = [name for name in names if not is_temporary(name)]
        if not marker:
            return finished
        return [name for name in finished if name + marker in names and not name.endswith(marker)]

    def _looks(self, profile: str, name: str, folder: int) -> Looks | None:
        """None for what is left alone, which is told once."""
        try:
            return looks_of(name, folder)
        except NotPlain as refusal:
            place = f"{INCOMING}/{profile}/{shown(name)}"
            if place not in self._told and not refusal.is_directory:
                self._told.add(place)
                _logger.error("%s is no plain file and is refused", place)
            return None

    async def _handle(self, profile: str, name: str, folder: int) -> int:
        """Take a complete file, or move it when its import is over; answers 1 when something was done."""
        key = (profile, name)
        try:
            if key not in self._taken:
                return await self._take(profile, name, folder)
            file = await self._files.get(self._taken[key])
            outcome = _outcome(file)
            if not outcome:
                return 0
            new_name = f"{file.file_id}.{printable(name)}"
            await asyncio.to_thread(self._put_away, folder, key, outcome, new_name, as_text(report_on(file)))
            return 1
        except (StillWritten, FileNotFoundError):
            self._forget(key)
            return 0

    async def _take(self, profile: str, name: str, folder: int) -> int:
        key = (profile, name)
        try:
            handed = await self._arrivals.hand_in(printable(name), profile, read_chunks(name, folder))
        except Refusal as refusal:
            _logger.error("%s/%s cannot be taken: %s", profile, shown(name), refusal)
            # Two refused files may have one name: each keeps its own.
            new_name = f"refused-{self._seen[key].looks[0]}.{printable(name)}"
            await asyncio.to_thread(self._put_away, folder, key, "failed", new_name, f"{refusal}\n")
            return 1
        self._taken[key] = handed.file.file_id
        _logger.info("took %s/%s as %s", profile, shown(name), handed.file.file_id)
        return 1

    def _put_away(self, folder: int, key: tuple[str, str], outcome: str, new_name: str, report: str) -> None:
        """Into ``outcome/PROFILE/DATE``, with the report beside it.

        The name begins with the file's identity, which stands for its content: nothing else is ever replaced.
        """
        profile, name = key
        place = self._place(outcome, profile)
        if move(name, folder, self._seen[key].looks, place, new_name):
            (place / f"{new_name}{REPORT}").write_text(report, encoding="utf-8")
            if self._rules.marker:
                remove(name + self._rules.marker, folder)
            _logger.info("moved %s/%s to %s", profile, shown(name), place.relative_to(self._root))
        self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        self._seen.pop(key, None)
        self._taken.pop(key, None)

    def _place(self, outcome: str, profile: str) -> Path:
        return self._root / outcome / profile / f"{self._clock.now():%Y-%m-%d}"

    async def _move_decided(self) -> int:
        """Files that were held and are over by now."""
        moved = 0
        for profile, day, name in await asyncio.to_thread(self._held):
            try:
                file = await self._files.get(name.partition(".")[0])
            except Refusal:
                continue  # somebody else's file lies there
            if file.is_settled:
                await asyncio.to_thread(self._move_held, profile, day, name, file)
                moved += 1
        return moved

    def _held(self) -> list[tuple[str, str, str]]:
        root = self._root / HELD
        return [
            (profile, day, name)
            for profile in directories_in(root)
            for day in directories_in(root / profile)
            for name in sorted(os.listdir(root / profile / day))
            if not name.endswith(REPORT)
        ]

    def _move_held(self, profile: str, day: str, name: str, file: UsageFile) -> None:
        place = self._place(_outcome(file), profile)
        with opened_folder(self._root / HELD / profile, day) as folder:
            looks = looks_of(name, folder)
            if looks is not None and move(name, folder, looks, place, name):
                (place / f"{name}{REPORT}").write_text(as_text(report_on(file)), encoding="utf-8")
                remove(name + REPORT, folder)


def _outcome(file: UsageFile) -> str:
    """Where a file goes; empty while its import is not over."""
    if file.status == HELD:
        return HELD
    if file.status == DONE:
        return DONE
    return "failed" if file.is_settled else ""
