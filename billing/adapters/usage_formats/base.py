"""What all formats share: their declaration, and the answers of a format without totals and without sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from billing.ports.usage_profiles import DeclaredTotals, FileTotals, OpenSession, SessionPart, SourceProfile


class DeclaredFormat:
    """A format of one declared source. Each record stands for itself and files say nothing of their totals."""

    def __init__(self, profile: SourceProfile) -> None:
        self.profile = profile

    @property
    def name(self) -> str:
        return self.profile.name

    @property
    def source(self) -> str:
        return self.profile.source

    def declared_totals(self, path: Path) -> DeclaredTotals | None:
        """What the file says it holds."""
        return None

    def counted_totals(self, path: Path) -> FileTotals:
        """What the file holds, in the terms of ``declared_totals``."""
        return FileTotals()

    def combine(self, parts: Sequence[SessionPart]) -> Mapping[str, Any] | None:
        """No record of this format is a part."""
        return None

    def describe_open(self, parts: Sequence[SessionPart]) -> OpenSession:
        """No record of this format is a part."""
        return OpenSession({}, "This format has no sessions.")
