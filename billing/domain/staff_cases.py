"""What needs a person: the kinds of staff cases, how urgent each is, what it means and what to do.

A case is opened by the system once per kind and subject, seen again as long as its cause lasts, and closed by itself
when the cause is gone, where that can be known. A person acknowledges it, or closes it with a reason; a case closed
by a person stays closed until its cause was gone and came back. docs/cases.md has a section for each kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from billing.domain import bacs
from billing.domain.errors import InvalidValue

RUNBOOK = "docs/cases.md"
SYSTEM = "evenflow"
LONGEST_REASON = 500


class Severity(StrEnum):
    """How soon a person should look, the most urgent first."""

    URGENT = "urgent"  # customers are harmed, or money is at risk, while nobody looks
    HIGH = "high"  # today
    NORMAL = "normal"  # this week


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"  # nobody has looked yet
    ACKNOWLEDGED = "acknowledged"  # somebody works on it
    CLOSED = "closed"


@dataclass(frozen=True)
class CaseKind:
    """One kind of case.

    ``means`` and ``what_to_do`` are sentences for the person. ``told_after`` is how long, in real time, a case must
    last before staff are alerted: what mends itself within that time calls nobody. ``closes_itself``: the cause can be
    seen to be gone.
    """

    kind: str
    severity: Severity
    means: str
    what_to_do: str
    told_after: timedelta = timedelta(0)
    closes_itself: bool = True

    @property
    def runbook(self) -> str:
        """Where the runbook describes it."""
        return f"{RUNBOOK}#{self.kind.replace('_', '-')}"


REFUND_AND_CHARGEBACK = "refund_and_chargeback"
CONFIGURATION_REFUSED = "configuration_refused"
REPORTED_DEATH = "reported_death"
PARKED_WEBHOOK = "parked_webhook"
ORDER_UNCONFIRMED = "order_unconfirmed"
WORKFLOW_FAILED = "workflow_failed"
WORKFLOW_MISSING = "workflow_missing"
WORKFLOW_WITHOUT_ACCOUNT = "workflow_without_account"
PROVIDER_DIFFERENCE = "provider_difference"
DAILY_TOTALS_DIFFER = "daily_totals_differ"
INVARIANT_BROKEN = "invariant_broken"
WEBHOOK_SILENCE = "webhook_silence"
HELD_USAGE_FILE = "held_usage_file"
STUCK_STREAM = "stuck_stream"
USAGE_IN_FOLDER = "usage_in_folder"
USAGE_SENT_AGAIN = "usage_sent_again"
REPAIR_FAILING = "repair_failing"
MONEY_AFTER_CLOSING = "money_after_closing"
REFUND_WAITING = "refund_waiting"
DISPUTE_OPEN = "dispute_open"

DECEASED = "MD07"  # the reason code of the SEPA rulebook
DECEASED_CODES = frozenset({DECEASED, "recipient_deceased"}) | bacs.DECEASED

_MINUTES = timedelta(minutes=1)
_ALL = (
    CaseKind(
        REFUND_AND_CHARGEBACK,
        Severity.HIGH,
        "A payment was refunded and charged back as well: the customer may have the money twice.",
        "Tell the provider in the dispute that the payment was refunded. When the dispute is won, the case closes "
        "itself; when it is lost, agree with the customer on how the second amount comes back.",
    ),
    CaseKind(
        CONFIGURATION_REFUSED,
        Severity.URGENT,
        "The payment provider refuses our key, account or request: debits are held, and no customer hears of it.",
        "Mend the setting that the provider complains about (`evenflow doctor` tries each connection). The held debits "
        "go on by themselves.",
    ),
    CaseKind(
        REPORTED_DEATH,
        Severity.HIGH,
        "The customer's bank reports that the customer has died. Nothing is debited or pressed for any more, and "
        "coming invoices are not announced as a debit.",
        "Speak with the family: close or transfer the account, and write off or agree on what is open. Close this case "
        "only when the report was wrong or all is settled: debits are possible again from then on.",
        closes_itself=False,
    ),
    CaseKind(
        PARKED_WEBHOOK,
        Severity.NORMAL,
        "The provider told of a payment, refund or dispute that belongs to no attempt of ours.",
        "Find the object on the provider's pages. If it is another system's, close the case with that reason; if it is "
        "ours, the books were restored from an older copy: compare them with the provider.",
        told_after=30 * _MINUTES,
    ),
    CaseKind(
        ORDER_UNCONFIRMED,
        Severity.HIGH,
        "The network has not confirmed an order: services may be at another level than the customer was told.",
        "See the order's services at the network and set them by hand where it does not answer; upkeep goes on asking "
        "and the case closes when all are confirmed. An order that lifts a bar comes first.",
    ),
    CaseKind(
        WORKFLOW_FAILED,
        Severity.URGENT,
        "A workflow ended as failed, terminated or timed out, and no newer run took its place.",
        "Read its last event in the Temporal UI. Upkeep starts the workflow of an account or a case again by itself; "
        "another one is started by the command that began it.",
        told_after=20 * _MINUTES,
    ),
    CaseKind(
        WORKFLOW_MISSING,
        Severity.URGENT,
        "An open account has no running workflow and upkeep could not start one: nobody bills it or collects from it.",
        "The explanation names the reason; mend it, and the next round starts the workflow.",
        told_after=20 * _MINUTES,
    ),
    CaseKind(
        WORKFLOW_WITHOUT_ACCOUNT,
        Severity.HIGH,
        "An account's workflow runs and the books know no such open account: the books may be an older copy.",
        "If the books were restored from a copy, restore Temporal from the same moment, or open the account again; "
        "else terminate the workflow in the Temporal UI with a reason.",
        told_after=30 * _MINUTES,
    ),
    CaseKind(
        PROVIDER_DIFFERENCE,
        Severity.URGENT,
        "The provider took or gave back money, and the books have no entry of it, or one with another amount.",
        "Settle the attempt (its account's payments name it): that books what the provider says. If the difference "
        "stays, find what kept it from being booked, and book it with a reason.",
    ),
    CaseKind(
        DAILY_TOTALS_DIFFER,
        Severity.HIGH,
        "The totals of a day at the provider are not those of the books.",
        "`evenflow reconcile --day DAY` lists every movement that differs; each has a case of its own to settle.",
    ),
    CaseKind(
        INVARIANT_BROKEN,
        Severity.URGENT,
        "A rule of the books does not hold.",
        "See docs/invariants.md for what the rule means and what to do. The case lists where it does not hold.",
    ),
    CaseKind(
        WEBHOOK_SILENCE,
        Severity.HIGH,
        "Payments move at the provider and none of its webhooks reaches us; upkeep finds the news 15 minutes late.",
        "Compare the webhook's address and secret at the provider with ours, and the firewall before the API.",
    ),
    CaseKind(
        HELD_USAGE_FILE,
        Severity.HIGH,
        "A usage file is held for a person: nothing of it is counted, and files after it may wait.",
        "See why (`GET /v1/usage/files/{file_id}/report`), then release, reject or replace it.",
    ),
    CaseKind(
        STUCK_STREAM,
        Severity.URGENT,
        "A partition of the usage stream stands still: balances do not move and caps do not stop.",
        "The explanation names the trouble. Mend it, or move the position past what cannot be read.",
        told_after=5 * _MINUTES,
    ),
    CaseKind(
        USAGE_IN_FOLDER,
        Severity.HIGH,
        "A file lies in the watched folder and is not taken.",
        "Complete it (its marker may be missing), correct its profile's folder, or take it away.",
    ),
    CaseKind(
        USAGE_SENT_AGAIN,
        Severity.NORMAL,
        "One record_id was sent with very many different starts: the source may number its records anew.",
        "Ask the source; if its numbers are not unique, give it a profile with a key of its own.",
        closes_itself=False,
    ),
    CaseKind(
        REPAIR_FAILING,
        Severity.HIGH,
        "A repair of upkeep fails round after round: what it looks for is not mended meanwhile.",
        "The explanation names the reason, the worker's log the details.",
        told_after=45 * _MINUTES,
    ),
    CaseKind(
        MONEY_AFTER_CLOSING,
        Severity.HIGH,
        "Money of an account that has ended moved: it came in, went back or never came. The books have it, and no "
        "process acts on it any more.",
        "See what the account owes now, and what credit it has: ask for it by its paylink or write it off, give the "
        "credit back, and tell the agency where the debt was handed over.",
        closes_itself=False,
    ),
    CaseKind(
        REFUND_WAITING,
        Severity.HIGH,
        "A refund was asked for and the provider has not made it: the customer waits for the money.",
        "See why at the provider: its balance may be too low, or it is away. Upkeep asks again in every round, and the "
        "case closes when the refund is made or refused for good.",
        told_after=30 * _MINUTES,
    ),
    CaseKind(
        DISPUTE_OPEN,
        Severity.NORMAL,
        "The customer does not accept an invoice, or a part of it. That part is not collected or dunned meanwhile.",
        "Look at the invoice and its usage, and decide the dispute on the account's page: accepted credits the amount, "
        "rejected lets collection go on. The decision closes the case.",
    ),
)
KINDS = {each.kind: each for each in _ALL}


def kind_of(kind: str) -> CaseKind:
    """The kind of this name. Raises InvalidValue naming those there are."""
    if kind not in KINDS:
        raise InvalidValue(
            "There is no such kind of case.", field="kind", value=kind, remedy=f"Use one of: {', '.join(KINDS)}."
        )
    return KINDS[kind]


def a_reason(reason: str) -> str:
    """The reason of a person's decision, trimmed. Raises InvalidValue for none, or one that is too long."""
    trimmed = reason.strip()
    if not 0 < len(trimmed) <= LONGEST_REASON:
        remedy = f"Say why in 1 to {LONGEST_REASON} characters."
        raise InvalidValue(
            "A decision about a case needs its reason.", field="reason", value=reason[:80], remedy=remedy
        )
    return trimmed


def paid_out_twice(received_minor: int, refunded_minor: int, charged_back_minor: int) -> int:
    """What went back to the customer beyond what came in: refunds and standing chargebacks of one payment, less it."""
    return max(0, refunded_minor + charged_back_minor - received_minor)


def names_death(codes: Sequence[str]) -> bool:
    """Whether a provider's or bank's codes report the customer's death (SEPA rulebook: MD07)."""
    return any(code in DECEASED_CODES for code in codes)
