"""Where a measured stack lives, and what of our own environment must not reach it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evenflow.settings import PREFIX
from evenflow.stack.postgres import home_elsewhere


def forget_own_settings() -> None:
    """Drop every setting from our environment: a measured stack has simulated vendors and nothing else."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]


@contextmanager
def data_directory() -> Iterator[Path]:
    """A directory for one stack, which the database server's user can reach, and which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="evenflow-bench-", ignore_cleanup_errors=True) as name:
        path = Path(name).resolve()
        path.chmod(0o755)
        try:
            yield path / "stack"
        finally:
            remove_elsewhere(path / "stack")


def remove_elsewhere(data_dir: Path) -> None:
    """Remove what PostgreSQL kept outside the directory because its user could not reach it."""
    shutil.rmtree(home_elsewhere(data_dir), ignore_errors=True)
