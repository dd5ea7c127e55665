"""Files in a folder that strangers write to: opened, read and moved without following a link or trusting a name."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

# Names under which transfers write before they rename.
TEMPORARY_ENDINGS = (".part", ".tmp", ".temp", ".filepart", ".partial", ".crdownload", ".swp", "~")
CHUNK_BYTES = 2**20
LONGEST_NAME = 200
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# Without waiting: opening a pipe that nobody writes to would never return.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class StillWritten(Exception):
    """The file changed while it was read or moved: it is looked at again later."""


class NotPlain(Exception):
    """A link, a pipe, a device or a directory."""

    def __init__(self, *, is_directory: bool) -> None:
        super().__init__("no plain file")
        self.is_directory = is_directory


Looks = tuple[int, int, int]  # inode, size, time of the last change


@contextmanager
def opened_folder(path: Path, name: str) -> Iterator[int]:
    """A folder itself: whoever replaces it by a link meanwhile changes nothing for us."""
    above = os.open(path, DIRECTORY)
    try:
        folder = os.open(name, DIRECTORY, dir_fd=above)
    finally:
        os.close(above)
    try:
        yield folder
    finally:
        os.close(folder)


def looks_of(name: str, folder: int) -> Looks | None:
    """What a plain file looks like; None when it is gone. Raises NotPlain for a link, a pipe or a directory."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise NotPlain(is_directory=stat.S_ISDIR(found.st_mode))
    # A second name means that it is being put there by a link, or that it is somebody else's file.
    return (found.st_ino, found.st_size, found.st_mtime_ns) if found.st_nlink == 1 else None


def move(name: str, folder: int, looks: Looks, place: Path, new_name: str) -> bool:
    """Move a file that still looks as it did when it was taken; false when somebody else has moved it.

    Raises StillWritten, and leaves the file where it was, when it was written to in the meantime.
    """
    place.mkdir(parents=True, exist_ok=True)
    target = os.open(place, DIRECTORY)
    try:
        os.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=target)
        if looks_of(new_name, target) != looks:
            _put_back(new_name, target, name, folder)
            raise StillWritten
    except FileNotFoundError:
        return False
    finally:
        os.close(target)
    return True


def _put_back(moved: str, target: int, name: str, folder: int) -> None:
    """Under its old name, or beside a new file that has this name by now."""
    try:
        os.link(moved, name, src_dir_fd=target, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        os.rename(moved, f"{moved}-{name}"[-LONGEST_NAME:], src_dir_fd=target, dst_dir_fd=folder)
        return
    os.unlink(moved, dir_fd=target)


async def read_chunks(name: str, folder: int) -> AsyncIterator[bytes]:
    """The content. Raises StillWritten at its end when the file was changed while it was read."""
    opened = await asyncio.to_thread(os.open, name, _FILE, dir_fd=folder)
    try:
        before = os.fstat(opened)
        if not stat.S_ISREG(before.st_mode):
            raise StillWritten
        while chunk := await asyncio.to_thread(os.read, opened, CHUNK_BYTES):
            yield chunk
        after = os.fstat(opened)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise StillWritten
    finally:
        os.close(opened)


def directories_in(path: Path) -> list[str]:
    """The names of the real directories in one, links left out; none where there is none."""
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def is_temporary(name: str) -> bool:
    """Whether a transfer writes under this name until it is finished."""
    return name.startswith(".") or name.lower().endswith(TEMPORARY_ENDINGS)


def printable(name: str) -> str:
    """A name as the registry and our own folders hold it."""
    kept = shown(name).encode()
    return kept[-LONGEST_NAME:].decode("utf-8", "ignore")


def shown(name: str) -> str:
    """A name as it may stand in a log: what cannot be printed is a question mark."""
    kept = "".join(letter if letter.isprintable() else "?" for letter in name)
    return kept.encode("utf-8", "replace").decode()


def remove(name: str, folder: int) -> None:
    """Remove a file, or find it gone."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
