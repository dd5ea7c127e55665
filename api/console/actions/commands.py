"""Every command on an account that the console offers, as data: title, role, model, fields, and the route it calls.

The form gives exactly what the API's route takes and calls that route, so that both check, record and refuse alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from api.account_desk import AccountDesk
from api.console.actions import options, previews
from api.console.actions.extra import (
    CloseDisputeForm,
    DisputeForm,
    FeeForm,
    PolicyForm,
    change_policy,
    close_dispute,
    open_dispute,
    send_paylink,
    waive_fee,
)
from api.console.actions.fields import Field
from api.console.actions.previews import Preview
from api.routers import actions as routes
from api.routers import arrangements
from api.schemas import actions as schemas
from api.schemas import arrangements as agreed
from api.schemas.actions import ActionIn, ActionOut

COLLECTING, AGREEING, CORRECTING, LINES, ACCOUNT = "Collecting", "Agreeing", "Correcting", "Lines", "Account"
GROUPS = (COLLECTING, AGREEING, CORRECTING, LINES, ACCOUNT)
PERSONS = [("operator", "we decided"), ("customer", "the customer asked"), ("lost_or_stolen", "lost or stolen"),
           ("fraud", "fraud"), ("court", "a court or an authority")]  # fmt: skip
KINDS = [
    (kind, kind.replace("_", " "))
    for kind in ("outgoing_calls", "outgoing_sms", "international", "premium", "roaming", "data", "data_throttled",
                 "incoming_calls", "outgoing", "full")
]  # fmt: skip

CarryOut = Callable[[AccountDesk, Any], Awaitable[str]]


@dataclass(frozen=True)
class Action:
    """One command. ``preview`` is shown before it is carried out; ``tone`` danger for what cannot be undone."""

    name: str
    title: str
    does: str
    group: str
    role: str
    model: type[ActionIn]
    carry_out: CarryOut
    fields: Sequence[Field] = ()
    preview: Callable[[AccountDesk, Any], Awaitable[Preview]] | None = None
    tone: str = ""


def by_route(route: Callable[[AccountDesk, Any], Awaitable[ActionOut]]) -> CarryOut:
    """As the API's route does it; the answer is the command's summary."""

    async def carry_out(desk: AccountDesk, said: ActionIn) -> str:
        return (await route(desk, said)).summary

    return carry_out


def _invoice(label: str = "Invoice", *, empty: str = "", required: bool = False, hint: str = "") -> Field:
    return Field("invoice_id", label, "choice", hint, required, choices=options.open_invoices, empty=empty)


SERVICE = Field("service_id", "Line", "choice", choices=options.services, empty="every line")

ACTIONS: tuple[Action, ...] = (
    Action(
        "retry-collection", "Try the debit again", "Announces what is overdue and debits it once the notice allows.",
        COLLECTING, "agent", schemas.RetryIn, by_route(routes.retry_collection),
        [_invoice(empty="all that is overdue")],
    ),
    Action(
        "send-paylink", "Send a paylink", "The customer is told what is open, with the address to pay it at.",
        COLLECTING, "agent", ActionIn, send_paylink,
    ),
    Action(
        "hold-until", "Leave alone until a day", "No notice, debit or dunning step until then.",
        COLLECTING, "agent", schemas.HoldIn, by_route(routes.hold_until),
        [Field("until", "Until", "instant", "Local time of the account.", required=True)],
    ),
    Action(
        "pause-collection", "Pause collection", "No notice, debit or dunning step until somebody resumes it.",
        COLLECTING, "agent", ActionIn, by_route(routes.pause_collection),
    ),
    Action(
        "resume-collection", "Resume collection", "Goes on after a pause, or before a hold ends.",
        COLLECTING, "agent", ActionIn, by_route(routes.resume_collection),
    ),
    Action(
        "change-dunning-policy", "Move to another dunning policy", "For the case that runs, and later ones.",
        COLLECTING, "agent", PolicyForm, change_policy,
        [
            Field("policy", "Policy", "choice", required=True, choices=options.policies),
            Field("case_only", "Only for the case that runs", "tick"),
        ],
    ),
    Action(
        "promise-to-pay", "Take a promise", "Dunning and barring wait until the day that was promised.",
        AGREEING, "agent", schemas.PromiseIn, by_route(routes.promise_to_pay),
        [
            Field("pay_by", "Will pay by", "day", required=True),
            Field("amount_minor", "Amount", "money", "All that is open when left empty."),
        ],
    ),
    Action(
        "cancel-payment-plan", "Cancel the payment plan", "What it covered is pressed for again.",
        AGREEING, "agent", agreed.CancelPlanIn, by_route(arrangements.cancel_plan),
        [Field("plan_id", "Plan", "choice", required=True, choices=options.plans)],
    ),
    Action(
        "open-dispute", "Open a dispute", "The disputed part is neither collected nor dunned; the rest is.",
        AGREEING, "agent", DisputeForm, open_dispute,
        [
            _invoice(required=True),
            Field("line_id", "Only one line", "choice", "With its discount and VAT. Choose the invoice first.",
                  choices=options.lines_of_invoice, empty="the whole invoice"),
            Field("amount_minor", "Amount", "money", "With VAT. Empty: all that is open of it."),
        ],
    ),
    Action(
        "close-dispute", "Decide a dispute", "Accepted: the part is credited. Rejected: it is collected again.",
        AGREEING, "finance", CloseDisputeForm, close_dispute,
        [
            Field("dispute_id", "Dispute", "choice", required=True, choices=options.disputes),
            Field("outcome", "Decision", "choice", required=True,
                  options=[("accepted", "accepted: credit it"), ("rejected", "rejected: collect it")]),
        ],
    ),
    Action(
        "adjust-balance", "Add a charge or a credit", "A line of its own on the next invoice, without VAT.",
        CORRECTING, "finance", schemas.AdjustIn, by_route(routes.adjust_balance),
        [
            Field("amount_minor", "Amount", "money", "Without VAT; a credit begins with a minus.", required=True),
            Field("description", "As the customer reads it", required=True),
        ],
    ),
    Action(
        "waive-invoice", "Waive an invoice", "A credit note over all that is open of it.",
        CORRECTING, "finance", schemas.WaiveIn, by_route(routes.waive_invoice), [_invoice(required=True)],
        tone="danger",
    ),
    Action(
        "waive-fee", "Waive a fee", "Taken back by a line of the next invoice.",
        CORRECTING, "agent", FeeForm, waive_fee,
        [Field("fee_id", "Fee", "choice", required=True, choices=options.fees)],
    ),
    Action(
        "refund-payment", "Give a payment back", "To the method it came from.",
        CORRECTING, "finance", schemas.RefundIn, by_route(routes.refund_payment),
        [
            Field("attempt_id", "Payment", "choice", required=True, choices=options.payments),
            Field("amount_minor", "Amount", "money", "All of it when left empty."),
        ],
        tone="danger",
    ),
    Action(
        "refund-credit", "Give credit back", "The way it came, as refunds of the newest payments.",
        CORRECTING, "finance", schemas.RefundCreditIn, by_route(routes.refund_credit),
        [Field("amount_minor", "Amount", "money", "All credit that is held when left empty.")],
        tone="danger",
    ),
    Action(
        "write-off-debt", "Write off", "What is open is given up; money that comes in after all is still booked.",
        CORRECTING, "finance", agreed.WriteOffIn, by_route(arrangements.write_off),
        [Field("invoice_ids", "Invoices", "many", "All of the newest case when none is ticked.",
               choices=options.open_invoices)],
        tone="danger",
    ),
    Action(
        "restore-debt", "Take a write-off back", "What is left of it is owed again.",
        CORRECTING, "finance", agreed.RestoreIn, by_route(arrangements.restore_debt),
        [Field("write_off_id", "Write-off", "choice", required=True, choices=options.write_offs)],
    ),
    Action(
        "hand-over-case", "Hand over to an agency", "We press for it no longer.",
        CORRECTING, "finance", agreed.HandOverIn, by_route(arrangements.hand_over_case),
        [
            Field("case_id", "Case", "choice", choices=options.cases, empty="the newest"),
            Field("agency", "Agency", required=True),
        ],
    ),
    Action(
        "take-back-case", "Take a case back", "We press for what is open again, in a new case.",
        CORRECTING, "finance", agreed.TakeBackIn, by_route(arrangements.take_back_case),
        [Field("case_id", "Case", "choice", choices=options.cases, empty="the newest")],
    ),
    Action(
        "bar-service", "Restrict a line", "Adds to what holds it. Emergency calls always work.",
        LINES, "agent", schemas.BarIn, by_route(routes.bar_service),
        [
            SERVICE,
            Field("kinds", "What", "many", "Everything outgoing when none is ticked.", options=KINDS),
            Field("data_kbps", "Data at how many kbit/s", "whole", "Only with data throttled."),
            Field("cause", "Why", "choice", required=True, options=PERSONS, value="operator"),
        ],
        previews.bar,
    ),
    Action(
        "unbar-service", "Free a line", "Lifts what these causes hold; what others hold stays.",
        LINES, "agent", schemas.UnbarIn, by_route(routes.unbar_service),
        [
            SERVICE,
            Field("kinds", "What", "many", "Everything when none is ticked.", options=KINDS),
            Field("causes", "What holds it", "many", "What operators and dunning hold when none is ticked.",
                  options=[*PERSONS, ("dunning", "unpaid invoices")]),
        ],
        previews.unbar,
    ),
    Action(
        "change-cycle-day", "Change the cycle day", "Later invoices are on another day of the month.",
        ACCOUNT, "agent", schemas.ChangeCycleDayIn, by_route(routes.change_cycle_day),
        [
            Field("cycle_day", "Cycle day", "whole", "1 to 31.", required=True),
            Field("bridge", "The days between", "choice", required=True, options=[
                ("extended", "belong to the cycle, for the same fee"), ("free", "are free"),
                ("prorated", "are charged by days")], value="extended"),
        ],
        previews.cycle_day,
    ),
    Action(
        "change-payment-method", "Use another method", "From now on; an announced debit follows it.",
        ACCOUNT, "agent", schemas.PaymentMethodIn, by_route(routes.change_payment_method),
        [Field("method_id", "Method", "choice", required=True, choices=options.methods)],
    ),
    Action(
        "close-account", "Close the account", "Ends every line now and bills the open cycle as the last one.",
        ACCOUNT, "agent", ActionIn, by_route(routes.close_account), tone="danger",
    ),
)  # fmt: skip
BY_NAME = {action.name: action for action in ACTIONS}
