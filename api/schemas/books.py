"""The rules of the books and the providers' days at the door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schemas.base import Day, Request, Response
from billing.ports.provider_totals import ProviderTotals
from billing.services.invariant_checks import RuleState


class CheckRunOut(Response):
    """One check of one rule; instants are real time."""

    rule: str
    started_at: datetime
    duration_ms: int
    scope: str = Field(description="everything, or accounts: a slice and those lately booked on.")
    first_account_id: str | None = Field(description="The slice begins here.")
    last_account_id: str | None = Field(description="And ends here, included.")
    ends_pass: bool = Field(description="With this check every account had been looked at.")
    violations: int = Field(description="Where it was broken, in what was looked at.")
    examples: Sequence[dict[str, Any]] = Field(description="Up to 20 of them.")
    failure: str = Field(description="Why nothing was found out; empty when it was.")


class RuleStateOut(Response):
    """A rule of the books and how it stands."""

    rule: str = Field(examples=["ledger balances"])
    holds: str = Field(description="What must be so.")
    means: str = Field(description="What it means when it is not.")
    what_to_do: str = Field(description="What a person does then.")
    state: Literal["holds", "broken", "not_checked"] = Field(description="By all that was looked at so far.")
    broken: int = Field(description="Where it does not hold now; the case of the rule lists the places.")
    checked_as_a_whole_at: datetime | None = Field(description="When the last pass over all accounts ended; real time.")
    newest_check: CheckRunOut | None

    @classmethod
    def of(cls, state: RuleState) -> RuleStateOut:
        """The rule with its newest check."""
        standing = "broken" if state.broken else "holds" if state.newest else "not_checked"
        return cls.model_validate(
            {
                "rule": state.rule.name,
                "holds": state.rule.holds,
                "means": state.rule.means,
                "what_to_do": state.rule.remedy,
                "state": standing,
                "broken": state.broken,
                "checked_as_a_whole_at": state.whole_at,
                "newest_check": state.newest,
            }
        )


class CompareDayIn(Request):
    """A day at a provider to be held against the books."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"provider": "stripe"}]})

    day: Annotated[Day | None, Field(description="The provider's day, in UTC; yesterday when left out.")] = None
    provider: Annotated[str, Field(max_length=64, description="This one only; all when left out.")] = ""


class ProviderTotalsOut(Response):
    """A provider's day in one currency, in minor units, beside the same movements in the books."""

    provider: str
    day: date
    currency: str = Field(description="Empty for a day without any movement.")
    charged_count: int
    charged_minor: int
    refunded_minor: int = Field(description="Less refunds that failed.")
    disputed_minor: int = Field(description="Less disputes that were won.")
    fees_minor: int = Field(description="What the provider kept, where it says so.")
    foreign_minor: int = Field(description="Moved by another system at the same provider; not compared.")
    booked_charged_minor: int
    booked_refunded_minor: int
    booked_disputed_minor: int
    only_in_books_minor: int = Field(description="Receipts written down that day that the provider does not know.")
    agrees: bool
    differences: Sequence[dict[str, Any]] = Field(
        description="Each movement that is booked otherwise: kind, reference, account_id, provider_minor, booked_minor."
    )
    compared_at: datetime = Field(description="Real time.")

    @classmethod
    def of(cls, totals: ProviderTotals) -> ProviderTotalsOut:
        return cls.model_validate({name: getattr(totals, name) for name in cls.model_fields})
