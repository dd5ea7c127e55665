"""Recorded histories: where they lie, and what must stay true of them.

``tests/histories/<release>/<scenario>.<run>.json.gz`` with a manifest of hashes beside it. Histories are append-only: a
recorded file never changes and never goes, because a process started by an old release must always be able to go on.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
MANIFEST = FOLDER / "manifest.json"


@dataclass(frozen=True)
class Recorded:
    """One run of one workflow, as the server told it. ``name`` is release/scenario.run."""

    name: str
    path: Path
    workflow_id: str

    def json(self) -> Any:
        """The history as the server's JSON."""
        return json.loads(gzip.decompress(self.path.read_bytes()))["history"]


def recorded() -> Iterator[Recorded]:
    """All recorded runs, in order of name."""
    for path in sorted(FOLDER.glob("*/*.json.gz")):
        body = json.loads(gzip.decompress(path.read_bytes()))
        name = f"{path.parent.name}/{path.name.removesuffix('.json.gz')}"
        yield Recorded(name, path, body["workflow_id"])


def write(release: str, scenario: str, run: int, workflow_id: str, history: Any) -> Path:
    """Keep one run. Refuses to change a recorded file."""
    folder = FOLDER / release
    folder.mkdir(exist_ok=True)
    path = folder / f"{scenario}.{run}.json.gz"
    if path.exists():
        raise FileExistsError(f"{path.name} is recorded already; record under a new release, never over an old one")
    text = json.dumps({"workflow_id": workflow_id, "history": history}, sort_keys=True, separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


def digest(path: Path) -> str:
    """The hash kept in the manifest."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_manifest() -> dict[str, str]:
    """Relative path to hash."""
    known: dict[str, str] = json.loads(MANIFEST.read_text()) if MANIFEST.exists() else {}
    return known


def add_to_manifest(paths: list[Path]) -> None:
    """Note new files; known ones stay as they are."""
    known = read_manifest()
    for path in paths:
        known.setdefault(path.relative_to(FOLDER).as_posix(), digest(path))
    MANIFEST.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
