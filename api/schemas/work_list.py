"""The work list of collections at the door: its filter, its accounts, its totals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from pydantic import ConfigDict, Field

from api.schemas.base import Day, Request, Response
from billing.domain.failure_words import category_in_words, code_in_words
from billing.domain.work_list import MOST_DAYS, MOST_MINOR, Sort, WorkFilter
from billing.ports.work_list import WorkItem


def _amount(said: str, shown: int) -> int | None:
    found: int | None = Field(default=None, ge=0, le=MOST_MINOR, description=said, examples=[shown])
    return found


def _days(said: str, shown: int) -> int | None:
    found: int | None = Field(default=None, ge=0, le=MOST_DAYS, description=said, examples=[shown])
    return found


def _word(said: str, shown: str) -> str:
    found: str = Field(default="", max_length=100, description=said, examples=[shown])
    return found


class WorkFilterIn(Request):
    """Which overdue accounts; what is left out does not narrow."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"segment": "business", "least_days": 30}]})

    brand: str = _word("Of this brand.", "vonk")
    segment: str = _word("Of this segment.", "business")
    text: str = _word("In the account's number or name.", "A100001")
    currency: str = _word("Owing in this currency.", "EUR")
    least_minor: int | None = _amount("At least so much overdue, in minor units.", 5000)
    most_minor: int | None = _amount("At most so much overdue, in minor units.", 100_000)
    least_days: int | None = _days("Overdue for at least so many local days.", 30)
    most_days: int | None = _days("Overdue for at most so many local days.", 90)
    least_invoices: int | None = _days("With at least so many unpaid invoices.", 2)
    policy_code: str = _word("Whose case walks by this policy; `none`: without an open case.", "default")
    policy_version: int | None = Field(default=None, ge=1, le=10**6, description="By this version.", examples=[1])
    stage: str = _word("Whose case took this step last.", "reminder@3")
    next_step: str = _word("Whose ladder has this step next.", "warn@10")
    next_from: Day | None = Field(
        default=None, description="Next look at the case on this local date or later.", examples=["2027-02-01"]
    )
    next_to: Day | None = Field(
        default=None, description="Next look at the case on this local date or earlier.", examples=["2027-02-07"]
    )
    failure: Literal[
        "",
        "funds",
        "technical",
        "needs_customer",
        "method_dead",
        "mandate_dead",
        "customer_refused",
        "hard_stop",
        "merchant_error",
        "duplicate",
    ] = Field(default="", description="Whose last try failed for this category of reason.", examples=["funds"])
    code: str = _word("Whose last try failed with this code of the scheme.", "AM04")
    method: Literal["", "card", "sepa_debit", "bacs_debit", "none"] = Field(
        default="", description="Paying by this kind of method; none: without a usable one.", examples=["card"]
    )
    arrangement: Literal["", "promise", "plan", "dispute", "hold", "pause", "handed_over", "in_flight", "nothing"] = (
        Field(default="", description="With this in force; nothing: none of them.", examples=["promise"])
    )
    barred: Literal["", "yes", "no"] = Field(
        default="", description="With, or without, a restricted service.", examples=["yes"]
    )
    cycle_day: int | None = Field(default=None, ge=1, le=31, description="Billed on this day.", examples=[15])

    def as_filter(self) -> WorkFilter:
        """The filter that the list reads. Raises InvalidValue for a range that runs backwards."""
        return WorkFilter(**{name: getattr(self, name) for name in WorkFilterIn.model_fields})


class WorkListQuery(WorkFilterIn):
    """The filter as query parameters, with the order and the page."""

    model_config = ConfigDict(strict=False)  # a query is all text

    sort: Sort = Field(
        default=Sort.LARGEST,
        description="By what: amount, age, next (the date of the next step) or number; with - the last first.",
        examples=["-amount"],
    )
    after: str = Field(default="", max_length=600, description="The next_after of the page before.", examples=[""])
    limit: int = Field(default=50, ge=1, le=500, description="Accounts on a page.", examples=[50])


class WorkItemOut(Response):
    """An account with overdue money, and what a clerk weighs."""

    account_id: str = Field(examples=["acc_1001"])
    brand: str
    number: str
    customer_name: str
    segment: str
    cycle_day: int
    currency: str = Field(examples=["EUR"])
    overdue_minor: int = Field(description="Open on invoices past their due date.")
    unpaid_invoices: int
    oldest_due_on: date
    days_overdue: int = Field(description="Local days since then.")
    policy_code: str = Field(description="Of the open case; empty without one.")
    policy_version: int
    stage: str = Field(description="The step that was taken last.")
    next_step: str = Field(description="The rung that comes next; empty at the end of the ladder.")
    next_action_at: datetime | None = Field(description="When the case is looked at again.")
    failure_category: str
    failure_code: str
    failure: str = Field(description="Why the last try failed, in words.")
    method: str = Field(description="The kind of the method in use; none without a usable one.")
    method_label: str
    promise_until: datetime | None
    plan_id: str | None
    disputed_minor: int
    in_flight: bool = Field(description="Money is under way.")
    handed_over: bool
    paused: bool
    hold_until: datetime | None
    services: int
    barred_services: int

    @classmethod
    def of(cls, item: WorkItem) -> WorkItemOut:
        account = item.account
        said = {
            name: getattr(account if hasattr(account, name) else item, name)
            for name in cls.model_fields
            if name != "failure"
        }
        return cls(**said, failure=failure_in_words(account.failure_category, account.failure_code))


def failure_in_words(category: str, code: str) -> str:
    """Category and code as a clerk reads them: ``not enough money (AM04: insufficient funds)``."""
    if not category:
        return ""
    what = code_in_words(code)
    named = f"{code}: {what}" if code and what != code.replace("_", " ") else what
    return f"{category_in_words(category)} ({named})" if named else category_in_words(category)


class WorkTotalOut(Response):
    """All that the filter chooses, in one currency."""

    currency: str
    accounts: int
    invoices: int
    overdue_minor: int


class WorkListOut(Response):
    """One page of the work list, with the totals of everything that the filter chooses."""

    accounts: Sequence[WorkItemOut]
    totals: Sequence[WorkTotalOut]
    next_after: str | None = Field(description="Continues the list with the same filter and sort; null at the end.")


class DueTodayOut(Response):
    """How many of a kind fall on today, and how much."""

    currency: str
    accounts: int
    amount_minor: int


class DayNumbersOut(Response):
    """What today brings, by the accounts' own dates."""

    promises: Sequence[DueTodayOut] = Field(description="Promises to be kept today.")
    instalments: Sequence[DueTodayOut] = Field(description="Instalments of payment plans due today.")
    holds: Sequence[DueTodayOut] = Field(description="Holds that end today, and what these accounts owe.")
