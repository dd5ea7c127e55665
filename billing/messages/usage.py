"""What crosses between the process and usage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImportFileRequest:
    """Import a registered usage file; work resumes at the last committed batch."""

    file_id: str


@dataclass(frozen=True)
class ImportReport:
    """What became of a file: every line is counted in exactly one of the six outcomes.

    ``done`` says that all of it was taken; ``status`` and ``hold_reason`` why not.
    """

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
    partial: int = 0
    status: str = ""
    hold_reason: str = ""

    @property
    def is_held(self) -> bool:
        """Whether a person has to decide first."""
        return self.status == "held"
