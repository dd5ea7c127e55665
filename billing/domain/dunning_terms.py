"""The terms of a dunning policy beside its ladder: conditions and windows of steps, fees, and what may be agreed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from billing.domain.banking_days import is_public_holiday
from billing.domain.cycle_calendar import at_local_time, zone_info
from billing.domain.fields import Fields
from billing.domain.retry import FailureCategory
from billing.domain.tax import OUTSIDE

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CATEGORIES = tuple(category.value for category in FailureCategory)
_MOST_DAYS = 730
_LONGEST_SEARCH_DAYS = 30


@dataclass(frozen=True, slots=True)
class StepConditions:
    """What a step needs besides its day; what is left out holds always.

    ``least_pursued_minor``: undisputed, unpromised, unplanned overdue amount, in minor units. ``least_oldest_days``:
    local days since the oldest unpaid invoice fell due. ``segments``: only these; ``except_segments``: never these.
    ``failure_categories``: only after a last failure of these.
    """

    least_pursued_minor: int = 0
    least_oldest_days: int = 0
    least_unpaid_invoices: int = 0
    segments: tuple[str, ...] = ()
    except_segments: tuple[str, ...] = ()
    failure_categories: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; conditions that hold always are left out."""
        written = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {name: value for name, value in written.items() if value}

    @classmethod
    def read(cls, fields: Fields) -> StepConditions:
        """Read an operator's object. Raises InvalidValue naming the field."""
        conditions = cls(
            least_pursued_minor=fields.whole("least_pursued_minor", default=0),
            least_oldest_days=fields.whole("least_oldest_days", default=0, most=_MOST_DAYS),
            least_unpaid_invoices=fields.whole("least_unpaid_invoices", default=0, most=1000),
            segments=fields.codes("segments"),
            except_segments=fields.codes("except_segments"),
            failure_categories=fields.words("failure_categories", _CATEGORIES),
        )
        both = set(conditions.segments) & set(conditions.except_segments)
        if both:
            raise fields.refusal(
                "except_segments", f"{', '.join(sorted(both))} is asked for and left out.", "Name it once."
            )
        fields.finish()
        return conditions


@dataclass(frozen=True, slots=True)
class Window:
    """Hours and days at which a step may be taken: from ``from_hour`` to before ``to_hour`` local time.

    It narrows the policy's own hours and never widens them.
    """

    from_hour: int = 0
    to_hour: int = 24
    weekdays: tuple[str, ...] = WEEKDAYS
    public_holidays: bool = True

    def has_day(self, day: date, country: str) -> bool:
        """True when the step may be taken on this local date."""
        if WEEKDAYS[day.weekday()] not in self.weekdays:
            return False
        return self.public_holidays or not is_public_holiday(day, country)

    def next_open(self, at: datetime, zone: str, country: str) -> datetime:
        """The first instant from ``at`` on that lies in the window, in UTC."""
        local = at.astimezone(zone_info(zone))
        if self.has_day(local.date(), country) and self.from_hour <= local.hour < self.to_hour:
            return at
        first = local.date() if local.hour < self.from_hour else local.date() + timedelta(days=1)
        for later in range(_LONGEST_SEARCH_DAYS):
            day = first + timedelta(days=later)
            if self.has_day(day, country):
                return max(at, at_local_time(day, time(self.from_hour), zone))
        return at + timedelta(days=_LONGEST_SEARCH_DAYS)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**asdict(self), "weekdays": list(self.weekdays)}

    @classmethod
    def read(cls, fields: Fields) -> Window:
        """Read an operator's object. Raises InvalidValue naming the field."""
        window = cls(
            from_hour=fields.whole("from_hour", default=0, most=23),
            to_hour=fields.whole("to_hour", default=24, least=1, most=24),
            weekdays=fields.words("weekdays", WEEKDAYS) or WEEKDAYS,
            public_holidays=fields.flag("public_holidays", default=True),
        )
        if window.to_hour <= window.from_hour:
            raise fields.refusal("to_hour", "The window ends before it begins.", "Use a later hour, at most 24.")
        fields.finish()
        return window


@dataclass(frozen=True, slots=True)
class DunningFees:
    """What a customer in arrears is charged, in minor units, net; each fee is a line of the next invoice.

    The first ``free_reminders`` reminders of a case cost nothing; ``most_per_case_minor`` bounds the reminders of one
    case (0: no bound). A reminder fee is compensation and outside of VAT, a reconnection is a service and taxed by the
    brand's ``reconnection_tax_code``.
    """

    reminder_minor: int = 0
    free_reminders: int = 1
    most_per_case_minor: int = 0
    reconnection_minor: int = 0
    reminder_tax_code: str = OUTSIDE
    reconnection_tax_code: str = "standard"

    def of_reminder(self, reminders_before: int, charged_before_minor: int) -> int:
        """The fee of the next reminder of a case that had so many, and was charged so much for them."""
        if reminders_before < self.free_reminders:
            return 0
        if not self.most_per_case_minor:
            return self.reminder_minor
        return max(0, min(self.reminder_minor, self.most_per_case_minor - charged_before_minor))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def read(cls, fields: Fields) -> DunningFees:
        """Read an operator's object. Raises InvalidValue naming the field."""
        usual = cls()
        fees = cls(
            reminder_minor=fields.whole("reminder_minor", default=0),
            free_reminders=fields.whole("free_reminders", default=usual.free_reminders, most=50),
            most_per_case_minor=fields.whole("most_per_case_minor", default=0),
            reconnection_minor=fields.whole("reconnection_minor", default=0),
            reminder_tax_code=fields.code("reminder_tax_code", usual.reminder_tax_code),
            reconnection_tax_code=fields.code("reconnection_tax_code", usual.reconnection_tax_code),
        )
        fields.finish()
        return fees


@dataclass(frozen=True, slots=True)
class Arrangements:
    """What may be agreed with a customer in arrears: promises per case and payment plans, with their longest terms.

    ``grace_days``: whole local days after an instalment's date, or after the customer was told that it failed, before
    it counts as missed.
    """

    most_promises: int = 3
    longest_promise_days: int = 60
    most_instalments: int = 12
    longest_plan_days: int = 370
    grace_days: int = 3

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def read(cls, fields: Fields) -> Arrangements:
        """Read an operator's object. Raises InvalidValue naming the field."""
        usual = cls()
        terms = cls(
            most_promises=fields.whole("most_promises", default=usual.most_promises, most=100),
            longest_promise_days=fields.whole(
                "longest_promise_days", default=usual.longest_promise_days, most=_MOST_DAYS
            ),
            most_instalments=fields.whole("most_instalments", default=usual.most_instalments, most=60),
            longest_plan_days=fields.whole("longest_plan_days", default=usual.longest_plan_days, most=3 * _MOST_DAYS),
            grace_days=fields.whole("grace_days", default=usual.grace_days, most=30),
        )
        fields.finish()
        return terms


ALWAYS = StepConditions()
NO_FEES = DunningFees()
USUAL_ARRANGEMENTS = Arrangements()
