"""The steps of getting an invoice paid. Each is taken when it is due and sets what comes next and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, FailureError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.announcing import AnnouncingActivities
    from activities.notices import NoticeActivities
    from activities.payments import PaymentActivities
    from billing.domain.money import Money
    from billing.messages.account import CaseChanged, CollectionStage, InvoicesOverdue, OpenCollection
    from billing.messages.announcing import Announced, AnnounceRequest, AnnounceRetryRequest
    from billing.messages.dunning import DunningState
    from billing.messages.identities import dunning_workflow_id
    from billing.messages.invoicing import IssuedInvoice
    from billing.messages.notices import NoticeKind, NoticeRequest, NoticeResult
    from billing.messages.payments import AttemptQuery, CollectRequest, MethodKind, PaymentResult, PaymentStatus

from workflows._desk import Desk
from workflows._options import ASK_PROVIDER, COLLECT, NOTIFY
from workflows.dunning import DunningWorkflow

# A debit made later than this after its announced date is announced anew: "on or just after" must stay honest.
JUST_AFTER = timedelta(days=3)
# When the provider's outcome is not heard by its date, ask, and ask again every so often.
ASK_AGAIN = timedelta(hours=12)
# An unknown outcome is asked for soon: the provider may have the money already.
ASK_UNKNOWN = timedelta(minutes=15)


class Collector:
    """Works on one account's desk; the only place from which money is collected."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def begin(self, invoice: IssuedInvoice) -> OpenCollection:
        """Start collecting an issued invoice by its plan."""
        plan = invoice.plan
        collection = OpenCollection(
            invoice_id=invoice.invoice_id,
            invoice_ids=invoice.collect_invoice_ids or (invoice.invoice_id,),
            amount_minor=invoice.to_collect_minor,
            currency=invoice.currency,
            stage=CollectionStage.ISSUED,
            debits=invoice.method is not MethodKind.NONE and invoice.to_collect_minor > 0,
            cycle_number=plan.cycle_number,
            debit_on=plan.debit_on,
            reminder_at=plan.reminder_at,
            submit_at=plan.submit_at,
            debit_at=plan.debit_at,
            wake_at=plan.ready_notice_at,
        )
        return self._desk.put(collection)

    async def take_next_step(self, collection: OpenCollection) -> None:
        """Do what is due for a collection."""
        match collection.stage:
            case CollectionStage.ISSUED:
                await self._send_ready_notice(collection)
            case CollectionStage.ANNOUNCED:
                await self._remind(collection)
            case CollectionStage.REMINDED if collection.debits:
                await self._debit(collection)
            case CollectionStage.REMINDED:
                await self.hand_to_dunning(collection, category="not_paid")
            case CollectionStage.SUBMITTED:
                await self.ask_provider(collection.attempt_id)
            case CollectionStage.RETRY_WANTED:
                await self._announce_retry(collection)
            case CollectionStage.OVERDUE | CollectionStage.SETTLED:
                self._desk.put(replace(collection, wake_at=None))

    async def _send_ready_notice(self, collection: OpenCollection) -> None:
        announced = await workflow.execute_activity_method(
            AnnouncingActivities.announce_invoice,
            AnnounceRequest(
                self._desk.account_id,
                collection.invoice_id,
                collection.invoice_ids,
                collection.cycle_number,
                collection.amount_minor,
                collection.currency,
                collection.debits,
                collection.debit_on,
            ),
            summary=f"Ready notice: {self._amount(collection)}, debit on {collection.debit_on}",
            **NOTIFY,
        )
        if announced.wait_until is not None:
            self._desk.put(replace(collection, wake_at=announced.wait_until))
        elif collection.amount_minor <= 0:
            self._desk.put(replace(collection, stage=CollectionStage.SETTLED, wake_at=None))
        else:
            self._follow(collection, announced)

    def _follow(self, collection: OpenCollection, announced: Announced) -> None:
        """Go on by the dates the customer was told: those of the plan, or later ones when the notice was late."""
        told = replace(
            collection,
            stage=CollectionStage.ANNOUNCED,
            debit_on=announced.debit_on or collection.debit_on,
            reminder_at=announced.reminder_at or collection.reminder_at,
            submit_at=announced.submit_at or collection.submit_at,
            debit_at=announced.debit_at or collection.debit_at,
        )
        self._desk.put(replace(told, wake_at=told.reminder_at))
        self._desk.show()

    async def _remind(self, collection: OpenCollection) -> None:
        after = collection.submit_at if collection.debits else collection.debit_at
        if after is not None and self._desk.now() < after:
            kind = NoticeKind.REMINDER if collection.debits else NoticeKind.DUE_REMINDER
            notice = await self.notify(kind, collection, occasion=str(collection.debit_on))
            if notice.wait_until is not None and notice.wait_until < after:
                self._desk.put(replace(collection, wake_at=notice.wait_until))
                return
        self._desk.put(replace(collection, stage=CollectionStage.REMINDED, wake_at=after))

    async def _debit(self, collection: OpenCollection) -> None:
        if self._is_too_late(collection):
            self.want_retry(collection, self._desk.now())
            return
        attempt = self._desk.new_attempt_id(collection.invoice_id)
        assert collection.debit_on is not None
        result = await workflow.execute_activity_method(
            PaymentActivities.collect_payment,
            CollectRequest(
                self._desk.account_id,
                attempt,
                collection.invoice_ids,
                collection.amount_minor,
                collection.currency,
                collection.debit_on,
            ),
            summary=f"Debit {self._amount(collection)}, attempt {attempt}",
            **COLLECT,
        )
        self._desk.put(replace(collection, attempt_id=attempt, stage=CollectionStage.SUBMITTED, wake_at=None))
        if result.status in (PaymentStatus.SUCCEEDED, PaymentStatus.FAILED):
            self._desk.inbox.drop_hints("payment_outcome_received", attempt)
        await self.apply(result)

    def _is_too_late(self, collection: OpenCollection) -> bool:
        return collection.debit_at is not None and self._desk.now() > collection.debit_at + JUST_AFTER

    async def ask_provider(self, attempt: str) -> PaymentResult:
        """Read at the provider how an attempt stands, book it, and act on it."""
        result = await workflow.execute_activity_method(
            PaymentActivities.settle_attempt,
            AttemptQuery(self._desk.account_id, attempt),
            summary=f"Ask the provider about attempt {attempt}",
            **ASK_PROVIDER,
        )
        await self.apply(result)
        return result

    async def apply(self, result: PaymentResult) -> None:
        """Act on how an attempt stands: thank, wait, or hand to dunning. Safe to repeat."""
        if result.received_minor > 0:
            await self._thank(result)
        self._desk.settle(result.settled_invoice_ids)
        collection = next((one for one in self._desk.collections if one.attempt_id == result.attempt_id), None)
        if collection is not None and collection.stage is CollectionStage.SUBMITTED:
            await self._advance(collection, result)
        if result.reopened_invoice_ids:
            await self._reopen(result)
        if self._desk.dunning_running and (result.received_minor or result.settled_invoice_ids):
            await self.tell_dunning(f"payment {result.attempt_id}")
        self._desk.show(failure_code=result.code or result.category or None)

    async def _advance(self, collection: OpenCollection, result: PaymentResult) -> None:
        now = self._desk.now()
        match result.status:
            case PaymentStatus.SUCCEEDED | PaymentStatus.NOTHING_TO_COLLECT:
                self._desk.put(replace(collection, stage=CollectionStage.SETTLED, wake_at=None))
            case PaymentStatus.PENDING:
                late = result.expected_by is None or result.expected_by <= now
                self._desk.put(replace(collection, wake_at=now + ASK_AGAIN if late else result.expected_by))
            case PaymentStatus.UNKNOWN:
                self._desk.put(replace(collection, wake_at=now + ASK_UNKNOWN))
            case PaymentStatus.NOTICE_MISSING:
                self.want_retry(collection, now)
            case PaymentStatus.ACTION_REQUIRED:
                await self.hand_to_dunning(collection, category="needs_customer", attempt=result.attempt_id)
            case PaymentStatus.METHOD_MISSING:
                await self.hand_to_dunning(collection, category="method_dead")
            case PaymentStatus.FAILED | PaymentStatus.CANCELLED | PaymentStatus.DISPUTED:
                await self.hand_to_dunning(collection, category=result.category, attempt=result.attempt_id)

    def want_retry(self, collection: OpenCollection, not_before: datetime) -> None:
        """Announce and try again: a debit with a new date needs its own notice."""
        self._desk.put(
            replace(collection, stage=CollectionStage.RETRY_WANTED, submit_at=not_before, wake_at=self._desk.now())
        )

    async def _announce_retry(self, collection: OpenCollection) -> None:
        announced = await workflow.execute_activity_method(
            AnnouncingActivities.announce_retry,
            AnnounceRetryRequest(
                self._desk.account_id,
                collection.invoice_ids,
                collection.submit_at or self._desk.now(),
                f"{collection.invoice_id}-{self._desk.attempts_made + 1}",
            ),
            summary=f"Announce another debit of {self._amount(collection)}",
            **NOTIFY,
        )
        if announced.wait_until is not None:
            self._desk.put(replace(collection, wake_at=announced.wait_until))
        elif not announced.told:
            await self.hand_to_dunning(collection, category="")
        else:
            self._desk.put(
                replace(
                    collection,
                    stage=CollectionStage.REMINDED,
                    is_retry=True,
                    debits=True,
                    amount_minor=announced.amount_minor,
                    invoice_ids=announced.invoice_ids,
                    debit_on=announced.debit_on,
                    submit_at=announced.submit_at,
                    debit_at=announced.debit_at,
                    wake_at=announced.submit_at,
                )
            )
            self._desk.show()

    async def cancel_debit(self, collection: OpenCollection) -> None:
        """There is no method to debit any more: the customer is told, and pays by paylink until the same date."""
        changed = self._desk.put(replace(collection, debits=False))
        if collection.stage is CollectionStage.REMINDED:
            self._desk.put(replace(changed, wake_at=collection.debit_at))
        if collection.stage is not CollectionStage.ISSUED:
            await self.notify(NoticeKind.MANDATE_NEEDED, changed, occasion=str(collection.debit_on))

    async def hand_to_dunning(self, collection: OpenCollection, *, category: str, attempt: str = "") -> None:
        """Let dunning press for a failed or unpaid amount; it joins the account's case if one runs."""
        self._desk.put(replace(collection, stage=CollectionStage.OVERDUE, wake_at=None))
        overdue = InvoicesOverdue(attempt or collection.invoice_id, collection.invoice_ids, category, attempt)
        if not (self._desk.dunning_running and await self._signal_dunning("invoices_overdue", overdue)):
            await self._start_dunning(overdue)
        self._desk.show(failure_code=category)

    async def _start_dunning(self, overdue: InvoicesOverdue) -> None:
        desk = self._desk
        state = DunningState(desk.account_id, desk.brand, desk.number, clock=desk.deadline.clock, joined=(overdue,))
        try:
            await workflow.start_child_workflow(
                DunningWorkflow.run,
                state,
                id=dunning_workflow_id(desk.brand, desk.number),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                static_summary=f"Dunning of account {desk.brand}/{desk.number}",
            )
        except WorkflowAlreadyStartedError:
            await self._signal_dunning("invoices_overdue", overdue)
        desk.dunning_running = True

    async def tell_dunning(self, why: str) -> None:
        """Let the case be read again."""
        if self._desk.dunning_running:
            await self._signal_dunning("case_changed", CaseChanged(why=why))

    async def _signal_dunning(self, signal: str, payload: object) -> bool:
        case = workflow.get_external_workflow_handle(dunning_workflow_id(self._desk.brand, self._desk.number))
        try:
            await case.signal(signal, payload)
        except FailureError:  # the case closed in this very moment; the caller starts a new one where there is need
            self._desk.dunning_running = False
            return False
        return True

    async def _reopen(self, result: PaymentResult) -> None:
        """Money that was counted as paid was taken back: the invoices owe again, and no debit is tried by itself."""
        if result.status is PaymentStatus.DISPUTED:
            await self.send(
                NoticeRequest(
                    self._desk.account_id,
                    NoticeKind.PAYMENT_REVERSED,
                    result.reopened_invoice_ids[0],
                    result.attempt_id,
                    result.amount_minor,
                    result.currency,
                    invoice_ids=result.reopened_invoice_ids,
                )
            )
        reopened = OpenCollection(
            result.reopened_invoice_ids[0],
            result.reopened_invoice_ids,
            result.amount_minor,
            result.currency,
            CollectionStage.OVERDUE,
            attempt_id=result.attempt_id,
        )
        known = self._desk.find(reopened.invoice_id)
        if known is None or known.stage is not CollectionStage.OVERDUE:
            await self.hand_to_dunning(reopened, category=result.category, attempt=result.attempt_id)

    async def _thank(self, result: PaymentResult) -> None:
        await self.send(
            NoticeRequest(
                self._desk.account_id,
                NoticeKind.THANK_YOU,
                result.attempt_id,
                amount_minor=result.received_minor,
                currency=result.currency,
                invoice_ids=result.settled_invoice_ids,
                hurry=True,
            )
        )

    async def notify(self, kind: NoticeKind, collection: OpenCollection, *, occasion: str) -> NoticeResult:
        """Send a notice about a collection's amount and date."""
        return await self.send(
            NoticeRequest(
                self._desk.account_id,
                kind,
                collection.invoice_id,
                occasion,
                collection.amount_minor,
                collection.currency,
                collection.debit_on,
                collection.invoice_ids,
            )
        )

    async def send(self, request: NoticeRequest) -> NoticeResult:
        amount = f" {Money(request.amount_minor, request.currency)}" if request.currency else ""
        try:
            return await workflow.execute_activity_method(
                NoticeActivities.send_notice, request, summary=f"Notice: {request.kind}{amount}", **NOTIFY
            )
        except ActivityError as refused:
            # A notice that cannot be written must not stop the money; the debit itself refuses without its notice.
            workflow.logger.error("notice %s refused: %s", request.kind, refused.cause)
            self._desk.show(needs_operator=True)
            return NoticeResult("failed", explanation=str(refused.cause))

    def _amount(self, collection: OpenCollection) -> Money:
        return Money(collection.amount_minor, collection.currency)
