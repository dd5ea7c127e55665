"""What crosses between the account's process and limits on usage: commands, requests, orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing.messages.account import Command

OPERATOR, CUSTOMER = "operator", "customer"


@dataclass(frozen=True)
class SetUsageLimit(Command):
    """Set a limit, or change its value. Raising works at once, lowering from the next cycle.

    ``kind`` is soft or hard, ``measure`` amount (minor units) or quantity (the meter's own units). ``service_id`` and
    ``meter`` empty mean all; ``roaming`` means data used abroad by one service. ``asked_by`` is customer or operator.
    """

    kind: str = "hard"
    measure: str = "amount"
    service_id: str = ""
    meter: str = ""
    roaming: bool = False
    value: int = 0
    asked_by: str = OPERATOR


@dataclass(frozen=True)
class RemoveUsageLimit(Command):
    """Take a limit away, the brand's own on data used abroad included; it works at once."""

    kind: str = "hard"
    measure: str = "amount"
    service_id: str = ""
    meter: str = ""
    roaming: bool = False
    asked_by: str = OPERATOR


@dataclass(frozen=True)
class AgreeToContinue(Command):
    """The customer agrees to go on using data abroad beyond the cap, with one service until the cycle ends."""

    service_id: str = ""
    asked_by: str = OPERATOR


@dataclass(frozen=True)
class ChangeLimitRequest:
    """Write a changed limit down; ``value`` None takes it away."""

    account_id: str
    kind: str
    measure: str
    service_id: str
    meter: str
    roaming: bool
    value: int | None
    asked_by: str
    author: str
    reason: str
    command_id: str


@dataclass(frozen=True)
class AgreeRequest:
    """Write down that the customer goes on beyond the cap on data abroad."""

    account_id: str
    service_id: str
    asked_by: str
    author: str
    reason: str
    command_id: str


@dataclass(frozen=True)
class LimitChanged:
    """What a command about limits changed, in words; ``from_cycle`` is the first cycle it is in force."""

    summary: str
    from_cycle: int = 0


@dataclass(frozen=True)
class ReviewStopsRequest:
    """Compare what limits stop now with what the network was last told.

    ``review_number`` is counted by the account; a repeat of the same review answers the same orders.
    """

    account_id: str
    review_number: int


@dataclass(frozen=True)
class StopOrder:
    """An order to the network that is written down and now must be carried out."""

    order_id: str
    level: str
    service_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class StopsReview:
    """Orders to carry out, and when to look again by itself: while something is stopped, once a day and when the cycle
    ends.
    """

    orders: tuple[StopOrder, ...] = ()
    look_again_at: datetime | None = None
