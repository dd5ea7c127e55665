"""Bulk actions: what can be done to many accounts at once, and what an order for it needs. Pure.

Each account gets the same command as from a clerk's hand (``bulk_standing`` says what is foreseen of it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from billing.domain.errors import InvalidValue


class BulkKind(StrEnum):
    """What can be done in bulk; each is the single action of the same name."""

    HOLD = "hold"
    RESUME = "resume"
    PAUSE = "pause"
    RETRY = "retry"
    PAYLINK = "paylink"
    MOVE_POLICY = "move_policy"
    CYCLE_DAY = "cycle_day"
    WAIVE_FEES = "waive_fees"
    SEGMENT = "segment"
    UNDO = "undo"  # what another action changed, back to how it was


class BulkState(StrEnum):
    """Where an action stands."""

    PREVIEWED = "previewed"  # nothing is changed before it is confirmed
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"  # what was done stays done
    DONE = "done"


class BulkOutcome(StrEnum):
    """What became of one account."""

    CHOSEN = "chosen"  # not looked at yet
    ASKED = "asked"  # its command is on the way
    DONE = "done"
    UNCHANGED = "unchanged"  # it was so already
    REFUSED = "refused"  # a rule, or the account's process, said no
    SKIPPED = "skipped"  # it does not match any more
    FAILED = "failed"  # its process gave no answer
    LEFT = "left"  # the action was cancelled before its turn


WAITING = (BulkOutcome.CHOSEN, BulkOutcome.ASKED)


@dataclass(frozen=True)
class BulkKindInfo:
    """``does`` says what happens to each account; ``no_way_back`` why it cannot be undone (empty: it can)."""

    kind: BulkKind
    does: str
    no_way_back: str = ""

    @property
    def undoable(self) -> bool:
        """Whether there is a way back."""
        return not self.no_way_back


KINDS: dict[str, BulkKindInfo] = {
    each.kind: each
    for each in (
        BulkKindInfo(BulkKind.HOLD, "No debit, no dunning step and no bar until the hold ends."),
        BulkKindInfo(BulkKind.RESUME, "A pause or a hold ends; what has passed is announced anew."),
        BulkKindInfo(BulkKind.PAUSE, "No notice, no debit and no dunning step until it is resumed."),
        BulkKindInfo(
            BulkKind.RETRY,
            "Every overdue amount is announced and debited again, on a date that the customer is told.",
            "the customers have been told of a further debit",
        ),
        BulkKindInfo(
            BulkKind.PAYLINK,
            "The customer is sent what is open with the paylink, after quiet hours.",
            "a message that was sent cannot be taken back",
        ),
        BulkKindInfo(BulkKind.MOVE_POLICY, "The open case walks by the other policy version from now on."),
        BulkKindInfo(
            BulkKind.CYCLE_DAY,
            "The account is billed on the other day from its next cycle on.",
            "the days between the old and the new day have become part of a cycle; change the day again instead",
        ),
        BulkKindInfo(
            BulkKind.WAIVE_FEES,
            "Every dunning fee is taken back by a line on the next invoice.",
            "the fees are taken back by lines of the next invoice; charge them again by hand",
        ),
        BulkKindInfo(BulkKind.SEGMENT, "The account belongs to the other segment; a running case keeps its policy."),
        BulkKindInfo(
            BulkKind.UNDO,
            "What the first action changed is put back, where nobody changed it since.",
            "it is the way back itself; do the first action again instead",
        ),
    )
}
_NEEDS: dict[str, tuple[str, ...]] = {
    BulkKind.HOLD: ("until",),
    BulkKind.MOVE_POLICY: ("policy_code", "policy_version"),
    BulkKind.CYCLE_DAY: ("cycle_day",),
    BulkKind.SEGMENT: ("segment",),
}
BRIDGES = ("extended", "free", "prorated")


@dataclass(frozen=True)
class BulkOrder:
    """What to do to each account: the kind, and what it needs. ``bridge`` is of ``cycle_day`` alone."""

    kind: BulkKind
    until: datetime | None = None
    policy_code: str = ""
    policy_version: int = 0
    cycle_day: int = 0
    bridge: str = "extended"
    segment: str = ""

    @classmethod
    def of(cls, kind: BulkKind, said: Mapping[str, Any]) -> BulkOrder:
        """An order with what its kind needs, and nothing else that was said."""
        needed = (*_NEEDS.get(kind, ()), *(("bridge",) if kind is BulkKind.CYCLE_DAY else ()))
        return cls(kind, **{name: said[name] for name in needed if name in said})

    def validate(self, now: datetime) -> None:
        """Raises InvalidValue naming the field."""
        for name in _NEEDS.get(self.kind, ()):
            if not getattr(self, name):
                message = f"The action {self.kind} needs {name.replace('_', ' ')}."
                raise InvalidValue(message, field=name, value="", remedy="Fill it in.")
        if self.until is not None and self.until <= now:
            remedy = f"Use an instant after {now:%Y-%m-%dT%H:%MZ}."
            raise InvalidValue("A hold ends in the future.", field="until", value=self.until, remedy=remedy)
        if self.kind is BulkKind.CYCLE_DAY and not 1 <= self.cycle_day <= 31:
            raise InvalidValue(
                "A cycle day is a day of the month.", field="cycle_day", value=self.cycle_day, remedy="Use 1 to 31."
            )
        if self.bridge not in BRIDGES:
            remedy = f"Use one of: {', '.join(BRIDGES)}."
            raise InvalidValue("There is no such bridge.", field="bridge", value=self.bridge, remedy=remedy)

    @property
    def in_words(self) -> str:
        """What is done, for a person."""
        said = {
            BulkKind.HOLD: f"Hold until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else "Hold",
            BulkKind.RESUME: "Resume collection",
            BulkKind.PAUSE: "Pause collection",
            BulkKind.RETRY: "Retry overdue amounts",
            BulkKind.PAYLINK: "Send the paylink",
            BulkKind.MOVE_POLICY: f"Move cases to policy {self.policy_code} version {self.policy_version}",
            BulkKind.CYCLE_DAY: f"Change the cycle day to {self.cycle_day}, bridge {self.bridge}",
            BulkKind.WAIVE_FEES: "Waive dunning fees",
            BulkKind.SEGMENT: f"Move to segment {self.segment}",
            BulkKind.UNDO: "Undo",
        }
        return said[self.kind]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        until = self.until.isoformat() if self.until else None
        return {**vars(self), "kind": self.kind.value, "until": until}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BulkOrder:
        """What ``to_dict`` wrote."""
        until = datetime.fromisoformat(data["until"]) if data.get("until") else None
        return cls(**{**data, "kind": BulkKind(data["kind"]), "until": until})
