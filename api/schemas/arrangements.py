"""What is agreed or decided about a debt, at the door: plans, promises, fees, write-offs, hand-overs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schemas.actions import ActionIn, example
from api.schemas.base import Day, Request, Response, identity_pattern
from billing.messages.arrangements import AgreePaymentPlan, PlannedInstalment

InvoiceIdText = Annotated[str, Field(pattern=identity_pattern("inv"))]
CaseIdText = Annotated[
    str, Field(pattern=identity_pattern("case", optional=True), description="The newest when empty.")
]
PaidBy = Annotated[
    Literal["debit", "paylink"],
    Field(description="debit: announced and collected on each date; paylink: the customer is told to pay."),
]
Chosen = Annotated[
    list[InvoiceIdText], Field(max_length=100, description="What is to be paid; all that is overdue when empty.")
]
MINOR_MOST = 10**12


class InstalmentIn(Request):
    """One payment of a plan."""

    due_on: Day = Field(description="Local date of the brand.", examples=["2027-07-01"])
    amount_minor: int = Field(ge=1, le=MINOR_MOST, description="Gross, minor units.", examples=[1500])


TWO_INSTALMENTS: Any = [{"due_on": "2027-07-01", "amount_minor": 2500}, {"due_on": "2027-08-02", "amount_minor": 1710}]
Instalments = Annotated[
    list[InstalmentIn],
    Field(min_length=1, max_length=60, description="By rising date; together exactly what is open and undisputed."),
]
Replaced = Annotated[
    str,
    Field(pattern=identity_pattern("pln", optional=True), description="The running plan that it takes the place of."),
]


class AgreePlanIn(ActionIn):
    """Pay in instalments; preview it first."""

    model_config = example(invoice_ids=["inv_1001"], instalments=TWO_INSTALMENTS, paid_by="debit")
    invoice_ids: Chosen = Field(default_factory=list)
    instalments: Instalments
    paid_by: PaidBy = "debit"
    replaces: Replaced = ""

    def command_fields(self) -> dict[str, Any]:
        planned = tuple([PlannedInstalment(one.due_on, one.amount_minor) for one in self.instalments])
        return super().command_fields() | {"invoice_ids": tuple(self.invoice_ids), "instalments": planned}


class PreviewPlanIn(Request):
    """A plan to be checked; nothing is stored."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"invoice_ids": ["inv_1001"], "instalments": TWO_INSTALMENTS}]}
    )
    invoice_ids: Chosen = Field(default_factory=list)
    instalments: Instalments
    paid_by: PaidBy = "debit"
    replaces: Replaced = ""

    def as_command(self) -> AgreePaymentPlan:
        """The command that would be given."""
        planned = tuple([PlannedInstalment(one.due_on, one.amount_minor) for one in self.instalments])
        return AgreePaymentPlan("", "", "", tuple(self.invoice_ids), planned, self.paid_by, self.replaces)


class ProposePlanIn(Request):
    """A plan of even instalments to be worked out; nothing is stored."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"invoice_ids": ["inv_1001"], "count": 2, "paid_by": "paylink"}]}
    )
    invoice_ids: Chosen = Field(default_factory=list)
    count: int = Field(ge=1, le=60, description="How many instalments.")
    every: Literal["week", "two_weeks", "month"] = Field(default="month", description="From one to the next.")
    first_on: Day | None = Field(default=None, description="Of the first one; the first possible date when left out.")
    paid_by: PaidBy = "debit"
    replaces: Replaced = ""

    def as_command(self) -> AgreePaymentPlan:
        """The command that would be given, its instalments still to be worked out."""
        return AgreePaymentPlan("", "", "", tuple(self.invoice_ids), (), self.paid_by, self.replaces)


class CancelPlanIn(ActionIn):
    """The end of a plan; what it covered is pressed for again."""

    model_config = example(plan_id="pln_1001")
    plan_id: str = Field(pattern=identity_pattern("pln"), description="The running plan.")


class WriteOffIn(ActionIn):
    """What is given up."""

    model_config = example(invoice_ids=["inv_1001"])
    invoice_ids: list[InvoiceIdText] = Field(
        default_factory=list, max_length=100, description="All of the newest case when empty."
    )

    def command_fields(self) -> dict[str, Any]:
        return super().command_fields() | {"invoice_ids": tuple(self.invoice_ids)}


class RestoreIn(ActionIn):
    """The end of a write-off: what is left of it is owed again."""

    model_config = example(write_off_id="4f1c2a5e-1d0b-4f0e-9a53-6f0f6f8e1b11")
    write_off_id: str = Field(min_length=1, max_length=200, description="As the list of write-offs names it.")


class HandOverIn(ActionIn):
    """A case for a collection agency."""

    model_config = example(case_id="case_1001", agency="Incasso Noord")
    case_id: CaseIdText = ""
    agency: str = Field(min_length=1, max_length=200, description="Who collects from now on.")


class TakeBackIn(ActionIn):
    """The end of a hand-over; a new case begins."""

    model_config = example(case_id="case_1001")
    case_id: CaseIdText = ""


class InstalmentOut(Response):
    """One payment of a plan; ``asked_at``, ``told_at``: when its debit was asked for, when the customer was told."""

    number: int
    due_on: date
    amount_minor: int
    asked_at: datetime | None = None
    told_at: datetime | None = None


class ProposedPlanOut(Response):
    """A plan as it would be agreed; ``earliest_on`` is the first date that can be announced in time."""

    invoice_ids: Sequence[str]
    total_minor: int
    currency: str
    paid_by: str
    instalments: Sequence[InstalmentOut]
    earliest_on: date
    explanation: str


class PaymentPlanOut(Response):
    """A payment plan, and how it ended."""

    plan_id: str
    invoice_ids: Sequence[str]
    total_minor: int
    currency: str
    paid_by: str
    instalments: Sequence[InstalmentOut]
    status: Literal["running", "kept", "broken", "cancelled", "replaced"]
    made_at: datetime
    author: str
    reason: str
    ended_at: datetime | None
    end_reason: str


class PromiseOut(Response):
    """A promise to pay; ``amount_minor`` zero: everything open. ``outcome`` is empty while it runs."""

    promise_id: str
    case_id: str | None
    pay_by: date | None
    until: datetime
    amount_minor: int
    open_before_minor: int
    made_at: datetime
    author: str
    reason: str
    outcome: Literal["", "kept", "broken", "replaced", "unrecorded"]
    ended_at: datetime | None


class FeeOut(Response):
    """A dunning fee, net; ``note`` says why one was not charged."""

    fee_id: str
    case_id: str
    kind: Literal["reminder", "reconnection"]
    occasion: str
    amount_minor: int
    currency: str
    tax_code: str
    adjustment_id: str | None
    note: str
    charged_at: datetime
    waived_at: datetime | None
    waived_by: str
    waive_reason: str


class WriteOffOut(Response):
    """A write-off; ``left_minor`` of it was neither taken back nor paid after all."""

    write_off_id: str
    at: datetime
    amount_minor: int
    left_minor: int
    currency: str
    shares_minor: Mapping[str, int]
    reason: str


class HandOverOut(Response):
    """A case with a collection agency, until it is taken back."""

    hand_over_id: str
    case_id: str
    agency: str
    amount_minor: int
    currency: str
    invoice_ids: Sequence[str]
    handed_over_at: datetime
    author: str
    reason: str
    taken_back_at: datetime | None
    taken_back_by: str
    take_back_reason: str


class CaseFileOut(Response):
    """Everything an agency needs of a case; each section holds plain objects, amounts in minor units."""

    case_id: str
    currency: str
    open_minor: int
    disputed_minor: int
    debtor: Mapping[str, Any]
    case: Mapping[str, Any]
    invoices: Sequence[Mapping[str, Any]]
    payments: Sequence[Mapping[str, Any]]
    notices: Sequence[Mapping[str, Any]]
    fees: Sequence[Mapping[str, Any]]
    agreements: Sequence[Mapping[str, Any]]
    hand_overs: Sequence[Mapping[str, Any]]
    story: Sequence[Mapping[str, Any]]
