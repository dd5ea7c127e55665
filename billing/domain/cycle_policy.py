"""The cycle policy: the settings of a brand from which every cycle plan follows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from billing.domain.banking_days import TARGET, add_banking_days, bank_holidays, next_banking_day, public_holidays
from billing.domain.cycle_dates import MethodKind
from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields
from billing.domain.quiet_hours import QuietHours, refuse_quiet_hour

_A_YEAR = 2026
# Bacs: the advance notice of a debit in working days, and that of presenting an unpaid one again.
BACS_ADVANCE_NOTICE = 10
BACS_AGAIN_NOTICE = 5
UNITED_KINGDOM = "GB"


@dataclass(frozen=True, slots=True)
class CyclePolicy:
    """A brand's dates.

    ``billing_delay_days`` between close and issue, for late records; ``notice_days`` between the ready notice and the
    debit (banking days when ``notice_in_banking_days``, as Bacs needs); ``reminder_days`` before the debit;
    ``submission_lead_days`` that the provider of direct debits needs (cards need none);
    ``retry_notice_banking_days`` between the notice of a retry and its debit; hours are local hours of day.
    ``scheme_calendar`` names the banking days, ``country`` the public holidays on which no notice is sent (empty:
    none). A Bacs debit is announced ``bacs_notice_banking_days`` ahead in UK banking days: ten unless the service
    user's terms say fewer.
    """

    billing_delay_days: int = 1
    notice_days: int = 14
    notice_in_banking_days: bool = False
    reminder_days: int = 3
    debit_hour_local: int = 8
    notice_hour_local: int = 9
    scheme_calendar: str = TARGET
    submission_lead_days: int = 3
    retry_notice_banking_days: int = 2
    bacs_notice_banking_days: int = BACS_ADVANCE_NOTICE
    country: str = ""
    quiet_hours: QuietHours = field(default_factory=QuietHours)
    # Not an operator's to set here: a debit by bank file follows its creditor's bank instead of submission_lead_days.
    bank_lead_banking_days: int = 0
    bank_make_hour_local: int = 0

    def with_bank_lead(self, banking_days: int, make_hour_local: int) -> CyclePolicy:
        """These dates for debits by bank file, whose files are made at ``make_hour_local`` so many days before."""
        return replace(self, bank_lead_banking_days=banking_days, bank_make_hour_local=make_hour_local)

    def validate(self) -> None:
        """Check each field by itself; ``cycle_plan.validate_policy`` checks the dates that follow from them together.

        Raises InvalidValue naming the field.
        """
        refuse_quiet_hour(self.notice_hour_local, self.quiet_hours, "notice_hour_local")
        bank_holidays(self.scheme_calendar, _A_YEAR)
        public_holidays(self.country, _A_YEAR)
        if not self.scheme_calendar:
            raise InvalidValue(
                "A scheme's calendar is needed to find banking days.",
                field="scheme_calendar",
                value=self.scheme_calendar,
                remedy="Use TARGET, GB, US or a country code.",
            )

    def calendar_of(self, kind: MethodKind) -> str:
        """The calendar whose banking days a debit of this kind keeps: Bacs has its own."""
        return UNITED_KINGDOM if kind is MethodKind.BACS_DEBIT else self.scheme_calendar

    def earliest_debit(self, noticed_on: date, kind: MethodKind) -> date:
        """The first date for a debit announced on a local date: its notice period, moved forward to a banking day."""
        calendar = self.calendar_of(kind)
        if kind is MethodKind.BACS_DEBIT:
            return add_banking_days(noticed_on, self.bacs_notice_banking_days, calendar)
        if self.notice_in_banking_days:
            return add_banking_days(noticed_on, self.notice_days, calendar)
        return next_banking_day(noticed_on + timedelta(days=self.notice_days), calendar)

    def earliest_retry(self, noticed_on: date, kind: MethodKind) -> date:
        """The first date for a further debit announced on a local date."""
        days = self.retry_notice_banking_days
        if kind is MethodKind.BACS_DEBIT:
            days = max(days, min(BACS_AGAIN_NOTICE, self.bacs_notice_banking_days))
        return add_banking_days(noticed_on, days, self.calendar_of(kind))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "billing_delay_days": self.billing_delay_days,
            "notice_days": self.notice_days,
            "notice_in_banking_days": self.notice_in_banking_days,
            "reminder_days": self.reminder_days,
            "debit_hour_local": self.debit_hour_local,
            "notice_hour_local": self.notice_hour_local,
            "scheme_calendar": self.scheme_calendar,
            "submission_lead_days": self.submission_lead_days,
            "retry_notice_banking_days": self.retry_notice_banking_days,
            "bacs_notice_banking_days": self.bacs_notice_banking_days,
            "country": self.country or None,
            "quiet_hours": self.quiet_hours.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Any, path: str = "") -> CyclePolicy:
        """Read an operator's JSON; missing fields take their defaults, unknown ones are refused.

        Raises InvalidValue naming the field (under ``path``), its value and what would do.
        """
        fields = Fields(data, path)
        policy = cls(
            billing_delay_days=fields.whole("billing_delay_days", default=1, least=0, most=20),
            notice_days=fields.whole("notice_days", default=14, least=0, most=60),
            notice_in_banking_days=fields.flag("notice_in_banking_days", default=False),
            # A reminder on or after the debit is refused by the plan, which can name both dates.
            reminder_days=fields.whole("reminder_days", default=3, least=-30, most=60),
            debit_hour_local=fields.whole("debit_hour_local", default=8, least=0, most=23),
            notice_hour_local=fields.whole("notice_hour_local", default=9, least=0, most=23),
            scheme_calendar=fields.text("scheme_calendar", default=TARGET),
            submission_lead_days=fields.whole("submission_lead_days", default=3, least=0, most=30),
            retry_notice_banking_days=fields.whole("retry_notice_banking_days", default=2, least=1, most=20),
            bacs_notice_banking_days=fields.whole(
                "bacs_notice_banking_days", default=BACS_ADVANCE_NOTICE, least=1, most=BACS_ADVANCE_NOTICE
            ),
            country=fields.text("country", default=""),
            quiet_hours=QuietHours.within(fields, data, "quiet_hours", QuietHours()),
        )
        fields.finish()
        policy.validate()
        return policy
