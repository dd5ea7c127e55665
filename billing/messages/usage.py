"""What crosses between the process and usage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImportFileRequest:
    """Import a registered usage file; work resumes at the last committed batch."""

    file_id: str


@dataclass(frozen=True)
class ImportReport:
    """What became of a file: every line is counted in exactly one of the five outcomes."""

    file_id: str
    file_name: str = ""
    profile: str = ""
    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    recycled: int = 0
    rejected: int = 0
    late: int = 0
    done: bool = False
