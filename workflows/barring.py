"""Barring: set an account's services to a level, wait for the network's confirmation, verify, compensate."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.barring import BarringActivities
    from activities.notices import NoticeActivities
    from billing.messages.account import ClockChanged, NetworkConfirmed, OrderWithdrawn
    from billing.messages.dunning import BarringResult, BarringState, OrderCheck, PlacedOrder
    from billing.messages.notices import NoticeKind, NoticeRequest

from workflows._board import NEEDS_OPERATOR
from workflows._options import NETWORK_CALL, NOTIFY, QUICK_WRITE

# Real time: this is between us and the network, whatever the business clock does.
CONFIRMATION_WITHIN = timedelta(seconds=30)
CHECK_EVERY_AT_MOST = timedelta(minutes=10)
CHECKS_BEFORE_A_PERSON_IS_ASKED = 5


@workflow.defn(name="BarringWorkflow")
class BarringWorkflow:
    """One order to the network. A level is set, never toggled; the network's own state decides what is true."""

    @workflow.init
    def __init__(self, state: BarringState) -> None:
        self._order = state
        self._pending: set[str] = set()
        self._placed = False
        self._confirmed_early: set[str] = set()
        self._withdrawn = False

    @workflow.run
    async def run(self, state: BarringState) -> BarringResult:
        workflow.set_current_details(f"services to **{state.level}**: {state.reason}")
        await self._place_the_order()
        outcome = await self._until_confirmed()
        result = BarringResult(state.account_id, state.order_id, state.level, outcome, state.reason)
        await self._write_down(result)
        if outcome == "confirmed":
            await self._tell_the_customer()
        return result

    async def _place_the_order(self) -> None:
        placed = await workflow.execute_activity_method(
            BarringActivities.place_order,
            self._order,
            summary=f"Order: services to {self._order.level}",
            **NETWORK_CALL,
        )
        self._take(placed)
        self._placed = True

    async def _until_confirmed(self) -> str:
        """The network confirms by itself; when it is silent its state is asked, and the order repeated where needed."""
        checks = 0
        patience = CONFIRMATION_WITHIN
        while self._pending:
            if await self._confirmed_within(patience):
                break
            if self._withdrawn:
                return "withdrawn"
            checks += 1
            await self._check(order_again=checks > 1)
            patience = min(patience * 2, CHECK_EVERY_AT_MOST)
            if checks == CHECKS_BEFORE_A_PERSON_IS_ASKED:
                workflow.upsert_search_attributes([NEEDS_OPERATOR.value_set(True)])
        return "withdrawn" if self._withdrawn else "confirmed"

    async def _confirmed_within(self, patience: timedelta) -> bool:
        """True when nothing is pending; False when time ran out or the order was withdrawn."""
        try:
            await workflow.wait_condition(
                lambda: not self._pending or self._withdrawn,
                timeout=patience,
                timeout_summary="until the network confirms",
            )
        except TimeoutError:
            return False
        return not self._pending

    async def _check(self, *, order_again: bool) -> None:
        checked = await workflow.execute_activity_method(
            BarringActivities.check_order,
            OrderCheck(replace(self._order), tuple(sorted(self._pending)), order_again),
            summary="Ask the network for the state of the services",
            **NETWORK_CALL,
        )
        self._take(checked)

    def _take(self, placed: PlacedOrder) -> None:
        self._pending = set(placed.pending_service_ids) - self._confirmed_early

    async def _write_down(self, result: BarringResult) -> None:
        await workflow.execute_activity_method(
            BarringActivities.record_order,
            result,
            summary=f"Services are {result.level}: {result.outcome}",
            **QUICK_WRITE,
        )

    async def _tell_the_customer(self) -> None:
        restored = self._order.level == "none"
        await workflow.execute_activity_method(
            NoticeActivities.send_notice,
            NoticeRequest(
                self._order.account_id,
                NoticeKind.RESTORED if restored else NoticeKind.BARRED,
                self._order.order_id,
                self._order.level,
                hurry=True,
            ),
            summary="Notice: services restored" if restored else "Notice: services restricted",
            **NOTIFY,
        )

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
