"""The working copy of an account's state: what the run and its helpers read and change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from billing.domain.cycle_plan import CyclePlan
from billing.messages.account import AccountState, CollectionStage, OpenCollection
from billing.messages.identities import attempt_id
from workflows._board import Board
from workflows._deadline import Deadline
from workflows._inbox import Inbox


class Desk:
    """Mutable for one run; ``carried`` is the frozen input of the next."""

    def __init__(self, state: AccountState) -> None:
        self.account_id = state.account_id
        self.brand = state.brand
        self.number = state.number
        self.plan: CyclePlan = state.plan
        self.collections: list[OpenCollection] = list(state.collections)
        self.inbox = Inbox(state.inbox, state.seen_message_ids, state.command_results)
        self.deadline = Deadline(state.clock)
        self.board = Board()
        self.attempts_made = state.attempts_made
        self.orders_placed = state.orders_placed
        self.paused = state.paused
        self.hold_until = state.hold_until
        self.dunning_running = state.dunning_running
        self.closing = state.closing
        self.last_bill_is_out = state.last_bill_is_out
        self.handed_over_case = state.handed_over_case
        self.needs_operator = state.needs_operator
        self.stops_review_at = state.stops_review_at
        self.spread = timedelta(seconds=state.spread_seconds)
        self.succeeded: set[str] = set()  # attempts whose success this run has acted on
        self.bill_not_before = self.plan.issue_at
        self._given = state

    def carried(self) -> AccountState:
        """Everything the next run needs."""
        return replace(
            self._given,
            plan=self.plan,
            clock=self.deadline.clock,
            collections=tuple(one for one in self.collections if one.stage is not CollectionStage.SETTLED),
            inbox=self.inbox.facts,
            seen_message_ids=self.inbox.seen,
            command_results=self.inbox.results,
            attempts_made=self.attempts_made,
            orders_placed=self.orders_placed,
            paused=self.paused,
            hold_until=self.hold_until,
            dunning_running=self.dunning_running,
            closing=self.closing,
            last_bill_is_out=self.last_bill_is_out,
            handed_over_case=self.handed_over_case,
            needs_operator=self.needs_operator,
            stops_review_at=self.stops_review_at,
        )

    def now(self) -> datetime:
        return self.deadline.now()

    @property
    def issue_at(self) -> datetime:
        """When the open cycle is billed: the plan's instant, moved by this account's place in the day's window."""
        planned = self.plan.issue_at if self.closing else self.plan.issue_at + self.spread
        return max(planned, self.bill_not_before)

    @property
    def is_held(self) -> bool:
        """True while an operator's pause or hold stops notices and debits."""
        return self.paused or (self.hold_until is not None and self.now() < self.hold_until)

    def new_attempt_id(self, invoice_id: str) -> str:
        """The identity of the next try at a payment: unique over all runs of the account."""
        self.attempts_made += 1
        return attempt_id(invoice_id, self.attempts_made)

    def new_order_id(self) -> str:
        """The identity of the next network order placed by hand."""
        return f"hand-{self.next_order_number()}"

    def next_order_number(self) -> int:
        """The number of the next order to the network: unique over all runs of the account."""
        self.orders_placed += 1
        return self.orders_placed

    def put(self, collection: OpenCollection) -> OpenCollection:
        """Add a collection, or put the changed one in the place of the one with the same invoice."""
        others = [one for one in self.collections if one.invoice_id != collection.invoice_id]
        self.collections = [*others, collection]
        return collection

    def find(self, invoice_id: str) -> OpenCollection | None:
        """The collection that covers an invoice."""
        return next((one for one in self.collections if invoice_id in one.invoice_ids), None)

    def settle(self, invoice_ids: Iterable[str]) -> None:
        """Take paid invoices out of their collections; one with nothing left is settled."""
        paid = set(invoice_ids)
        for collection in list(self.collections):
            left = tuple(name for name in collection.invoice_ids if name not in paid)
            if left == collection.invoice_ids:
                continue
            if left:
                self.put(replace(collection, invoice_ids=left))
            else:
                self.put(replace(collection, stage=CollectionStage.SETTLED, wake_at=None))

    def due(self) -> OpenCollection | None:
        """The collection whose next step is due, the earliest first; none while the account is held, but for asking."""
        now = self.now()
        ready = [one for one in self.collections if self._wakes(one) and one.wake_at is not None and one.wake_at <= now]
        return min(ready, key=lambda one: one.wake_at or now, default=None)

    @property
    def stops_are_due(self) -> bool:
        """True when what caps stop has to be looked at again: the cycle in which it was stopped is over."""
        return self.stops_review_at is not None and self.stops_review_at <= self.now()

    def next_wake(self) -> datetime | None:
        """The next instant at which something is due, an operator's hold included."""
        instants = [one.wake_at for one in self.collections if one.wake_at is not None and self._wakes(one)]
        if self.hold_until is not None and self.hold_until > self.now():
            instants.append(self.hold_until)
        if self.stops_review_at is not None:
            instants.append(self.stops_review_at)
        return min(instants, default=None)

    def _wakes(self, collection: OpenCollection) -> bool:
        if collection.stage in (CollectionStage.SETTLED, CollectionStage.OVERDUE):
            return False
        return collection.stage is CollectionStage.SUBMITTED or not self.is_held

    @property
    def has_overdue(self) -> bool:
        """True while dunning has, or should have, something of this account."""
        return any(one.stage is CollectionStage.OVERDUE for one in self.collections)

    def show(self, *, failure_code: str | None = None) -> None:
        """Write where the account stands for operators, if that is news."""
        state, action, at = self._standing()
        self.board.show(
            state,
            action,
            at,
            brand=self.brand,
            cycle_day=self.plan.cycle_day,
            needs_operator=self.needs_operator,
            failure_code=failure_code,
        )

    def _standing(self) -> tuple[str, str, datetime | None]:
        if self.paused:
            return "paused", "wait for an operator to resume", None
        if self.is_held:
            return "held", "wait until the hold ends", self.hold_until
        active = [
            one for one in self.collections if one.wake_at is not None and one.stage is not CollectionStage.SETTLED
        ]
        first = min(active, key=lambda one: one.wake_at or self.issue_at, default=None)
        if first is not None:
            return first.stage.value, NEXT_STEP[first.stage], first.wake_at
        if self.has_overdue:
            return CollectionStage.OVERDUE.value, NEXT_STEP[CollectionStage.OVERDUE], self.issue_at
        return "open", f"close and bill cycle {self.plan.cycle_number}", self.issue_at


NEXT_STEP = {
    CollectionStage.ISSUED: "send the ready notice",
    CollectionStage.ANNOUNCED: "remind",
    CollectionStage.REMINDED: "debit",
    CollectionStage.SUBMITTED: "wait for the provider's outcome",
    CollectionStage.RETRY_WANTED: "announce another debit",
    CollectionStage.OVERDUE: "wait for the payment; dunning has the case",
    CollectionStage.SETTLED: "nothing",
}
