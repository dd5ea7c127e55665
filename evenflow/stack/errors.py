"""What can go wrong with the stack, always as one clear sentence for the person at the keyboard."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StackError(Exception):
    """The stack cannot start or go on; the message is one sentence that says why and what to do."""


@contextmanager
def plain_words_for_disk_trouble(path: Path) -> Iterator[None]:
    """Turn a full, read-only or forbidden disk into one sentence that names the path and the way out."""
    try:
        yield
    except OSError as error:
        way_out = "choose another directory with --data-dir or EVENFLOW_DATA_DIR."
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StackError(f"The disk that holds {path} is full: free some space, or {way_out}") from error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise StackError(f"{path} cannot be written ({error.strerror}): {way_out}") from error
        if isinstance(error, NotADirectoryError | FileExistsError):
            raise StackError(f"{path} is not a directory: {way_out}") from error
        raise
