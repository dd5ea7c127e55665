"""Every time-out and retry policy has a name here. Vendor time is real time, whatever the business clock does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TypedDict

from temporalio.common import Priority, RetryPolicy

from billing.domain.barring import is_restoring, is_stop
from billing.messages.identities import (
    BILLING_QUEUE,
    MESSAGES_QUEUE,
    PAYMENTS_QUEUE,
    RESTORING_QUEUE,
    RESTRICTING_QUEUE,
)


class ActivityOptions(TypedDict):
    """What every activity of a kind is called with."""

    task_queue: str
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    priority: Priority


class BoundedOptions(ActivityOptions):
    """The same, with an end: what is called then goes on without it and comes back to it later."""

    schedule_to_close_timeout: timedelta


# A killed worker is noticed after this; activities show signs of life more often (activities.refusals).
SILENT_AT_MOST = timedelta(seconds=15)
# Infrastructure comes back: retry for ever, never rarer than the cap.
_SOON = RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=30))
_PATIENTLY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5))


@dataclass(frozen=True)
class Urgency:
    """Priorities of tasks that wait for a worker: who has paid is never kept waiting by who will be billed."""

    PAID = Priority(priority_key=1)
    DEBIT = Priority(priority_key=2)
    INVOICE = Priority(priority_key=3)
    NOTICE = Priority(priority_key=4)
    RESTRICTION = Priority(priority_key=5)
    LAST = Priority(priority_key=5)


QUICK_WRITE = ActivityOptions(
    task_queue=BILLING_QUEUE,
    start_to_close_timeout=timedelta(seconds=30),
    heartbeat_timeout=SILENT_AT_MOST,
    retry_policy=_SOON,
    priority=Urgency.INVOICE,
)
# Checks of the books read much and hurry nobody; one that cannot end is left to the next round.
CHECK = BoundedOptions(
    task_queue=BILLING_QUEUE,
    start_to_close_timeout=timedelta(minutes=35),
    heartbeat_timeout=SILENT_AT_MOST,
    schedule_to_close_timeout=timedelta(hours=1),
    retry_policy=_PATIENTLY,
    priority=Urgency.LAST,
)
# Each account's process may be busy for a while; a worker that was killed is noticed by its silence.
BULK_BATCH = ActivityOptions(
    task_queue=BILLING_QUEUE,
    start_to_close_timeout=timedelta(hours=1),
    heartbeat_timeout=SILENT_AT_MOST,
    retry_policy=_SOON,
    priority=Urgency.LAST,
)
COLLECT = ActivityOptions(
    task_queue=PAYMENTS_QUEUE,
    start_to_close_timeout=timedelta(seconds=60),
    heartbeat_timeout=SILENT_AT_MOST,
    retry_policy=_PATIENTLY,
    priority=Urgency.DEBIT,
)
ASK_PROVIDER = ActivityOptions(
    task_queue=PAYMENTS_QUEUE,
    start_to_close_timeout=timedelta(seconds=60),
    heartbeat_timeout=SILENT_AT_MOST,
    retry_policy=_PATIENTLY,
    priority=Urgency.PAID,
)
# A customer waits for the page and presses again; a call that went on for ever would keep the run from being renewed.
OPEN_PAGE = BoundedOptions(
    task_queue=PAYMENTS_QUEUE,
    start_to_close_timeout=timedelta(seconds=60),
    heartbeat_timeout=SILENT_AT_MOST,
    schedule_to_close_timeout=timedelta(minutes=10),
    retry_policy=_PATIENTLY,
    priority=Urgency.PAID,
)
# A round of upkeep takes as long as there is to mend. Ended and begun anew, it would never come to its end after a bad
# day; a worker that was killed is noticed by its silence.
MEND = ActivityOptions(
    task_queue=BILLING_QUEUE,
    start_to_close_timeout=timedelta(minutes=15),
    heartbeat_timeout=SILENT_AT_MOST,
    retry_policy=_SOON,
    priority=Urgency.INVOICE,
)
# A messenger that is away for an hour must not hold up an account's bill or a customer's unbarring.
NOTIFY = BoundedOptions(
    task_queue=MESSAGES_QUEUE,
    start_to_close_timeout=timedelta(seconds=60),
    heartbeat_timeout=SILENT_AT_MOST,
    schedule_to_close_timeout=timedelta(hours=1),
    retry_policy=_PATIENTLY,
    priority=Urgency.NOTICE,
)
# Giving a line back comes before everything, taking one away after all that waits (scenario 32).
_NETWORK_CALL = BoundedOptions(
    task_queue=RESTRICTING_QUEUE,
    start_to_close_timeout=timedelta(seconds=60),
    heartbeat_timeout=SILENT_AT_MOST,
    schedule_to_close_timeout=timedelta(minutes=15),
    retry_policy=_SOON,
    priority=Urgency.RESTRICTION,
)
RESTORE = BoundedOptions(**{**_NETWORK_CALL, "task_queue": RESTORING_QUEUE, "priority": Urgency.PAID})
# A cap that is reached protects the customer: it does not wait behind invoices.
STOP_USAGE = BoundedOptions(**{**_NETWORK_CALL, "priority": Urgency.DEBIT})
RESTRICT = _NETWORK_CALL


def network_call(level: str) -> BoundedOptions:
    """How an order is called: who is freed never waits behind a bar, and stopped usage goes before bars."""
    if is_restoring(level):
        return RESTORE
    return STOP_USAGE if is_stop(level) else RESTRICT


def order_priority(level: str) -> Priority:
    """How an order's own workflow waits for a worker."""
    return network_call(level)["priority"]
