"""What is agreed or decided about a debt: payment plans, write-off, hand-over. Commands to the account, and requests.

All fields have defaults, so that a message of an older or newer sender still decodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from billing.messages.account import Command


@dataclass(frozen=True)
class PlannedInstalment:
    """One payment of a plan: minor units, by a local date."""

    due_on: date
    amount_minor: int


@dataclass(frozen=True)
class AgreePaymentPlan(Command):
    """Pay what is open and undisputed on ``invoice_ids`` (empty: all that is overdue) in instalments.

    ``paid_by`` is debit or paylink. ``replaces`` names the running plan that this one takes the place of.
    """

    invoice_ids: tuple[str, ...] = ()
    instalments: tuple[PlannedInstalment, ...] = ()
    paid_by: str = "debit"
    replaces: str = ""


@dataclass(frozen=True)
class CancelPaymentPlan(Command):
    """End a running plan; what it covered is pressed for again."""

    plan_id: str = ""


@dataclass(frozen=True)
class WriteOffDebt(Command):
    """Give up what is open on ``invoice_ids``; of the account's newest case when empty."""

    invoice_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class RestoreDebt(Command):
    """Take a write-off back: what it gave up and nobody paid since is owed again."""

    write_off_id: str = ""


@dataclass(frozen=True)
class HandOverCase(Command):
    """Give a case to a collection agency; it is not pressed for by us any more."""

    case_id: str = ""
    agency: str = ""


@dataclass(frozen=True)
class TakeBackCase(Command):
    """Press for a handed-over case again: a new case begins."""

    case_id: str = ""


@dataclass(frozen=True)
class PlanRequest:
    """Carry out one of the commands about payment plans."""

    account_id: str
    agree: AgreePaymentPlan | None = None
    cancel: CancelPaymentPlan | None = None


@dataclass(frozen=True)
class DebtRequest:
    """Carry out one of the decisions about a debt."""

    account_id: str
    write_off: WriteOffDebt | None = None
    restore: RestoreDebt | None = None
    hand_over: HandOverCase | None = None
    take_back: TakeBackCase | None = None


@dataclass(frozen=True)
class Arranged:
    """What the command changed, in words. ``invoice_ids`` are covered, settled or owed again, as the command says.

    ``first_due_on`` and ``first_minor`` are a plan's first instalment, for its notice; ``subject`` its id.
    """

    summary: str
    subject: str = ""
    invoice_ids: tuple[str, ...] = ()
    amount_minor: int = 0
    currency: str = ""
    first_due_on: date | None = None
    first_minor: int = 0
