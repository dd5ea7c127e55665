"""A change of plan within a cycle: which part of the cycle each plan's fees and allowances are for.

Usage needs no rule: it is priced by the plan of its own time. Fees and allowances are for a cycle, so the plan that a
service moves to declares what becomes of them, in its field ``on_change``:

- ``pro_rata`` (the default): each plan for its days; together they are one whole cycle, never more or less.
- ``new``: the new plan for the whole cycle, the earlier ones for nothing.
- ``both``: the new plan for the whole cycle, the earlier ones as if nothing had changed.

Allowances follow the fees unless the plan says otherwise, and what one plan's allowance leaves within the cycle the
service may use under the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields


class ChangeRule(StrEnum):
    """What a cycle's fees, or its allowances, become when a service moves to a plan within it."""

    PRO_RATA = "pro_rata"
    NEW = "new"
    BOTH = "both"


_RULES = {rule.value: rule for rule in ChangeRule}


@dataclass(frozen=True, slots=True)
class OnChange:
    """The rules of a plan for the services that move to it within a cycle."""

    fees: ChangeRule = ChangeRule.PRO_RATA
    allowances: ChangeRule = ChangeRule.PRO_RATA

    @classmethod
    def read(cls, fields: Fields) -> OnChange:
        """The field ``on_change`` of a plan; the default when absent. Allowances follow the fees unless told."""
        if not fields.has("on_change"):
            return cls()
        own = fields.nested("on_change")
        fees = _RULES[own.one_of("fees", _RULES)] if own.has("fees") else ChangeRule.PRO_RATA
        allowances = _RULES[own.one_of("allowances", _RULES)] if own.has("allowances") else fees
        own.finish()
        return cls(fees, allowances)

    def to_dict(self) -> dict[str, object]:
        """The JSON form; ``read`` reads it back to equal rules."""
        written: dict[str, object] = {"fees": self.fees.value}
        return written if self.allowances == self.fees else {**written, "allowances": self.allowances.value}


_Span = tuple[date, date]


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a cycle of ``of_days`` days that a plan counts for: ``spans`` of local dates, half-open, in order."""

    spans: tuple[_Span, ...]
    of_days: int

    @property
    def days(self) -> int:
        return sum((end_on - first_on).days for first_on, end_on in self.spans)

    @property
    def is_whole(self) -> bool:
        return self.days == self.of_days

    @property
    def text(self) -> str:
        """As an invoice line explains it."""
        spans = " and ".join(f"{first_on} to {end_on}" for first_on, end_on in self.spans)
        return f"{self.days} of {self.of_days} days{f', {spans}' if spans else ''}"

    def of(self, amount: Decimal) -> Decimal:
        """This part of an amount for the whole cycle, unrounded."""
        return amount * self.days / self.of_days

    def of_quantity(self, quantity: int) -> int:
        """This part of a quantity for the whole cycle; a started unit counts for the customer."""
        return -(-quantity * self.days // self.of_days)

    def joined(self, other: Share) -> Share:
        """The days of both, each once: a service that returned to a plan."""
        spans: list[_Span] = []
        for first_on, end_on in sorted((*self.spans, *other.spans)):
            if spans and first_on <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(spans[-1][1], end_on))
            else:
                spans.append((first_on, end_on))
        return Share(tuple(spans), self.of_days)


def shares(opens_on: date, closes_on: date, changes: Sequence[tuple[date, ChangeRule]] = ()) -> tuple[Share, ...]:
    """What each plan of a service counts for in the cycle of the local dates [``opens_on``, ``closes_on``).

    ``changes`` are the dates on which further plans began, in order, each with its own plan's rule; the day of the
    change is the new plan's. One share comes back for the plan the cycle began with and one for each change.
    A cycle that closes on the day on which it opened counts as that day.
    """
    end_on = max(closes_on, opens_on + timedelta(days=1))
    days = (end_on - opens_on).days
    found: list[_Span] = [(opens_on, end_on)]
    for changed_on, rule in changes:
        _refuse_outside(changed_on, opens_on, end_on)
        first_on, last_end_on = found[-1]
        if rule is ChangeRule.PRO_RATA:
            boundary = min(max(first_on, changed_on), last_end_on)
            found[-1:] = [(first_on, boundary), (boundary, last_end_on)]
            continue
        if rule is ChangeRule.NEW:
            found = [(opens_on, opens_on)] * len(found)
        found.append((opens_on, end_on))
    return tuple(Share((span,) if span[0] < span[1] else (), days) for span in found)


def _refuse_outside(changed_on: date, opens_on: date, closes_on: date) -> None:
    if not opens_on <= changed_on <= closes_on:
        raise InvalidValue(
            "The plan does not change within this cycle.",
            field="changes",
            value=changed_on,
            remedy=f"Use dates from {opens_on} to {closes_on}.",
        )
