"""The processes of a running stack, by name, as its data directory and ``/proc`` tell."""

from __future__ import annotations

from pathlib import Path

from evenflow.stack.directory import DataDirectory
from evenflow.stack.process_identity import birth

# A word of each child's command line, file names without their folders.
PROGRAMS = {
    "postgres": "postgres",
    "temporal": "temporal",
    "simulator": "simulator",
    "api": "uvicorn",
    "worker": "worker.py",
}


def living_children(data_dir: Path) -> dict[str, int]:
    """Process ids by name, of those that are alive now."""
    born = DataDirectory(data_dir).read("children.json")
    found: dict[str, int] = {}
    for process_id, moment in born.items():
        if birth(int(process_id)) == moment:
            name = _name_of(int(process_id))
            if name:
                found[name] = int(process_id)
    return found


def _name_of(process_id: int) -> str:
    try:
        arguments = Path(f"/proc/{process_id}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    words = {Path(argument).name for argument in arguments[:3]}
    return next((name for name, word in PROGRAMS.items() if word in words), "")
