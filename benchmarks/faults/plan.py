"""What is broken in which order: drawn from a seed, one stream per kind of fault, so that a bad run can be repeated.

The same seed draws the same faults in the same order. When each strikes depends on the machine, as in life.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from evenflow.boundaries import Boundary

KILL, STOP = "kill -9", "stop and start"
PARTS = ("worker", "api", "postgres", "temporal", "simulator", "api")
LONGEST_OUTAGE_SECONDS = 6.0

# Activities whose work calls a vendor have all three boundaries; the others commit or read, and nothing else.
VENDOR_ACTIVITIES = (
    "announce_invoice",
    "announce_retry",
    "check_order",
    "collect_payment",
    "open_pay_session",
    "place_order",
    "refund_payment",
    "review_method",
    "send_notice",
    "settle_attempt",
)
BOOK_ACTIVITIES = (
    "adjust_balance",
    "agree_to_continue",
    "carry_out_bulk_batch",
    "change_case",
    "change_cycle_day",
    "change_payment_plan",
    "change_usage_limit",
    "check_rule",
    "close_account",
    "close_case",
    "correct_plan",
    "decide_debt",
    "decide_next_step",
    "end_account",
    "finish_bulk_action",
    "import_usage_file",
    "issue_invoice",
    "mend",
    "next_bulk_batch",
    "note_bulk_state",
    "open_case",
    "record_order",
    "review_usage_stops",
    "rules_due",
    "waive_invoice",
)
# Reached all the time; an order for one of the others waits until its turn comes.
FREQUENT = frozenset(
    {
        "announce_invoice",
        "collect_payment",
        "decide_next_step",
        "import_usage_file",
        "issue_invoice",
        "mend",
        "send_notice",
        "settle_attempt",
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """A boundary of an activity: one of the moments at which a worker is killed."""

    activity: str
    boundary: Boundary

    @property
    def is_frequent(self) -> bool:
        return self.activity in FREQUENT


@dataclass(frozen=True, slots=True)
class Outage:
    """A part of the stack ends, and is away for some seconds of real time."""

    part: str
    how: str
    seconds: float

    @property
    def kind(self) -> str:
        return f"{self.part}: {self.how}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A switch of the simulator, as its control takes it; ``kind`` is how it is counted."""

    kind: str
    vendor: str
    body: dict[str, Any] = field(default_factory=dict)


def places() -> list[Place]:
    """Every boundary there is, in a fixed order."""
    of_vendors = [Place(name, boundary) for name in VENDOR_ACTIVITIES for boundary in Boundary]
    quiet = (Boundary.BEFORE_CALL, Boundary.AFTER_COMMIT)
    return of_vendors + [Place(name, boundary) for name in BOOK_ACTIVITIES for boundary in quiet]


def frequent_places(seed: int) -> Iterator[Place]:
    """Without end: the boundaries that are reached all the time, shuffled anew in each round."""
    return _rounds([place for place in places() if place.is_frequent], Random(f"{seed}/boundaries"))


def outages(seed: int) -> Iterator[Outage]:
    """Without end: each part ends by force and politely, in shuffled rounds."""
    random = Random(f"{seed}/outages")
    both = [(part, how) for part in PARTS for how in (KILL, STOP)]
    for part, how in _rounds(both, random):
        yield Outage(part, how, round(random.uniform(0.1, LONGEST_OUTAGE_SECONDS), 1))


def webhook_rules(seed: int) -> Iterator[Rule]:
    """Without end: callbacks of one vendor that come twice, late, in another order, or never."""
    random = Random(f"{seed}/webhooks")
    kinds = ("webhook_duplicate", "webhook_reorder", "webhook_delay", "webhook_drop")
    vendors = ("stripe", "stripe", "stripe", "sendgrid", "twilio", "network")
    for kind, vendor in _rounds([(kind, vendor) for kind in kinds for vendor in vendors], random):
        body: dict[str, Any] = {"kind": kind, "vendor": vendor, "count": random.randint(1, 3)}
        if kind == "webhook_delay":
            body["seconds"] = round(random.uniform(1, 40), 1)
        yield Rule(f"{kind}, {vendor}", vendor, body)


_DOORS = {
    "stripe": ("/stripe/v1/payment_intents", "/stripe/v1"),
    "twilio": ("/twilio",),
    "sendgrid": ("/sendgrid/v3/mail/send", "/sendgrid"),
    "network": ("/network",),
}
_VENDOR_KINDS = (
    "error_500_before",
    "error_500_after",
    "hang_before",
    "hang_after_commit",
    "too_many_requests",
    "slow",
)
_NETWORK_KINDS = ("network_never_confirm", "network_fail", "network_delay")


def vendor_rules(seed: int) -> Iterator[Rule]:
    """Without end: a vendor that fails, hangs or refuses, before or after it did what it was asked."""
    random = Random(f"{seed}/vendors")
    plain = [(kind, vendor) for kind in _VENDOR_KINDS for vendor in ("stripe", "stripe", "twilio", "sendgrid")]
    network = [(kind, "network") for kind in (*_VENDOR_KINDS, *_NETWORK_KINDS)]
    for kind, vendor in _rounds(plain + network, random):
        body: dict[str, Any] = {"kind": kind, "path": random.choice(_DOORS[vendor]), "count": 1}
        if kind == "too_many_requests":
            body["count"] = random.randint(1, 4)
        if kind in ("hang_before", "hang_after_commit"):
            body["seconds"] = 25.0
        if kind in ("slow", "network_delay"):
            body["seconds"] = round(random.uniform(1, 12), 1)
        yield Rule(f"{kind}, {vendor}", vendor, body)


def _rounds(choices: list[Any], random: Random) -> Iterator[Any]:
    while True:
        drawn = list(choices)
        random.shuffle(drawn)
        yield from drawn
