"""The account's commands as Temporal updates: validated before they are accepted, answered when they are done."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.payments import PaymentActivities
    from billing.domain.cycle_calendar import local_date
    from billing.domain.errors import Refusal
    from billing.domain.restrictions import unusable_bar, unusable_lifting
    from billing.messages.account import (
        AccountView,
        AdjustBalance,
        ChangeCycleDay,
        ChangeDunningPolicy,
        ChangePaymentMethod,
        CloseAccount,
        Command,
        CommandResult,
        HoldUntil,
        OpenPaySession,
        PauseCollection,
        PromiseToPay,
        RefundPayment,
        ResumeCollection,
        RetryCollection,
        WaiveInvoice,
    )
    from billing.messages.limits import AgreeToContinue, RemoveUsageLimit, SetUsageLimit
    from billing.messages.payments import PaySessionRequest
    from billing.messages.restricting import BarService, UnbarService

from workflows._commands import refused
from workflows._desk import Desk
from workflows._options import OPEN_PAGE


def require(condition: bool, field: str, value: object, message: str, remedy: str) -> None:
    """Reject an update before it is written to history: field, value and remedy go to the caller."""
    if not condition:
        raise ApplicationError(
            message, {"field": field, "value": str(value), "remedy": remedy}, type="InvalidValue", non_retryable=True
        )


def require_none(refusal: Refusal | None) -> None:
    """Reject an update for a rule's own words."""
    if refusal is not None:
        require(False, refusal.field, refusal.value, refusal.message, refusal.remedy)


def require_command(command: Command) -> None:
    """What every command needs: an id that makes it repeat-safe, and who asked."""
    require(
        bool(command.command_id),
        "command_id",
        command.command_id,
        "A command needs an id.",
        "Send a unique command_id.",
    )
    require(bool(command.author), "author", command.author, "A command needs its author.", "Say who asks for it.")


def require_reason(command: Command) -> None:
    """Commands that change money or rights also need a reason."""
    require_command(command)
    require(bool(command.reason.strip()), "reason", command.reason, "A reason is needed.", "Say why, in a few words.")


class AccountUpdates:
    """Update and query handlers of the account workflow."""

    _desk: Desk

    @workflow.update(name="pause_collection", description="Stop notices, debits and dunning until resumed.")
    async def pause_collection(self, command: PauseCollection) -> CommandResult:
        if not self._desk.inbox.knows(command.command_id):
            self._desk.paused = True  # at once, even while a step is being carried out
        return await self._desk.inbox.ask("pause_collection", command)

    @pause_collection.validator
    def _may_pause(self, command: PauseCollection) -> None:
        require_reason(command)

    @workflow.update(name="resume_collection", description="Go on after a pause or hold.")
    async def resume_collection(self, command: ResumeCollection) -> CommandResult:
        return await self._desk.inbox.ask("resume_collection", command)

    @resume_collection.validator
    def _may_resume(self, command: ResumeCollection) -> None:
        require_command(command)

    @workflow.update(name="retry_collection", description="Announce and try an overdue amount again.")
    async def retry_collection(self, command: RetryCollection) -> CommandResult:
        return await self._desk.inbox.ask("retry_collection", command)

    @retry_collection.validator
    def _may_retry(self, command: RetryCollection) -> None:
        require_command(command)

    @workflow.update(name="promise_to_pay", description="The customer promises to pay by a date.")
    async def promise_to_pay(self, command: PromiseToPay) -> CommandResult:
        return await self._desk.inbox.ask("promise_to_pay", command)

    @promise_to_pay.validator
    def _may_promise(self, command: PromiseToPay) -> None:
        require_command(command)
        today = local_date(self._desk.now(), self._desk.plan.zone)
        promised = command.pay_by
        require(
            promised is not None and promised >= today,
            "pay_by",
            promised,
            "A promise names a date to come.",
            f"Use {today} or later.",
        )

    @workflow.update(name="hold_until", description="Exempt the account until an instant.")
    async def hold_until(self, command: HoldUntil) -> CommandResult:
        return await self._desk.inbox.ask("hold_until", command)

    @hold_until.validator
    def _may_hold(self, command: HoldUntil) -> None:
        require_reason(command)
        now = self._desk.now()
        until = command.until
        require(
            until is not None and until > now,
            "until",
            until,
            "A hold ends in the future.",
            f"Use an instant after {now:%Y-%m-%dT%H:%MZ}.",
        )

    @workflow.update(name="change_cycle_day", description="Bill on another day of the month.")
    async def change_cycle_day(self, command: ChangeCycleDay) -> CommandResult:
        return await self._desk.inbox.ask("change_cycle_day", command)

    @change_cycle_day.validator
    def _may_change_cycle_day(self, command: ChangeCycleDay) -> None:
        require_command(command)
        day = command.cycle_day
        require(1 <= day <= 31, "cycle_day", day, "A cycle day is a day of the month.", "Use 1 to 31.")

    @workflow.update(name="waive_invoice", description="Credit what is open of an invoice.")
    async def waive_invoice(self, command: WaiveInvoice) -> CommandResult:
        return await self._desk.inbox.ask("waive_invoice", command)

    @waive_invoice.validator
    def _may_waive(self, command: WaiveInvoice) -> None:
        require_reason(command)

    @workflow.update(name="adjust_balance", description="A charge or credit on the next invoice.")
    async def adjust_balance(self, command: AdjustBalance) -> CommandResult:
        return await self._desk.inbox.ask("adjust_balance", command)

    @adjust_balance.validator
    def _may_adjust(self, command: AdjustBalance) -> None:
        require_reason(command)
        amount = command.amount_minor
        require(amount != 0, "amount_minor", amount, "An adjustment changes the amount.", "Use minor units, not zero.")

    @workflow.update(name="refund_payment", description="Give a payment back.")
    async def refund_payment(self, command: RefundPayment) -> CommandResult:
        return await self._desk.inbox.ask("refund_payment", command)

    @refund_payment.validator
    def _may_refund(self, command: RefundPayment) -> None:
        require_reason(command)
        amount = command.amount_minor
        require(amount >= 0, "amount_minor", amount, "A refund is not negative.", "Use 0 for the whole payment.")

    @workflow.update(name="bar_service", description="Restrict services by hand.")
    async def bar_service(self, command: BarService) -> CommandResult:
        return await self._desk.inbox.ask("bar_service", command)

    @bar_service.validator
    def _may_bar(self, command: BarService) -> None:
        require_reason(command)
        level = command.level
        require(level in ("outgoing", "full"), "level", level, "There is no such level.", "Use outgoing or full.")
        require_none(unusable_bar(command.kinds, command.data_kbps, command.cause))

    @workflow.update(name="unbar_service", description="Lift a restriction by hand.")
    async def unbar_service(self, command: UnbarService) -> CommandResult:
        return await self._desk.inbox.ask("unbar_service", command)

    @unbar_service.validator
    def _may_unbar(self, command: UnbarService) -> None:
        require_reason(command)
        require_none(unusable_lifting(command.kinds, command.causes))

    @workflow.update(name="change_dunning_policy", description="Pin another policy version.")
    async def change_dunning_policy(self, command: ChangeDunningPolicy) -> CommandResult:
        return await self._desk.inbox.ask("change_dunning_policy", command)

    @change_dunning_policy.validator
    def _may_change_policy(self, command: ChangeDunningPolicy) -> None:
        require_reason(command)

    @workflow.update(name="change_payment_method", description="Use another stored method from now on.")
    async def change_payment_method(self, command: ChangePaymentMethod) -> CommandResult:
        return await self._desk.inbox.ask("change_payment_method", command)

    @change_payment_method.validator
    def _may_change_method(self, command: ChangePaymentMethod) -> None:
        require_command(command)

    @workflow.update(name="close_account", description="End all services and send the last bill.")
    async def close_account(self, command: CloseAccount) -> CommandResult:
        return await self._desk.inbox.ask("close_account", command)

    @close_account.validator
    def _may_close(self, command: CloseAccount) -> None:
        require_reason(command)

    @workflow.update(name="set_usage_limit", description="Set a limit on usage, or change its value.")
    async def set_usage_limit(self, command: SetUsageLimit) -> CommandResult:
        return await self._desk.inbox.ask("set_usage_limit", command)

    @set_usage_limit.validator
    def _may_set_limit(self, command: SetUsageLimit) -> None:
        require_reason(command)
        value = command.value
        require(value >= 0, "value", value, "A limit is not negative.", "Use minor units or the meter's own units.")

    @workflow.update(name="remove_usage_limit", description="Take a limit on usage away.")
    async def remove_usage_limit(self, command: RemoveUsageLimit) -> CommandResult:
        return await self._desk.inbox.ask("remove_usage_limit", command)

    @remove_usage_limit.validator
    def _may_remove_limit(self, command: RemoveUsageLimit) -> None:
        require_reason(command)

    @workflow.update(name="agree_to_continue", description="Data abroad goes on beyond its cap.")
    async def agree_to_continue(self, command: AgreeToContinue) -> CommandResult:
        return await self._desk.inbox.ask("agree_to_continue", command)

    @agree_to_continue.validator
    def _may_agree(self, command: AgreeToContinue) -> None:
        require_reason(command)

    @workflow.update(name="open_pay_session", description="Open the page to pay what is open now.")
    async def open_pay_session(self, command: OpenPaySession) -> CommandResult:
        """Answered at once, beside whatever the run is doing: a customer waits. The attempt's rows guard the money."""
        desk = self._desk
        try:
            session = await workflow.execute_activity_method(
                PaymentActivities.open_pay_session,
                PaySessionRequest(
                    desk.account_id, desk.new_attempt_id(_first_open(desk)), command.return_url, command.amount_minor
                ),
                summary="Open a page to pay on",
                **OPEN_PAGE,
            )
        except ActivityError as error:
            return refused(command, error)
        return CommandResult(command.command_id, bool(session.url), session.reason or "Page opened.", session.url)

    @open_pay_session.validator
    def _may_open_pay_session(self, command: OpenPaySession) -> None:
        require_command(command)

    @workflow.query(name="view", description="Where the account stands and what comes next.")
    def view(self) -> AccountView:
        desk = self._desk
        return AccountView(
            desk.account_id,
            desk.plan.cycle_number,
            desk.board.state,
            desk.board.next_action,
            desk.board.next_action_at,
            desk.paused,
            desk.hold_until,
            desk.dunning_running,
            tuple(desk.collections),
        )


def _first_open(desk: Desk) -> str:
    """The invoice whose name a pay session's attempt carries: the oldest still open; the account's own otherwise."""
    still_open = [one.invoice_id for one in desk.collections if one.stage.value != "settled"]
    return still_open[0] if still_open else desk.account_id
