"""What crosses between the process and bulk actions: ids and counts, never a list of all accounts."""

from __future__ import annotations

from dataclasses import dataclass

from billing.messages.account import Command


@dataclass(frozen=True)
class BulkActionState:
    """The single input of a run: which action, whether it stands still or is called off, how many runs there were.

    ``rounds`` of batches are served by one run, so that its history stays below 1,300 events.
    """

    bulk_id: str
    paused: bool = False
    cancelled: bool = False
    runs_done: int = 0
    rounds: int = 40
    schema_version: int = 1


@dataclass(frozen=True)
class BulkBatchRequest:
    """The next accounts whose turn it is, at most ``limit``."""

    bulk_id: str
    limit: int


@dataclass(frozen=True)
class BulkBatch:
    """Accounts to be carried out together; none: everything is done."""

    bulk_id: str
    account_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class BulkNote:
    """An operator's command that changes the state of an action: running, paused or cancelled."""

    bulk_id: str
    state: str
    author: str = ""
    reason: str = ""


@dataclass(frozen=True)
class BulkReport:
    """How far an action is: accounts by what became of them."""

    bulk_id: str
    state: str = ""
    waiting: int = 0
    done: int = 0
    unchanged: int = 0
    refused: int = 0
    skipped: int = 0
    failed: int = 0
    left: int = 0


@dataclass(frozen=True)
class PauseBulkAction(Command):
    """Let what is on the way end, and begin nothing more until it is resumed."""


@dataclass(frozen=True)
class ResumeBulkAction(Command):
    """Go on after a pause."""


@dataclass(frozen=True)
class CancelBulkAction(Command):
    """Begin nothing more, for good; what was done stays done."""
