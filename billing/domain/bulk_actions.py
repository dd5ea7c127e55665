"""Bulk actions: what can be done to many accounts at once, what would be refused, and the way back. Pure.

Each account gets the same command as from a clerk's hand. What a command would change nothing of is left alone, so that
the way back touches only what was really changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from billing.domain.errors import InvalidValue
from billing.domain.retry import RETRYABLE


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


@dataclass(frozen=True)
class Standing:
    """What of an account a bulk action may change: kept from before and after, so that there is a way back."""

    paused: bool = False
    hold_until: datetime | None = None
    policy_code: str = ""
    policy_version: int = 0
    segment: str = ""
    cycle_day: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**vars(self), "hold_until": self.hold_until.isoformat() if self.hold_until else None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Standing:
        """What ``to_dict`` wrote."""
        held = data.get("hold_until")
        return cls(**{**data, "hold_until": datetime.fromisoformat(held) if held else None})

    def at(self, now: datetime) -> Standing:
        """The same, where a hold that has ended is none."""
        over = self.hold_until is not None and self.hold_until <= now
        return Standing(**{**vars(self), "hold_until": None}) if over else self


@dataclass(frozen=True)
class Weighed:
    """An account as an action weighs it, beside how it stands."""

    standing: Standing
    status: str = "active"
    has_case: bool = False
    method: str = "none"
    failure_category: str = ""
    promised: bool = False
    planned: bool = False
    in_flight: bool = False
    handed_over: bool = False
    fees: int = 0
    reachable: bool = True


@dataclass(frozen=True)
class Foreseen:
    """What an action would do to an account: ``outcome`` done, unchanged or refused, and why not done."""

    outcome: BulkOutcome
    why: str = ""


WOULD_BE_DONE = Foreseen(BulkOutcome.DONE)


def foresee(order: BulkOrder, account: Weighed, now: datetime) -> Foreseen:
    """Whether an order would be carried out. The account's process has the last word."""
    if account.status == "closed":
        return Foreseen(BulkOutcome.REFUSED, "the account is closed")
    standing = account.standing.at(now)
    same = _unchanged(order, standing)
    if same:
        return Foreseen(BulkOutcome.UNCHANGED, same)
    why = _RULES.get(order.kind, _nothing_against_it)(account)
    return Foreseen(BulkOutcome.REFUSED, why) if why else WOULD_BE_DONE


def _unchanged(order: BulkOrder, standing: Standing) -> str:
    """Why the order would change nothing; empty when it would."""
    stands = {
        BulkKind.HOLD: (
            order.until is not None and standing.hold_until == order.until,
            "it is held until then already",
        ),
        BulkKind.PAUSE: (standing.paused, "it is paused already"),
        BulkKind.RESUME: (not standing.paused and standing.hold_until is None, "it is neither paused nor held"),
        BulkKind.MOVE_POLICY: (
            (standing.policy_code, standing.policy_version) == (order.policy_code, order.policy_version),
            "its case walks by this policy already",
        ),
        BulkKind.SEGMENT: (standing.segment == order.segment, "it is in this segment already"),
        BulkKind.CYCLE_DAY: (standing.cycle_day == order.cycle_day, "it has this cycle day already"),
    }
    is_so, why = stands.get(order.kind, (False, ""))
    return why if is_so else ""


def _nothing_against_it(_: Weighed) -> str:
    return ""


def _against_a_retry(account: Weighed) -> str:
    reasons = (
        (account.handed_over, "the debt is handed over"),
        (account.method == "none", "there is no usable payment method"),
        (account.promised, "a promise to pay runs"),
        (account.planned, "a payment plan runs"),
        (account.in_flight, "a payment is under way"),
        (
            bool(account.failure_category) and account.failure_category not in RETRYABLE,
            f"a failure of category {account.failure_category} is never retried with the same method",
        ),
    )
    return next((why for is_so, why in reasons if is_so), "")


def _against_a_paylink(account: Weighed) -> str:
    if account.in_flight:
        return "a payment is under way"
    return "" if account.reachable else "there is neither an email address nor a mobile number"


def _against_a_move(account: Weighed) -> str:
    return "" if account.has_case else "there is no open case"


def _against_waiving(account: Weighed) -> str:
    return "" if account.fees else "there is no dunning fee to waive"


_RULES = {
    BulkKind.RETRY: _against_a_retry,
    BulkKind.PAYLINK: _against_a_paylink,
    BulkKind.MOVE_POLICY: _against_a_move,
    BulkKind.WAIVE_FEES: _against_waiving,
}


def changed_since(before: Standing, after: Standing, found: Standing, now: datetime) -> str:
    """Why a change is not put back: somebody changed the same thing since; empty when nobody did.

    A hold that has ended by itself is not somebody's change.
    """
    then, today = after.at(now), found.at(now)
    names = [name for name in _changed(before, after) if getattr(then, name) != getattr(today, name)]
    return f"{', '.join(name.replace('_', ' ') for name in names)} was changed since" if names else ""


def _changed(before: Standing, after: Standing) -> list[str]:
    return [name for name in vars(before) if getattr(before, name) != getattr(after, name)]


def way_back(before: Standing, after: Standing, found: Standing, now: datetime) -> Sequence[BulkOrder]:
    """The orders that put back what changed from ``before`` to ``after``; none where it stands so already.

    The end of a hold ends a pause as well, so a pause that is not ours is begun again.
    """
    here = found.at(now)
    wanted = Standing(**{**vars(here), **{name: getattr(before.at(now), name) for name in _changed(before, after)}})
    orders: list[BulkOrder] = []
    paused, held = here.paused, here.hold_until
    if (paused and not wanted.paused) or (held is not None and wanted.hold_until is None):
        orders.append(BulkOrder(BulkKind.RESUME))
        paused, held = False, None
    if wanted.hold_until is not None and wanted.hold_until != held:
        orders.append(BulkOrder(BulkKind.HOLD, until=wanted.hold_until))
    if wanted.paused and not paused:
        orders.append(BulkOrder(BulkKind.PAUSE))
    policy = (wanted.policy_code, wanted.policy_version)
    if wanted.policy_code and policy != (here.policy_code, here.policy_version):
        orders.append(BulkOrder(BulkKind.MOVE_POLICY, policy_code=policy[0], policy_version=policy[1]))
    if wanted.segment != here.segment:
        orders.append(BulkOrder(BulkKind.SEGMENT, segment=wanted.segment))
    return orders
