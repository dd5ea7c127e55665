"""The folder that the bank writes to: complete files are taken from ``incoming`` and put away with their report.

As for usage (``billing.services.usage_folder``) it is strange ground: links are never followed, names lead nowhere
else, and a file is only taken when nobody writes to it any more. A file is known by its content, so taking it again
after a fall does nothing but move it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import time
from pathlib import Path

from billing.domain.errors import Refusal
from billing.ports.bank_statements import BankFileStatus
from billing.services.bank_statement_reports import BankFileReport, as_text
from billing.services.bank_statements import BankStatements
from billing.services.reconcile import Watched
from billing.services.usage_folder_ground import (
    Looks,
    NotPlain,
    StillWritten,
    is_temporary,
    looks_of,
    move,
    opened_folder,
    printable,
    read_chunks,
    shown,
)

_log = logging.getLogger(__name__)
INCOMING, REPORT = "incoming", ".report.txt"
SOURCE, AUTHOR = "folder", "the bank's folder"
# A file lies there for longer than this only when something is wrong with it, or with us.
PATIENCE_SECONDS = 3600.0
_PUT_AWAY = {BankFileStatus.TAKEN: "taken-in", BankFileStatus.HELD: "held", BankFileStatus.REJECTED: "refused"}
REFUSED = "refused"


class BankFolder:
    """One round at a time; several workers may watch the same folder."""

    def __init__(self, root: Path, statements: BankStatements, quiet_seconds: float = 2.0) -> None:
        self._root = root
        self._statements = statements
        self._quiet_seconds = quiet_seconds
        self._seen: dict[str, tuple[Looks, float]] = {}
        self._told: set[str] = set()

    async def watch(self, pause_seconds: float = 2.0) -> None:
        """Look again and again until cancelled; trouble is logged and tried again."""
        while True:
            try:
                await self.look()
            except Exception as fault:  # the database or the disk may be away for a while
                _log.warning("the bank's folder waits: %s", fault)
            await asyncio.sleep(pause_seconds)

    async def look(self) -> int:
        """Take every complete file, in the order of their names; how many were taken."""
        (self._root / INCOMING).mkdir(parents=True, exist_ok=True)
        taken = 0
        with opened_folder(self._root, INCOMING) as folder:
            for name, looks in await asyncio.to_thread(self._complete, folder):
                try:
                    await self._take(name, looks, folder)
                    taken += 1
                except (StillWritten, FileNotFoundError):
                    self._seen.pop(name, None)
        return taken

    async def waiting(self) -> Watched:
        """For upkeep: a sentence for each file that has lain there too long."""
        return await asyncio.to_thread(self._waiting)

    def _waiting(self) -> Watched:
        if not (self._root / INCOMING).is_dir():
            return Watched(0, ())
        alarms = []
        for entry in sorted(os.scandir(self._root / INCOMING), key=lambda one: one.name):
            age = time.time() - entry.stat(follow_symlinks=False).st_mtime
            if age > PATIENCE_SECONDS and not entry.name.startswith("."):
                alarms.append(f"The bank's file {shown(entry.name)} has been waiting for {age / 60:.0f} minutes.")
        return Watched(len(alarms), tuple(alarms))

    def _complete(self, folder: int) -> list[tuple[str, Looks]]:
        """Plain files that have not changed for a while."""
        names = [name for name in sorted(os.listdir(folder)) if not is_temporary(name)]
        found, now = [], time.monotonic()
        for name in names:
            looks = self._looks(name, folder)
            if looks is None:
                continue
            seen, since = self._seen.get(name, (None, now))
            if seen != looks:
                self._seen[name] = (looks, now)
                since = now
            if now - since >= self._quiet_seconds:
                found.append((name, looks))
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        return found

    def _looks(self, name: str, folder: int) -> Looks | None:
        """None for what is left alone, which is told once."""
        try:
            return looks_of(name, folder)
        except NotPlain as refusal:
            if name not in self._told and not refusal.is_directory:
                self._told.add(name)
                _log.error("%s/%s is no plain file and is refused", INCOMING, shown(name))
            return None

    async def _take(self, name: str, looks: Looks, folder: int) -> None:
        with tempfile.TemporaryFile() as content:
            async for piece in read_chunks(name, folder):
                content.write(piece)
            try:
                taken = await self._statements.take_in(printable(name), content, SOURCE, AUTHOR)
            except Refusal as refusal:
                _log.error("%s/%s cannot be taken: %s", INCOMING, shown(name), refusal)
                self._put_away(name, looks, folder, REFUSED, f"refused-{looks[0]}.{printable(name)}", f"{refusal}\n")
                return
        self._move(name, looks, folder, taken.report)

    def _move(self, name: str, looks: Looks, folder: int, report: BankFileReport) -> None:
        place = _PUT_AWAY[BankFileStatus(report.file.status)]
        # Content handed in twice lies there under both its names.
        self._put_away(name, looks, folder, place, f"{report.file.file_id}.{printable(name)}", as_text(report))

    def _put_away(self, name: str, looks: Looks, folder: int, place: str, new_name: str, report: str) -> None:
        if move(name, folder, looks, self._root / place, new_name):
            (self._root / place / f"{new_name}{REPORT}").write_text(report, encoding="utf-8")
            _log.info("the bank's file %s lies in %s as %s", shown(name), place, new_name)
        self._seen.pop(name, None)
