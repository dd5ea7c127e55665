"""Barring: set an account's services to a level, wait for the network's confirmation, verify, compensate."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.barring import BarringActivities
    from activities.notices import NoticeActivities
    from billing.domain.barring import is_stop, stopped_parts
    from billing.domain.restrictions import CAUSES_ASKED_FOR
    from billing.messages.account import ClockChanged, NetworkConfirmed, OrderWithdrawn
    from billing.messages.dunning import BarringResult, BarringState, OrderCheck, PlacedOrder
    from billing.messages.notices import NoticeKind, NoticeRequest

from workflows._board import Board
from workflows._deadline import Deadline
from workflows._options import NOTIFY, QUICK_WRITE, BoundedOptions, network_call

# Real time: this is between us and the network, whatever the business clock does.
CONFIRMATION_WITHIN = timedelta(seconds=30)
CHECK_EVERY_AT_MOST = timedelta(minutes=10)
CHECKS_BEFORE_A_PERSON_IS_ASKED = 5
CHECKS_PER_RUN = 40


@workflow.defn(name="BarringWorkflow")
class BarringWorkflow:
    """One order to the network. A level is set, never toggled; the network's own state decides what is true.

    What frees services has a queue of its own, so that no pile of bars stands before it.
    """

    @workflow.init
    def __init__(self, state: BarringState) -> None:
        self._order = state
        self._pending: set[str] = set()
        self._is_known = False  # which services are pending
        self._confirmed_early: set[str] = set()
        self._withdrawn = state.withdrawn
        self._not_before: datetime | None = None  # the brand's hours for restricting
        self._silent = False
        self._deadline = Deadline(state.clock)
        self._board = Board()

    @workflow.run
    async def run(self, state: BarringState) -> BarringResult:
        workflow.set_current_details(f"services to **{state.level}**: {state.reason}")
        if not state.checks_made:
            await self._place_the_order()
        outcome = await self._until_confirmed()
        result = BarringResult(state.account_id, state.order_id, state.level, outcome, state.reason)
        await self._write_down(result)
        if outcome == "confirmed":
            await self._tell_the_customer()
        return result

    async def _place_the_order(self) -> None:
        """Hand the order in. It is written down before the network is called, so a check can go on from there."""
        await self._hand_in()
        while self._not_before is not None and not self._withdrawn:
            while self._deadline.now() < self._not_before and not self._withdrawn:
                summary = "until services may be restricted"
                await self._deadline.wait(self._not_before, lambda: self._withdrawn, summary)
            if not self._withdrawn:
                await self._hand_in()

    async def _hand_in(self) -> None:
        await self._ask_the_network(
            workflow.execute_activity_method(
                BarringActivities.place_order,
                self._order,
                summary=f"Order: services to {self._order.level}",
                **self._options,
            )
        )

    @property
    def _options(self) -> BoundedOptions:
        """Who is freed comes first, then what stops usage that costs, then bars."""
        return network_call(self._order.level)

    async def _until_confirmed(self) -> str:
        """The network confirms by itself; when it is silent its state is asked, and the order repeated where needed."""
        checks = self._order.checks_made
        while self._pending or not self._is_known:
            if await self._confirmed_within(_patience(checks)):
                break
            if self._withdrawn:
                return "withdrawn"
            checks += 1
            await self._check(order_again=checks > 1)
            if checks >= CHECKS_BEFORE_A_PERSON_IS_ASKED:
                self._board.ask_for_a_person(f"the network does not confirm {self._order.order_id}")
            if checks % CHECKS_PER_RUN == 0:
                workflow.continue_as_new(replace(self._order, checks_made=checks, withdrawn=self._withdrawn))
        return "withdrawn" if self._withdrawn else "confirmed"

    async def _confirmed_within(self, patience: timedelta) -> bool:
        """True when nothing is pending; False when time ran out or the order was withdrawn."""
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._is_confirmed or self._withdrawn,
                timeout=patience,
                timeout_summary="until the network confirms",
            )
        return self._is_confirmed

    @property
    def _is_confirmed(self) -> bool:
        return self._is_known and not self._pending

    async def _check(self, *, order_again: bool) -> None:
        await self._ask_the_network(
            workflow.execute_activity_method(
                BarringActivities.check_order,
                OrderCheck(self._order, tuple(sorted(self._pending)), order_again),
                summary="Ask the network for the state of the services",
                **self._options,
            )
        )

    async def _ask_the_network(self, call: Awaitable[PlacedOrder]) -> None:
        """Take the network's answer; without one, what was pending is pending still."""
        try:
            placed = await call
        except ActivityError as error:
            workflow.logger.error("order %s: %s", self._order.order_id, error.cause)
        else:
            self._pending = set(placed.pending_service_ids) - self._confirmed_early
            self._is_known = placed.wait_until is None
            self._not_before = placed.wait_until
            self._silent = placed.silent

    async def _write_down(self, result: BarringResult) -> None:
        await workflow.execute_activity_method(
            BarringActivities.record_order,
            result,
            summary=f"Services are {result.level}: {result.outcome}",
            **QUICK_WRITE,
        )

    async def _tell_the_customer(self) -> None:
        if is_stop(self._order.level):
            await self._tell_that_usage_goes_on()
            return
        if self._silent:
            return
        restored = self._order.level == "none"
        asked_for = self._order.cause in CAUSES_ASKED_FOR
        request = NoticeRequest(
            self._order.account_id,
            NoticeKind.RESTORED if restored else NoticeKind.RESTRICTED if asked_for else NoticeKind.BARRED,
            self._order.order_id,
            self._order.level,
            hurry=True,
        )
        await self._send(request, "Notice: services restored" if restored else "Notice: services restricted")

    async def _tell_that_usage_goes_on(self) -> None:
        """Of a cap that was reached the customer was told at once, and why; this is the end of it."""
        if not stopped_parts(self._order.level):
            order = self._order
            request = NoticeRequest(order.account_id, NoticeKind.USAGE_RESUMED, order.order_id, keep=True)
            await self._send(request, "Notice: usage goes on")

    async def _send(self, request: NoticeRequest, summary: str) -> None:
        try:
            await workflow.execute_activity_method(NoticeActivities.send_notice, request, summary=summary, **NOTIFY)
        except ActivityError as error:  # the services are as they should be; upkeep goes on with the message
            workflow.logger.error("%s not sent: %s", summary, error.cause)

    @workflow.signal(name="network_confirmed", description="The network confirmed a service's level.")
    def network_confirmed(self, fact: NetworkConfirmed) -> None:
        if fact.level == self._order.level:
            self._confirmed_early.add(fact.service_id)
            self._pending.discard(fact.service_id)

    @workflow.signal(name="order_withdrawn", description="The reason for this order is gone.")
    def order_withdrawn(self, fact: OrderWithdrawn) -> None:
        self._withdrawn = True

    @workflow.signal(name="clock_changed", description="A new segment of business time began.")
    def clock_changed(self, fact: ClockChanged) -> None:
        self._order = replace(self._order, clock=fact.clock)
        self._deadline.change_clock(fact.clock)


def _patience(checks: int) -> timedelta:
    """How long to wait for the network's own word before its state is asked: longer each time."""
    return min(CONFIRMATION_WITHIN * (1 << min(checks, 10)), CHECK_EVERY_AT_MOST)
