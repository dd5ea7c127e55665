"""How the work list and bulk actions are written on pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from api.console.listing import Asked, Choice, Day, Filter, Listing, Text, Whole
from api.console.pages import words
from billing.domain.bulk_actions import KINDS, BulkKind
from billing.domain.failure_words import CATEGORIES
from billing.domain.money import Money
from billing.domain.work_list import BARRED, METHODS, Arrangement, Sort, WorkFilter
from billing.ports.work_list import AccountFacts, WorkChoices

ARRANGEMENTS = {
    Arrangement.PROMISE: "a promise to pay",
    Arrangement.PLAN: "a payment plan",
    Arrangement.DISPUTE: "a dispute",
    Arrangement.HOLD: "a hold",
    Arrangement.PAUSE: "a pause",
    Arrangement.HANDED_OVER: "handed over",
    Arrangement.IN_FLIGHT: "a payment under way",
    Arrangement.NOTHING: "nothing",
}
METHOD_WORDS = {"card": "card", "sepa_debit": "SEPA debit", "bacs_debit": "Bacs debit", "none": "none usable"}
ACTION_WORDS = {
    BulkKind.HOLD: "Hold until a date",
    BulkKind.RESUME: "Resume collection",
    BulkKind.PAUSE: "Pause collection",
    BulkKind.RETRY: "Retry now",
    BulkKind.PAYLINK: "Send the paylink",
    BulkKind.MOVE_POLICY: "Move to another dunning policy",
    BulkKind.CYCLE_DAY: "Change the cycle day",
    BulkKind.WAIVE_FEES: "Waive dunning fees",
    BulkKind.SEGMENT: "Move to another segment",
}
_AMOUNTS = {"least": "least_minor", "most": "most_minor"}
_SAME = (
    *("brand", "segment", "text", "currency", "stage", "next_step", "policy_code", "code", "failure", "method"),
    *("arrangement", "barred"),
)
_WHOLES = ("least_days", "most_days", "least_invoices", "policy_version", "cycle_day")
_DAYS = ("next_from", "next_to")
FILTERS: tuple[Filter, ...] = (
    *(
        Text(name, 100)
        for name in ("brand", "segment", "text", "currency", "stage", "next_step", "policy_code", "code")
    ),
    Choice("failure", tuple(CATEGORIES)),
    Choice("method", METHODS),
    Choice("arrangement", tuple(Arrangement)),
    Choice("barred", BARRED),
    *(Whole(name, 0, 10**12) for name in _AMOUNTS),
    *(Whole(name, 0, 36_500) for name in ("least_days", "most_days", "least_invoices")),
    Whole("policy_version", 1, 10**6),
    Whole("cycle_day", 1, 31),
    *(Day(name) for name in _DAYS),
)
WORK_LIST = Listing("work list", filters=FILTERS, sorts=(Sort.LARGEST, "age", "next", "number"))


def filter_of(asked: Asked) -> WorkFilter:
    """The list's own filter. Amounts are asked for in whole units of the currency. Raises InvalidValue."""
    said: dict[str, Any] = {name: asked.text(name) for name in _SAME}
    said |= {name: asked.whole(name) for name in _WHOLES} | {name: asked.day(name) for name in _DAYS}
    currency = asked.text("currency") or "EUR"
    for name, field in _AMOUNTS.items():
        units = asked.whole(name)
        said[field] = None if units is None else Money.from_decimal(Decimal(units), currency).amount_minor
    return WorkFilter(**said)


def options_of(choices: WorkChoices) -> Mapping[str, Sequence[tuple[str, str]]]:
    """What the filter's lists offer."""
    return {
        "brand": [(one, one) for one in choices.brands],
        "segment": [(one, one) for one in choices.segments],
        "policy_code": [*((one, one) for one in choices.policies), ("none", "no open case")],
        "step": [(one, step_words(one)) for one in choices.steps],
        "failure": list(CATEGORIES.items()),
        "method": list(METHOD_WORDS.items()),
        "arrangement": [(one.value, said) for one, said in ARRANGEMENTS.items()],
        "barred": [("yes", "with a restricted service"), ("no", "without")],
        "cycle_day": [(str(day), str(day)) for day in range(1, 32)],
    }


def step_words(step: str) -> str:
    """A rung of the ladder: ``warn@10`` is Warn, day 10."""
    name, _, day = step.partition("@")
    return f"{words(name)}, day {day}" if day else words(name) if name else ""


def in_force(account: AccountFacts, hold_runs: bool) -> Sequence[tuple[str, str]]:
    """What stands on an account besides its ladder, each with its tone."""
    found = (
        (account.paused, "paused", "warn"),
        (hold_runs, "on hold", "warn"),
        (account.promise_until is not None, "promise", "note"),
        (account.plan_id is not None, "payment plan", "note"),
        (account.disputed_minor > 0, "dispute", "warn"),
        (account.in_flight, "payment under way", "note"),
        (account.handed_over, "handed over", "bad"),
        (account.barred_services > 0, f"{account.barred_services} of {account.services} barred", "bad"),
    )
    return [(said, tone) for is_so, said, tone in found if is_so]


def kind_options() -> Sequence[tuple[str, str]]:
    """The actions that can be chosen."""
    return [(kind.value, said) for kind, said in ACTION_WORDS.items()]


def kind_notes() -> Sequence[tuple[str, str, str]]:
    """Each action: its name, what it does, and why there is no way back (empty: there is)."""
    return [(said, KINDS[kind].does, KINDS[kind].no_way_back) for kind, said in ACTION_WORDS.items()]
