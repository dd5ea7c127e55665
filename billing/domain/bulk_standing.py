"""How an account stands for a bulk action: what is foreseen of it, and the way back to how it stood. Pure.

What a command would change nothing of is left alone, so that the way back touches only what was really changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.domain.bulk_actions import BulkKind, BulkOrder, BulkOutcome
from billing.domain.retry import RETRYABLE


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
