"""The folder from which the bank, or the program that speaks to it, takes files.

A file is written whole into the hidden folder ``.staged`` beside the others, forced to the disk, and then renamed into
``outgoing`` in one step. It is therefore in exactly one of the two places until the bank takes it, and what is no
longer staged has been handed over, however the writing process ended.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

STAGED, OUTGOING = ".staged", "outgoing"


class FileFolder:
    """``root`` holds ``outgoing`` for the bank, and ``.staged`` on the same file system."""

    def __init__(self, root: Path) -> None:
        self._staged = root / STAGED
        self._outgoing = root / OUTGOING

    def stage(self, name: str, content: bytes) -> None:
        """Write the file completely; a file of that name and content may be there already."""
        for folder in (self._staged, self._outgoing):
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        unfinished = self._staged / f"{name}.part"
        with unfinished.open("wb") as file:
            unfinished.chmod(0o640)  # account numbers: for us and the group that fetches files
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._staged / name)
        _sync(self._staged)

    def is_whole(self) -> bool:
        """False when the folder beside was lost, with a disk perhaps: then nothing is known of what was in it."""
        return self._staged.is_dir() and self._outgoing.is_dir()

    def hand_over(self, name: str) -> bool:
        """Rename the staged file into the folder; False when it is not staged any more."""
        try:
            (self._staged / name).rename(self._outgoing / name)
        except FileNotFoundError:
            return False
        _sync(self._outgoing)
        _sync(self._staged)
        return True


def _sync(folder: Path) -> None:
    """Force the folder's own entries to the disk, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
