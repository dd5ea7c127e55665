"""The spool: a directory that keeps the content of every file under the hash of that content and its profile."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO
from uuid import uuid4

from billing.domain.errors import InvalidValue

LARGEST_FILE_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Spooled:
    """A kept content: where, its SHA-256 in hexadecimal, and its size."""

    path: Path
    sha256: str
    size_bytes: int


class Spool:
    """Streams contents to disk in chunks; memory does not grow with the file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, stored_as: str) -> Path:
        """Where a kept content is."""
        return self._directory / stored_as

    async def keep(self, chunks: AsyncIterator[bytes], profile: str) -> Spooled:
        """Write under a passing name, then under that of the content and profile: a half file is never seen.

        Raises InvalidValue for more than 1 GiB. Whatever ``chunks`` raises passes through, and nothing is kept.
        """
        await asyncio.to_thread(self._directory.mkdir, parents=True, exist_ok=True)
        passing = self._directory / f"{uuid4().hex}.part"
        try:
            spooled = await _write(passing, chunks, self._directory, profile)
            await asyncio.to_thread(put_in_place, passing, spooled.path)
        finally:
            await asyncio.to_thread(passing.unlink, missing_ok=True)
        return spooled


async def _write(passing: Path, chunks: AsyncIterator[bytes], directory: Path, profile: str) -> Spooled:
    digest, size_bytes = hashlib.sha256(), 0
    opened: BinaryIO = await asyncio.to_thread(passing.open, "wb")
    with opened:
        async for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > LARGEST_FILE_BYTES:
                remedy = f"Split it into files of at most {LARGEST_FILE_BYTES} bytes."
                raise InvalidValue("The file is too large.", field="file", value=f"{size_bytes} bytes", remedy=remedy)
            digest.update(chunk)
            await asyncio.to_thread(opened.write, chunk)
        await asyncio.to_thread(to_disk, opened)
    return Spooled(directory / f"{digest.hexdigest()}.{profile}", digest.hexdigest(), size_bytes)


def to_disk(opened: IO[bytes]) -> None:
    """What is registered must still be there after a power cut."""
    opened.flush()
    os.fsync(opened.fileno())


def put_in_place(passing: Path, path: Path) -> None:
    """Give a file its name, to outlast a power cut: the name is in the directory, which is written too."""
    passing.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
