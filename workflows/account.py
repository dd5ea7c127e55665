"""The account: one long-lived workflow, one run per bill cycle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.accounts import AccountActivities
    from activities.invoicing import InvoicingActivities
    from billing.messages.account import (
        AccountState,
        ClockChanged,
        CollectionRequested,
        CollectionStage,
        DisputeClosed,
        DisputeOpened,
        DunningEnded,
        DunningLost,
        InboxItem,
        MandateChanged,
        NetworkConfirmed,
        NoticeBounced,
        PaymentMethodChanged,
        PaymentOutcomeReceived,
        UsageThresholdCrossed,
    )
    from billing.messages.ending import AccountClosed, EndAccountRequest
    from billing.messages.invoicing import IssuedInvoice, IssueInvoiceRequest
    from billing.messages.notices import NoticeKind, NoticeRequest

from workflows._arrangement_updates import ArrangementUpdates
from workflows._collecting import Collector
from workflows._commands import Commands
from workflows._desk import Desk
from workflows._inbox import ONLY_OUTCOME
from workflows._limits import UsageStops, limit_item
from workflows._options import QUICK_WRITE
from workflows._updates import AccountUpdates

# Nothing more to do for it within the cycle: paid, or with dunning.
SETTLED_ENOUGH = (CollectionStage.SETTLED, CollectionStage.OVERDUE)
HANDED_OVER = "handed_over"
# A bill that was refused is tried again after this; staff see that they are needed.
BILL_AGAIN = timedelta(hours=6)


@workflow.defn(name="AccountWorkflow")
class AccountWorkflow(AccountUpdates, ArrangementUpdates):
    """Bills one account on its cycle day and sees that the money comes in, for as long as the account lives.

    Every wait serves messages and takes the due steps of older open amounts, so that nothing open ever blocks the next
    cycle. Rules: the state is the only input; facts wait in the inbox; only ``run`` continues as new.
    """

    @workflow.init
    def __init__(self, state: AccountState) -> None:
        self._desk = Desk(state)
        self._collector = Collector(self._desk)
        self._stops = UsageStops(self._desk, self._collector)
        self._commands = Commands(self._desk, self._collector, self._stops)

    @workflow.run
    async def run(self, state: AccountState) -> AccountClosed:
        if not state.last_bill_is_out:
            await self._until_the_cycle_is_due_for_billing()
            invoice = await self._issue_the_invoice()
            self._collector.begin(invoice)
            if invoice.next_plan is not None:
                await self._until_collected_or_the_next_bill_is_due(invoice)
                return await self._continue_with_the_next_cycle()
        await self._until_nothing_is_open()
        return await self._end_the_account()

    # The runbook, in the order it is called --------------------------------------------------------------------

    async def _until_the_cycle_is_due_for_billing(self) -> None:
        """Sleep until the cycle closed and its billing delay passed; a new build may take over on waking."""
        await self._attend_until(lambda: self._desk.now() >= self._desk.issue_at, "the cycle closes and is billed")
        if workflow.info().is_target_worker_deployment_version_changed():
            await self._continue_with_the_next_cycle()

    async def _issue_the_invoice(self) -> IssuedInvoice:
        """Issue it; what stops a bill is shown to a person, and the bill is tried again."""
        while True:
            try:
                invoice = await self._issue()
            except ActivityError as error:
                workflow.logger.error("invoice of %s not issued: %s", self._desk.account_id, error.cause)
                await self._wait_for_a_person()
            else:
                self._desk.needs_operator = False
                return invoice

    async def _wait_for_a_person(self) -> None:
        desk = self._desk
        desk.needs_operator, desk.bill_not_before = True, desk.now() + BILL_AGAIN
        await self._attend_until(lambda: desk.now() >= desk.bill_not_before, "what stops the bill is mended")

    async def _issue(self) -> IssuedInvoice:
        plan = self._desk.plan
        invoice = await workflow.execute_activity_method(
            InvoicingActivities.issue_invoice,
            IssueInvoiceRequest(self._desk.account_id, plan.cycle_number, self._desk.dunning_running),
            summary=f"Issue the invoice of cycle {plan.cycle_number}",
            **QUICK_WRITE,
        )
        if invoice.next_plan is not None:
            self._desk.plan = invoice.next_plan
        return invoice

    async def _until_collected_or_the_next_bill_is_due(self, invoice: IssuedInvoice) -> None:
        """Ready notice, reminder, debit, thanks or dunning: each collection's next step when its time comes."""
        await self._attend_until(
            lambda: self._is_settled(invoice.invoice_id) or self._desk.now() >= self._desk.issue_at,
            f"until invoice {invoice.number} is paid or the next bill is due",
        )

    async def _until_nothing_is_open(self) -> None:
        """A closed account ends when its last amount is paid, written off or handed over."""
        self._desk.last_bill_is_out = True
        await self._attend_until(
            lambda: (
                all(one.stage in SETTLED_ENOUGH for one in self._desk.collections) and not self._desk.dunning_running
            ),
            "until nothing is open on the closed account",
        )

    async def _end_the_account(self) -> AccountClosed:
        await self._answer_every_caller()
        return await workflow.execute_activity_method(
            AccountActivities.end_account,
            EndAccountRequest(self._desk.account_id),
            summary="The account is closed and nothing is open",
            **QUICK_WRITE,
        )

    async def _continue_with_the_next_cycle(self) -> NoReturn:
        """The next run carries everything still open; no message and no caller is left behind."""
        await self._answer_every_caller()
        self._desk.deadline.clear()
        workflow.continue_as_new(
            self._desk.carried(),
            initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE,
        )

    async def _answer_every_caller(self) -> None:
        while self._desk.inbox.has_commands or not workflow.all_handlers_finished():
            await self._serve_messages()
            await workflow.wait_condition(lambda: self._desk.inbox.has_commands or workflow.all_handlers_finished())

    # Waiting -------------------------------------------------------------------------------------------------

    async def _attend_until(self, done: Callable[[], bool], summary: str) -> None:
        """Serve messages and take due steps until ``done``."""
        while True:
            await self._serve_messages()
            step = self._desk.due()
            if self._desk.stops_are_due:
                await self._stops.review()
            elif step is not None:
                await self._collector.take_next_step(step)
            elif done():
                return
            elif workflow.info().is_continue_as_new_suggested():
                await self._continue_with_the_next_cycle()
            else:
                await self._sleep(summary)

    async def _sleep(self, summary: str) -> None:
        desk = self._desk
        desk.show()
        wakes = [at for at in (desk.next_wake(), None if desk.last_bill_is_out else desk.issue_at) if at is not None]
        wake = min(wakes, default=None)
        state = desk.board.next_action or summary
        await desk.deadline.wait(wake, lambda: desk.inbox.has_mail, f"{state}; {summary}"[:200])

    def _is_settled(self, invoice_id: str) -> bool:
        collection = self._desk.find(invoice_id)
        return collection is None or collection.stage in SETTLED_ENOUGH

    # Messages ------------------------------------------------------------------------------------------------

    async def _serve_messages(self) -> None:
        inbox = self._desk.inbox
        while inbox.has_mail:
            if inbox.has_commands:
                kind, command = inbox.next_command()
                await self._commands.carry_out(kind, command)
            else:
                await self._take_note(inbox.next_fact())

    async def _take_note(self, fact: InboxItem) -> None:
        """Act on a fact from outside; what is true is read again where it is kept."""
        try:
            match fact.kind:
                case "payment_outcome_received" if fact.detail == ONLY_OUTCOME and fact.subject in self._desk.succeeded:
                    pass
                case "payment_outcome_received":
                    await self._collector.ask_provider(fact.subject)
                case "payment_method_changed" | "mandate_changed":
                    await self._commands.review_method(fact.subject)
                case "collection_requested":
                    self._try_again(fact)
                case "rest_left":
                    self._desk.settle(fact.detail.split(","))
                case "dunning_ended":
                    self._desk.dunning_running = False
                    if fact.detail == HANDED_OVER:
                        self._desk.handed_over_case = fact.subject
                    self._desk.show(failure_code="")
                case "dunning_lost":
                    await self._collector.pursuit.find(fact.subject)
                case "dispute_opened" | "dispute_closed":
                    await self._collector.pursuit.tell(fact.kind)
                case "usage_threshold_crossed" if fact.notice:
                    await self._stops.limit_crossed(fact)
                case "usage_threshold_crossed":
                    await self._notify_threshold(fact)
                case _:
                    workflow.logger.info("noted %s %s", fact.kind, fact.subject)
        except ActivityError as error:
            # A fact that cannot be acted on must not stop the account; it stays in the history and asks for a person.
            workflow.logger.error("could not act on %s %s: %s", fact.kind, fact.subject, error.cause)
            self._desk.needs_operator = True

    def _try_again(self, fact: InboxItem) -> None:
        if fact.subject:
            self._collector.want_instalment(fact)
            return
        wanted = set(fact.detail.split(","))
        for collection in list(self._desk.collections):
            if collection.stage is CollectionStage.OVERDUE and wanted & set(collection.invoice_ids):
                self._collector.want_retry(collection, fact.at or self._desk.now())

    async def _notify_threshold(self, fact: InboxItem) -> None:
        kind = NoticeKind.USAGE_100 if fact.amount_minor >= 100 else NoticeKind.USAGE_80
        await self._collector.send(NoticeRequest(self._desk.account_id, kind, fact.subject, fact.detail, keep=True))

    # Facts from outside: synchronous, they only take note ------------------------------------------------------

    @workflow.signal(name="payment_outcome_received", description="The provider reported on an attempt.")
    def payment_outcome_received(self, fact: PaymentOutcomeReceived) -> None:
        detail = ONLY_OUTCOME if fact.only_outcome else ""
        self._desk.inbox.put(InboxItem("payment_outcome_received", fact.message_id, fact.attempt_id, detail))

    @workflow.signal(name="payment_method_changed", description="The method in use changed.")
    def payment_method_changed(self, fact: PaymentMethodChanged) -> None:
        self._note("payment_method_changed", fact.message_id, fact.method_id)

    @workflow.signal(name="mandate_changed", description="A mandate became active, inactive or was revoked.")
    def mandate_changed(self, fact: MandateChanged) -> None:
        self._note("mandate_changed", fact.message_id, fact.method_id)

    @workflow.signal(name="usage_threshold_crossed", description="A counter passed 80 % or 100 %.")
    def usage_threshold_crossed(self, fact: UsageThresholdCrossed) -> None:
        if fact.notice:
            self._desk.inbox.put(limit_item(fact, self._desk.account_id))
            return
        self._desk.inbox.put(
            InboxItem(
                "usage_threshold_crossed",
                fact.message_id,
                fact.service_id,
                f"{self._desk.plan.cycle_number}-{fact.meter}-{fact.percent}",
                amount_minor=fact.percent,
            )
        )

    @workflow.signal(name="notice_bounced", description="A notice could not be delivered.")
    def notice_bounced(self, fact: NoticeBounced) -> None:
        self._note("notice_bounced", fact.message_id, fact.notice_id)

    @workflow.signal(name="dispute_opened", description="The customer disputes an invoice.")
    def dispute_opened(self, fact: DisputeOpened) -> None:
        self._note("dispute_opened", fact.message_id, fact.dispute_id)

    @workflow.signal(name="dispute_closed", description="A dispute was decided.")
    def dispute_closed(self, fact: DisputeClosed) -> None:
        self._note("dispute_closed", fact.message_id, fact.dispute_id)

    @workflow.signal(name="network_confirmed", description="The network confirmed a service's level.")
    def network_confirmed(self, fact: NetworkConfirmed) -> None:
        self._note("network_confirmed", fact.message_id, fact.order_id)

    @workflow.signal(name="clock_changed", description="A new segment of business time began.")
    def clock_changed(self, fact: ClockChanged) -> None:
        self._desk.deadline.change_clock(fact.clock)

    @workflow.signal(name="collection_requested", description="Dunning asks to collect again.")
    def collection_requested(self, fact: CollectionRequested) -> None:
        self._desk.inbox.put(
            InboxItem(
                "collection_requested",
                fact.message_id,
                fact.instalment,
                ",".join(fact.invoice_ids),
                fact.not_before,
                fact.amount_minor,
                fact.currency,
                on=fact.debit_on,
            )
        )

    @workflow.signal(name="dunning_ended", description="The account's dunning case closed.")
    def dunning_ended(self, fact: DunningEnded) -> None:
        if fact.left_invoice_ids:
            left = ",".join(fact.left_invoice_ids)
            self._desk.inbox.put(InboxItem("rest_left", f"{fact.message_id}-rest", fact.case_id, left))
        self._desk.inbox.put(InboxItem("dunning_ended", fact.message_id, fact.case_id, fact.outcome))

    @workflow.signal(name="dunning_lost", description="The account's open case was found without a workflow.")
    def dunning_lost(self, fact: DunningLost) -> None:
        self._note("dunning_lost", fact.message_id, fact.case_id)

    def _note(self, kind: str, message_id: str, subject: str) -> None:
        self._desk.inbox.put(InboxItem(kind, message_id, subject))
