"""The steps of getting an invoice paid. Each is taken when it is due and sets what comes next and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.announcing import AnnouncingActivities
    from activities.notices import NoticeActivities
    from activities.payments import PaymentActivities
    from billing.domain.money import Money
    from billing.messages.account import CollectionStage, InboxItem, OpenCollection
    from billing.messages.announcing import Announced, AnnounceRequest, AnnounceRetryRequest
    from billing.messages.invoicing import IssuedInvoice
    from billing.messages.notices import NoticeKind, NoticeRequest, NoticeResult
    from billing.messages.payments import AttemptQuery, CollectRequest, MethodKind, PaymentResult, PaymentStatus

from workflows._desk import Desk
from workflows._options import ASK_PROVIDER, COLLECT, NOTIFY
from workflows._pursuit import Pursuit

# A debit made later than this after its announced date is announced anew: "on or just after" must stay honest.
JUST_AFTER = timedelta(days=3)
# When the provider's outcome is not heard by its date, ask, and ask again every so often.
ASK_AGAIN = timedelta(hours=12)
# An unknown outcome is asked for soon: the provider may have the money already.
ASK_UNKNOWN = timedelta(minutes=15)
# A step that was refused, or that a vendor kept from ending, is taken again: staff mend the cause meanwhile.
TAKE_AGAIN = timedelta(hours=6)
# No debit of it is announced or made.
AT_REST = (CollectionStage.SETTLED, CollectionStage.OVERDUE)


class Collector:
    """Works on one account's desk; the only place from which money is collected."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.pursuit = Pursuit(desk)

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
        """Do what is due for a collection. What cannot be done asks for a person and is tried again; nothing stops."""
        try:
            await self._step(collection)
            self._desk.needs_operator = False
        except ActivityError as error:
            workflow.logger.error("step of %s not taken: %s", collection.invoice_id, error.cause)
            self._desk.needs_operator = True
            current = self._desk.find(collection.invoice_id) or collection
            self._desk.put(replace(current, wake_at=self._desk.now() + TAKE_AGAIN))

    async def _step(self, collection: OpenCollection) -> None:
        match collection.stage:
            case CollectionStage.ISSUED:
                await self._send_ready_notice(collection)
            case CollectionStage.ANNOUNCED:
                await self._remind(collection)
            case CollectionStage.REMINDED if collection.debits:
                await self._debit(collection)
            case CollectionStage.REMINDED:
                await self.pursuit.hand_over(collection, category="not_paid")
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
        elif not announced.told:
            # Nobody could be told, so nothing may be debited: it falls due, and a person finds another way.
            self._desk.needs_operator = True
            self._follow(replace(collection, debits=False), announced)
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
            self._desk.inbox.drop_outcome_hints(attempt)
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
        if result.status is PaymentStatus.SUCCEEDED:
            self._desk.succeeded.add(result.attempt_id)
        self._desk.settle(result.settled_invoice_ids)
        collection = next((one for one in self._desk.collections if one.attempt_id == result.attempt_id), None)
        if collection is not None and collection.stage is CollectionStage.SUBMITTED:
            await self._advance(collection, result)
        if result.reopened_invoice_ids:
            await self._reopen(result)
        if result.received_minor or result.settled_invoice_ids:
            await self.pursuit.tell(f"payment {result.attempt_id}")
        if result.received_minor > 0:
            await self._thank(result)
        self._desk.show(failure_code=result.code or result.category or None)

    async def _advance(self, collection: OpenCollection, result: PaymentResult) -> None:
        now = self._desk.now()
        match result.status:
            case PaymentStatus.SUCCEEDED | PaymentStatus.NOTHING_TO_COLLECT if collection.instalment:
                # The other instalments are still to come; the case, which is told of the money, asks for them.
                self._desk.put(replace(collection, stage=CollectionStage.OVERDUE, wake_at=None, instalment=""))
            case PaymentStatus.SUCCEEDED | PaymentStatus.NOTHING_TO_COLLECT:
                await self._settle(collection, result)
            case PaymentStatus.PENDING:
                late = result.expected_by is None or result.expected_by <= now
                self._desk.put(replace(collection, wake_at=now + ASK_AGAIN if late else result.expected_by))
            case PaymentStatus.UNKNOWN:
                self._desk.put(replace(collection, wake_at=now + ASK_UNKNOWN))
            case PaymentStatus.NOTICE_MISSING:
                self.want_retry(collection, now)
            case PaymentStatus.ACTION_REQUIRED:
                await self.pursuit.hand_over(collection, category="needs_customer", attempt=result.attempt_id)
            case PaymentStatus.METHOD_MISSING:
                await self.pursuit.hand_over(collection, category="method_dead")
            case PaymentStatus.FAILED | PaymentStatus.CANCELLED | PaymentStatus.DISPUTED:
                await self.pursuit.hand_over(collection, category=result.category, attempt=result.attempt_id)

    async def _settle(self, collection: OpenCollection, result: PaymentResult) -> None:
        """What is paid is done with; what the debit left open, disputed or not, is dunning's, which waits for disputes.

        Too little to be paid by itself goes with the next invoice.
        """
        left = tuple(one for one in collection.invoice_ids if one in result.owed_invoice_ids)
        if left:
            await self.pursuit.hand_over(replace(collection, invoice_ids=left), category="")
        else:
            self._desk.put(replace(collection, stage=CollectionStage.SETTLED, wake_at=None))

    def want_retry(self, collection: OpenCollection, not_before: datetime) -> None:
        """Announce and try again: a debit with a new date needs its own notice."""
        self._desk.put(
            replace(collection, stage=CollectionStage.RETRY_WANTED, submit_at=not_before, wake_at=self._desk.now())
        )

    def want_instalment(self, fact: InboxItem) -> None:
        """Announce and debit an instalment on its date; asked for twice, it is taken up once."""
        desk, covered = self._desk, tuple(fact.detail.split(","))
        known = any(one.instalment == fact.subject for one in desk.collections)
        overdue = [one for one in desk.collections if one.stage is CollectionStage.OVERDUE]
        holder = next((one for one in overdue if covered[0] in one.invoice_ids), None)
        if known or holder is None:
            workflow.logger.info("instalment %s is under way, or its invoices are", fact.subject)
            return
        wanted = replace(
            holder, invoice_ids=covered, amount_minor=fact.amount_minor, instalment=fact.subject, debit_on=fact.on
        )
        self.want_retry(wanted, fact.at or desk.now())

    async def _announce_retry(self, collection: OpenCollection) -> None:
        announced = await workflow.execute_activity_method(
            AnnouncingActivities.announce_retry,
            AnnounceRetryRequest(
                self._desk.account_id,
                collection.invoice_ids,
                collection.submit_at or self._desk.now(),
                collection.instalment or f"{collection.invoice_id}-{self._desk.attempts_made + 1}",
                collection.instalment,
                collection.amount_minor if collection.instalment else 0,
                collection.debit_on if collection.instalment else None,
            ),
            summary=f"Announce another debit of {self._amount(collection)}",
            **NOTIFY,
        )
        if announced.wait_until is not None:
            self._desk.put(replace(collection, wake_at=announced.wait_until))
        elif not announced.told:
            await self.pursuit.hand_over(collection, category="")
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

    async def cancel_debit(self, collection: OpenCollection) -> None:
        """There is no method to debit any more: the customer is told, and pays by paylink until the same date."""
        changed = self._desk.put(replace(collection, debits=False))
        if collection.stage is CollectionStage.REMINDED:
            self._desk.put(replace(changed, wake_at=collection.debit_at))
        if collection.stage is not CollectionStage.ISSUED:
            await self.notify(NoticeKind.MANDATE_NEEDED, changed, occasion=str(collection.debit_on), keep=True)

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
                    keep=True,
                )
            )
        known = self._desk.find(result.reopened_invoice_ids[0])
        if known is not None and known.stage is CollectionStage.OVERDUE:
            return
        # News of an old chargeback must not call off the debit that was announced, or made, since.
        covered = {name for one in self._desk.collections if one.stage not in AT_REST for name in one.invoice_ids}
        left = tuple(one for one in result.reopened_invoice_ids if one not in covered)
        if left != result.reopened_invoice_ids and not workflow.patched("collections-under-way-are-kept"):
            left = result.reopened_invoice_ids
        if left:
            reopened = OpenCollection(
                left[0],
                left,
                result.amount_minor,
                result.currency,
                CollectionStage.OVERDUE,
                attempt_id=result.attempt_id,
            )
            await self.pursuit.hand_over(reopened, category=result.category, attempt=result.attempt_id)

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

    async def notify(
        self, kind: NoticeKind, collection: OpenCollection, *, occasion: str, keep: bool = False
    ) -> NoticeResult:
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
                keep=keep,
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
            self._desk.needs_operator = True
            return NoticeResult("failed", explanation=str(refused.cause))

    def _amount(self, collection: OpenCollection) -> Money:
        return Money(collection.amount_minor, collection.currency)
