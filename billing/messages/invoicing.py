"""What crosses between the process and invoicing."""

from __future__ import annotations

from dataclasses import dataclass

from billing.domain.cycle_plan import CyclePlan
from billing.messages.payments import MethodKind


@dataclass(frozen=True)
class IssueInvoiceRequest:
    """Close a cycle and issue its invoice; the same request again returns the same invoice."""

    account_id: str
    cycle_number: int
    in_dunning: bool = False  # while a case runs no debit is tried: the customer pays by paylink


@dataclass(frozen=True)
class IssuedInvoice:
    """The invoice of a cycle and the plan of the next one.

    ``to_collect_minor`` is what will be collected on ``plan.debit_on`` for ``collect_invoice_ids`` (this invoice after
    credit, plus small amounts carried over); zero when there is nothing to pay. ``method`` is NONE when the customer
    pays by paylink. ``next_plan`` is None for the last invoice of a closing account.
    """

    invoice_id: str
    number: str
    total_minor: int
    currency: str
    to_collect_minor: int
    collect_invoice_ids: tuple[str, ...]
    method: MethodKind
    plan: CyclePlan
    next_plan: CyclePlan | None
    explanation: str = ""


@dataclass(frozen=True)
class WaiveInvoiceRequest:
    """Credit what is open of an invoice, or ``amount_minor`` of it; a credit note is issued, the invoice stays."""

    account_id: str
    invoice_id: str
    reason: str
    author: str
    command_id: str = ""
    amount_minor: int = 0  # gross; zero: all that is open
    line_position: int = 0  # from 1; the line that the credit is about, taxed as that line


@dataclass(frozen=True)
class AdjustBalanceRequest:
    """Put a line on the next invoice: a charge when positive, a credit when negative; net, in minor units."""

    account_id: str
    amount_minor: int
    description: str
    reason: str
    author: str
    command_id: str = ""


@dataclass(frozen=True)
class CorrectionResult:
    """What a correction changed: the document or line made, and what is open of the account afterwards."""

    document_id: str
    open_minor: int
    settled_invoice_ids: tuple[str, ...] = ()
    explanation: str = ""


@dataclass(frozen=True)
class ChangeCycleDayRequest:
    """Move the account to another cycle day from the open cycle on; billed periods stay as they are."""

    account_id: str
    cycle_day: int
    policy: str  # extended | free | prorated
    reason: str
    author: str
    command_id: str = ""


@dataclass(frozen=True)
class CloseAccountRequest:
    """Close the account: services end now, the open cycle is billed at once as the last one."""

    account_id: str
    reason: str
    author: str
    command_id: str = ""


@dataclass(frozen=True)
class CyclePlanChanged:
    """The open cycle's plan after a change."""

    plan: CyclePlan
    cycle_day: int
    explanation: str = ""
