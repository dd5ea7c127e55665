"""The console's main pages, as data: a page that is added adds a line here, for the role that may open it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.dependencies import has_role
from billing.services.access import Caller


@dataclass(frozen=True)
class Entry:
    """One entry of the main navigation; ``role`` is the least that opens the page."""

    label: str
    path: str
    role: str = "viewer"

    def is_current(self, path: str) -> bool:
        """Whether a page at this path belongs under the entry."""
        if self.path == HOME:
            return path == HOME
        return path == self.path or path.startswith(f"{self.path}/")


HOME = "/console"
ENTRIES: tuple[Entry, ...] = (
    Entry("Overview", HOME),
    Entry("Accounts", "/console/accounts"),
    Entry("Cases", "/console/cases"),
    Entry("Usage", "/console/usage"),
    Entry("Catalogue", "/console/catalogue"),
    Entry("Policies", "/console/policies"),
    Entry("Templates", "/console/templates"),
    Entry("Users", "/console/users", "admin"),
    Entry("API keys", "/console/keys", "admin"),
    Entry("Audit", "/console/audit", "admin"),
)


def entries_for(caller: Caller) -> Sequence[Entry]:
    """What this caller may open, in the order shown."""
    return [entry for entry in ENTRIES if has_role(caller, entry.role)]
